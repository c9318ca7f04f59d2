import type { ResourceType } from '@koguma/resources';
import type { Command } from 'commander';
import { connect } from '../api/connect.js';
import { type Format, type GlobalOptions, pairs } from '../command-line.js';
import { type Column, offsetOfNext, type Page, printDocument, printRows } from '../output/print.js';
import { listPath } from '../resources/paths.js';
import type { Terminal } from '../terminal.js';
import { DATAPLANE_COLUMNS, MESH_COLUMNS, ZONE_COLUMNS, ZONE_PROXY_COLUMNS } from './tables.js';

interface Options extends GlobalOptions {
  readonly output: Format;
  readonly tag?: readonly string[];
  readonly gateway?: boolean;
}

type Query = readonly (readonly [string, string])[];

/** The largest page that a control plane gives. */
const PAGE = '1000';

/** What is asked for, and how it is shown. */
interface Inspection<T> {
  readonly path: (mesh: string) => string;
  readonly query?: Query;
  readonly columns: readonly Column<T>[];
}

export function inspectZones(command: Command, terminal: Terminal): Promise<void> {
  return inspect({ path: () => overviews('Zone'), columns: ZONE_COLUMNS }, command, terminal);
}

export function inspectZoneProxies(type: 'ZoneIngress' | 'ZoneEgress', command: Command, terminal: Terminal) {
  return inspect({ path: () => overviews(type), columns: ZONE_PROXY_COLUMNS }, command, terminal);
}

export function inspectDataplanes(command: Command, terminal: Terminal): Promise<void> {
  const { tag = [], gateway } = command.optsWithGlobals<Options>();
  const tags = tag.flatMap((text) => Object.entries(pairs('--tag', [text])));
  const query: Query = [
    ...tags.map(([key, value]) => ['tag', `${key}:${value}`] as const),
    ...(gateway ? [['gateway', 'true'] as const] : []),
  ];
  const path = (mesh: string) => overviews('Dataplane', mesh);
  return inspect({ path, query, columns: DATAPLANE_COLUMNS }, command, terminal);
}

export function inspectMeshes(command: Command, terminal: Terminal): Promise<void> {
  return inspect({ path: () => '/mesh-insights', columns: MESH_COLUMNS }, command, terminal);
}

function overviews(type: ResourceType, mesh = ''): string {
  return `${listPath(type, mesh)}/_overview`;
}

/** Shows all that there are, also when they are more than one page. */
async function inspect<T>({ path, query = [], columns }: Inspection<T>, command: Command, terminal: Terminal) {
  const { output } = command.optsWithGlobals<Options>();
  const { api, mesh } = await connect(command, terminal);
  const items: T[] = [];
  for (let offset: string | null = '0'; offset !== null; ) {
    const page: Page<T> = await api.get(path(mesh), [...query, ['size', PAGE], ['offset', offset]]);
    items.push(...page.items);
    offset = offsetOfNext(page);
  }
  if (output === 'table') printRows(columns, items, terminal);
  else await printDocument(output, { total: items.length, items, next: null }, terminal);
}
