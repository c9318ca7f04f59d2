import type { Command } from 'commander';
import { connect } from '../api/connect.js';
import type { Format, GlobalOptions } from '../command-line.js';
import { age } from '../output/cells.js';
import { type Column, printDocument, printRows } from '../output/print.js';
import type { Terminal } from '../terminal.js';
import { type Counted, isSecret, type Key, readInventory } from './inventory.js';

const COLUMNS: readonly Column<Key>[] = [
  { heading: 'KIND', cell: ({ kind }) => kind },
  { heading: 'MESH', cell: ({ mesh }) => mesh || '-' },
  { heading: 'KID', cell: ({ kid }) => kid },
  { heading: 'THUMBPRINT', cell: ({ thumbprint }) => thumbprint.slice(0, 8) },
  { heading: 'AGE', cell: (key, now) => (isSecret(key) ? age(key.createdAt, now) : '-') },
  { heading: 'PHASE', cell: ({ phase }) => phase },
  { heading: 'SIGNS', cell: ({ signs }) => (signs ? 'yes' : 'no') },
  { heading: 'ZONES', cell: zonesCell },
  { heading: 'PROXIES', cell: ({ proxies }) => proxies.length },
  { heading: 'TOKENS', cell: ({ tokens }) => tokensCell(tokens) },
  { heading: 'FOUND IN', cell: (key) => (isSecret(key) ? 'secret' : key.foundIn) },
];

export async function listKeys(command: Command, terminal: Terminal): Promise<void> {
  const { output } = command.optsWithGlobals<GlobalOptions & { output: Format }>();
  const { api } = await connect(command, terminal);
  const inventory = await readInventory(api);
  if (output === 'table') printRows(COLUMNS, inventory.keys, terminal);
  else await printDocument(output, inventory, terminal);
}

/** Those that have it; then, with a word, those that do not, or of which nobody knows. */
function zonesCell({ crossing, zones }: Key): string {
  if (crossing === 'never') return 'stays here';
  const named = (has: string) =>
    zones
      .filter((zone) => zone.has === has)
      .map(({ zone }) => zone)
      .join(',');
  const parts = [named('yes'), named('no') && `not ${named('no')}`, named('unknown') && `${named('unknown')}?`];
  return parts.filter((part) => part !== '').join(' ') || '-';
}

/** How many are not expired, `3+` when somebody signs with it who does not tell. */
function tokensCell(tokens: readonly Counted[]): string {
  const told = tokens.flatMap(({ unexpired }) => unexpired ?? []);
  if (told.length === 0) return 'not recorded';
  const sum = told.reduce((all, one) => all + one, 0);
  return `${sum}${told.length < tokens.length ? '+' : ''}`;
}
