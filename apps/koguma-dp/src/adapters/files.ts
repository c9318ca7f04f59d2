import { readFileSync } from 'node:fs';
import { Failure } from '../failure.js';

/** The text of a file. @param what the file is, as errors call it: `the dataplane file` */
export function readText(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'is not there' : `cannot be read (${code})`;
    throw new Failure(`${what} ${path} ${why}`, 'Name a file that this user may read.');
  }
}
