import { chmodSync, closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Log, rfc3339, systemClock } from '@koguma/core';
import { makeFolder } from './durable.js';

/** Only its owner may read a store: it holds private keys. */
const OWNER_ONLY = 0o600;

/**
 * Makes the file that a database will be opened in. It never opens one that exists: closing any handle of a file
 * ends all POSIX locks that this process has on it, those of a store that is open included.
 */
export function makeFile(file: string): void {
  makeFolder(path.dirname(file));
  try {
    closeSync(openSync(file, 'wx', OWNER_ONLY));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/**
 * Writes down who holds the database, to be told to whoever finds it locked. The lock itself is SQLite's: a note
 * that a killed process left behind keeps nobody out and is written over.
 */
export function takeHold(file: string, log: Log): void {
  const name = path.basename(process.argv[1] ?? process.title, '.js');
  const note = { pid: process.pid, name, opened: rfc3339(systemClock.wall()) };
  try {
    chmodSync(file, OWNER_ONLY);
    writeFileSync(noteOf(file), `${JSON.stringify(note)}\n`, { mode: OWNER_ONLY });
  } catch (error) {
    log.warn('cannot write down who holds the store', { file, error: String(error) });
  }
}

/** Before the lock is released, so that it is never the next holder's note that goes. */
export function endHold(file: string): void {
  rmSync(noteOf(file), { force: true });
}

/** Who holds a locked database, in words. */
export function holderOf(file: string): string {
  try {
    const { pid, name, opened } = JSON.parse(readFileSync(noteOf(file), 'utf8')) as Record<string, unknown>;
    return `${String(name)} (pid ${String(pid)}, since ${String(opened)})`;
  } catch {
    return 'another process';
  }
}

function noteOf(file: string): string {
  return `${file}.holder`;
}
