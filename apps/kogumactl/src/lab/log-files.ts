import * as fs from 'node:fs';
import type { Plan } from './topology.js';

/** Where one run of a control plane writes to, as open files, and where in its log the run begins. */
export interface Logs {
  readonly out: number;
  readonly err: number;
  readonly errFile: string;
  readonly begin: number;
}

const ROTATE_AT = 10 * 1024 * 1024;
const TAIL_BYTES = 16 * 1024;
const TAIL_LINES = 10;
const LONGEST_LINE = 400;

/**
 * Opens the logs for one run: the control plane writes to the files itself, so what it says on its way down is there
 * even when the supervisor is gone. A log beyond 10 MiB is put aside first, in place of the one put aside before.
 */
export function openLogs({ log, folder }: Plan): Logs {
  if ((fs.statSync(log, { throwIfNoEntry: false })?.size ?? 0) > ROTATE_AT) fs.renameSync(log, `${log}.1`);
  // Not in the log itself: what Node prints when a process dies is not JSON.
  const errFile = `${folder}/stderr.log`;
  const out = fs.openSync(log, 'a', 0o600);
  return { out, err: fs.openSync(errFile, 'w', 0o600), errFile, begin: fs.fstatSync(out).size };
}

/** The last words of a run: of its standard error if it wrote there, else of its log. */
export function lastLines({ log }: Plan, { errFile, begin }: Logs): string[] {
  const errors = tail(errFile, 0);
  return errors.length > 0 ? errors : tail(log, begin);
}

function tail(file: string, begin: number): string[] {
  const size = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  const from = Math.max(begin, size - TAIL_BYTES);
  if (size <= from) return [];
  const bytes = Buffer.alloc(size - from);
  const fd = fs.openSync(file, 'r');
  try {
    fs.readSync(fd, bytes, 0, bytes.length, from);
  } finally {
    fs.closeSync(fd);
  }
  const lines = bytes.toString('utf8').split('\n').map(readable);
  return lines.filter((line) => line.trim() !== '').slice(-TAIL_LINES);
}

/** A line of JSON as its message; any other line as it is, without what would move the cursor. */
function readable(line: string): string {
  const text = messageOf(line) ?? line;
  const plain = Array.from(text, (char) => ((char < ' ' && char !== '\t') || char === '\x7f' ? ' ' : char)).join('');
  return plain.length > LONGEST_LINE ? `${plain.slice(0, LONGEST_LINE)}…` : plain;
}

function messageOf(line: string): string | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const { msg, err } = JSON.parse(line) as { msg?: unknown; err?: { message?: unknown } };
    const parts = [msg, err?.message].filter((part) => typeof part === 'string' && part !== '');
    return parts.length > 0 ? parts.join(': ') : undefined;
  } catch {
    return undefined;
  }
}
