import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { expandHome } from '../../adapters/command.js';

/** Times of files move in steps: what was changed so lately may be changed again without a sign. */
const STEP_MS = 1_000;

/**
 * A text that is another one whenever one of these files, or of the files in these folders, may have changed. What cannot be
 * looked at counts as not there: whoever reads it says why.
 */
export function stampOf(paths: readonly string[]): string {
  const listed = paths.map(expandHome).flatMap((one) => [one, ...filesIn(one)]);
  return listed.map(stampOfOne).join(';');
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => path.join(folder, name));
  } catch {
    return [];
  }
}

function stampOfOne(file: string): string {
  try {
    const { ino, size, mtimeMs, ctimeMs } = statSync(file);
    const isFresh = Date.now() - ctimeMs < STEP_MS;
    return [ino, size, mtimeMs, ctimeMs, ...(isFresh ? [performance.now()] : [])].join();
  } catch {
    return 'none';
  }
}
