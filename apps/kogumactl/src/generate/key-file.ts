import { readFileSync } from 'node:fs';
import { Failure } from '../failure.js';

/** @throws Failure */
export function readKeyFile(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Failure(`${file} cannot be read (${code})`, 'Check --signing-key-path.');
  }
}
