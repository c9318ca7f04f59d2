import type { Command } from 'commander';
import { connect } from '../api/connect.js';
import type { Format, GlobalOptions } from '../command-line.js';
import { Failure } from '../failure.js';
import { type Column, printDocument, printRows } from '../output/print.js';
import type { Terminal } from '../terminal.js';

/** `GET /koguma/timeline/…`, as far as it is read here: milliseconds from the write on global. */
interface Travel {
  readonly of: 'revocation' | 'key';
  readonly id: string;
  readonly name: string;
  readonly writtenAt: string;
  readonly revision: number;
  readonly milestones: readonly Milestones[];
}

interface Milestones {
  readonly controlPlane: string;
  readonly sent: number | null;
  readonly applied: number | null;
  readonly firstRefusal: number | null;
  readonly lastClosed: number | null;
  readonly closed: number;
}

const COLUMNS: readonly Column<Milestones>[] = [
  { heading: 'CONTROL PLANE', cell: ({ controlPlane }) => controlPlane },
  { heading: 'WRITTEN', cell: ({ controlPlane }) => (controlPlane === 'global' ? '0 ms' : '-') },
  { heading: 'SENT', cell: ({ sent }) => after(sent) },
  { heading: 'APPLIED', cell: ({ controlPlane, applied }) => (controlPlane === 'global' ? '-' : after(applied)) },
  { heading: 'FIRST REFUSAL', cell: ({ firstRefusal }) => after(firstRefusal) },
  {
    heading: 'LAST STREAM CLOSED',
    cell: ({ lastClosed, closed }) => `${after(lastClosed)}${closed ? ` (${closed})` : ''}`,
  },
];

export async function showTimeline(
  of: 'revocation' | 'key',
  wanted: string,
  command: Command,
  terminal: Terminal,
): Promise<void> {
  const { output } = command.optsWithGlobals<GlobalOptions & { output: Format }>();
  const { api } = await connect(command, terminal);
  const answer = await api.get<{ items: readonly Travel[] }>('/koguma/timeline', [[of, wanted]]);
  if (answer.items.length === 0) {
    const what = of === 'key' ? 'no key was written or deleted in a secret' : 'nothing revoked the token';
    const todo = 'Check the name; global remembers the latest 200, since its start.';
    throw new Failure(`${what} ${JSON.stringify(wanted)} that global remembers`, todo);
  }
  if (output !== 'table') return printDocument(output, answer, terminal);
  for (const { name, writtenAt, revision, milestones } of answer.items) {
    terminal.out.write(`${name}, revision ${revision}, written at ${writtenAt}\n`);
    printRows(COLUMNS, milestones, terminal);
  }
}

function after(ms: number | null): string {
  if (ms === null) return '-';
  return ms < 1_000 ? `${ms < 10 ? ms : Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}
