import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Makes a folder and those above it, for their owner only, so that they are still there after a power cut. */
export function makeFolder(folder: string): void {
  const first = mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  const highest = path.dirname(first);
  for (let made = path.resolve(folder); made !== highest; made = path.dirname(made)) syncFolder(path.dirname(made));
}

/** Puts a text in the place of a file: after a power cut there is the one or the other, and once this returns the new one. */
export function replaceFile(file: string, text: string, mode: number): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600, flush: true });
  chmodSync(`${file}.new`, mode);
  renameSync(`${file}.new`, file);
  syncFolder(path.dirname(file));
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
