import type { Format } from '../command-line.js';
import type { Terminal } from '../terminal.js';
import { table } from './table.js';

/** One column of a table of things. */
export interface Column<T> {
  readonly heading: string;
  /** @param now milliseconds since the epoch */
  readonly cell: (item: T, now: number) => string | number;
}

/** A page of a list, as the API answers it. */
export interface Page<T> {
  readonly total?: number;
  readonly items: readonly T[];
  /** Where the next page is; absent or null on the last one. */
  readonly next?: string | null;
}

/** Where the next page of a list begins; null on the last one. */
export function offsetOfNext({ next }: Pick<Page<unknown>, 'next'>): string | null {
  return next ? new URL(next, 'http://localhost').searchParams.get('offset') : null;
}

/** Prints what was answered, as it was answered. */
export async function printDocument(
  format: Exclude<Format, 'table'>,
  value: object,
  { out }: Pick<Terminal, 'out'>,
): Promise<void> {
  if (format === 'json') {
    out.write(`${JSON.stringify(value, undefined, 2)}\n`);
    return;
  }
  const { stringify } = await import('yaml');
  out.write(stringify(value, { lineWidth: 0 }));
}

/** Prints a row for each. What a terminal would act on is not passed to it: names and tags were written by others. */
export function printRows<T>(columns: readonly Column<T>[], items: readonly T[], { out }: Pick<Terminal, 'out'>): void {
  const now = Date.now();
  const rows = items.map((item) => columns.map(({ cell }) => printable(String(cell(item, now)))));
  const headings = columns.map(({ heading }) => heading);
  for (const line of table(headings, rows)) out.write(`${line}\n`);
}

/** Passes on what a control plane wants known. */
export function warn(warnings: readonly string[], { err }: Pick<Terminal, 'err'>): void {
  for (const warning of warnings) err.write(`Warning: ${printable(warning)}\n`);
}

function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '?');
}
