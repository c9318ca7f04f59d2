import { readFileSync } from 'node:fs';

/** The bytes of a file that holds a key, read once. */
export function readKeyFile(path: string): Uint8Array {
  return readFileSync(path);
}
