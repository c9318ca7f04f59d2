import type { Command } from 'commander';
import { connect } from '../api/connect.js';
import type { Format, GlobalOptions } from '../command-line.js';
import { type Column, printDocument, printRows } from '../output/print.js';
import type { Terminal } from '../terminal.js';
import { readSync, type Sync, type TypeSync } from './report.js';

interface Row extends TypeSync {
  readonly zone: string;
  readonly status: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { heading: 'ZONE', cell: ({ zone }) => zone },
  { heading: 'STATUS', cell: ({ status }) => status },
  { heading: 'TYPE', cell: ({ type }) => type },
  { heading: 'WRITTEN', cell: ({ written }) => revision(written) },
  { heading: 'SENT', cell: ({ sent }) => revision(sent) },
  { heading: 'APPLIED', cell: ({ applied }) => revision(applied) },
  { heading: 'LAG', cell: ({ lagMs }) => lag(lagMs) },
  { heading: 'STALE SINCE', cell: ({ staleSince }) => staleSince ?? '-' },
  { heading: 'LAST ERROR', cell: ({ lastError }) => lastError ?? '-' },
];

/** Prints a row for each zone and type, then what is wrong with whom. */
export async function syncStatus(command: Command, terminal: Terminal): Promise<void> {
  const { output } = command.optsWithGlobals<GlobalOptions & { output: Format }>();
  const { api } = await connect(command, terminal);
  const sync = await readSync(api);
  if (output !== 'table') return printDocument(output, sync, terminal);
  printRows(COLUMNS, linksOf(sync).flatMap(rowsOf), terminal);
  for (const { zone, status, reason, lagMs } of linksOf(sync)) {
    if (status === 'Online' || status === 'stand-alone') continue;
    const age = lagMs === null ? '' : `, what it has is up to ${lag(lagMs)} old`;
    terminal.out.write(`zone ${zone} is ${status}${reason === null ? '' : `: ${reason}`}${age}\n`);
  }
}

interface LinkState {
  readonly zone: string;
  readonly status: string;
  readonly reason: string | null;
  readonly lagMs: number | null;
  readonly types: readonly TypeSync[];
}

function linksOf(sync: Sync): LinkState[] {
  if (sync.mode === 'global') return sync.zones.map((zone) => ({ ...zone, status: zone.state }));
  const { zone, state, status = state, reason = null, lagMs = null, types = [] } = sync;
  return [{ zone, status, reason, lagMs, types }];
}

/** Of a zone without a link there is nothing to tell by type. */
function rowsOf({ zone, status, types, lagMs }: LinkState): Row[] {
  const nothing = { type: '-', written: null, applied: null, lagMs: lagMs ?? 0, staleSince: null, lastError: null };
  return (types.length > 0 ? types : [nothing]).map((type) => ({ ...type, zone, status }));
}

function revision(n: number | null | undefined): string {
  return n === null || n === undefined || n < 0 ? '-' : String(n);
}

/** `0`, `250ms`, `4.2s`, `1m30s`, `720h0m`. */
export function lag(ms: number): string {
  if (ms < 1_000) return ms === 0 ? '0' : `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)}s`;
  const seconds = Math.round(ms / 1_000);
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes}m${seconds % 60}s` : `${Math.floor(minutes / 60)}h${minutes % 60}m`;
}
