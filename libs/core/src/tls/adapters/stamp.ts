import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { expandHome } from '../../adapters/command.js';

/** Times of files move in steps: what was changed so lately may be changed again without a sign. */
const STEP_MS = 1_000;

/** A text that is another one whenever one of these files, or of the files in these folders, may have changed. */
export function stampOf(paths: readonly string[]): string {
  const listed = paths.map(expandHome).flatMap((one) => [one, ...filesIn(one)]);
  return listed.map(stampOfOne).join(';');
}

function filesIn(folder: string): string[] {
  const isFolder = statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
  return isFolder ? readdirSync(folder).map((name) => path.join(folder, name)) : [];
}

function stampOfOne(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (!stat) return 'none';
  const isFresh = Date.now() - stat.ctimeMs < STEP_MS;
  return [stat.ino, stat.size, stat.mtimeMs, stat.ctimeMs, ...(isFresh ? [performance.now()] : [])].join();
}
