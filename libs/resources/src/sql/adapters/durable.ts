import {
  chmodSync,
  chownSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';

/** Makes a folder and those above it, for their owner only, so that they are still there after a power cut. */
export function makeFolder(folder: string): void {
  const first = mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  const highest = path.dirname(first);
  for (let made = path.resolve(folder); made !== highest; made = path.dirname(made)) syncFolder(path.dirname(made));
}

/**
 * Puts a text in the place of a file: after a power cut there is the one or the other, and once this returns the new one.
 * @param old whose owner and mode it keeps; its user's alone where there was none
 * @throws the error of the file system; the file is as it was then
 */
export function replaceFile(file: string, text: string, old: Stats | undefined): void {
  const fresh = `${file}.new`;
  try {
    writeFileSync(fresh, text, { mode: 0o600, flush: true });
    if (old) {
      chownSync(fresh, old.uid, old.gid);
      chmodSync(fresh, old.mode);
    }
    renameSync(fresh, file);
  } catch (error) {
    remove(fresh);
    throw error;
  }
  syncFolder(path.dirname(file));
}

/** Takes away what may not be there. */
function remove(file: string): void {
  try {
    rmSync(file);
  } catch {
    // What led here is what is told.
  }
}

/** The names in a folder are as durable as its last sync. */
function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
