import type { Command } from 'commander';
import { stringify } from 'yaml';
import type { ApiClient } from '../api/client.js';
import { connect } from '../api/connect.js';
import { type DryRun, dryRunQuery, pairs } from '../command-line.js';
import { Failure } from '../failure.js';
import { warn } from '../output/print.js';
import { itemPath } from '../resources/paths.js';
import type { Terminal } from '../terminal.js';
import { readDocuments, type Wanted } from './documents.js';
import { readSource } from './source.js';
import { render } from './template.js';

interface ApplyOptions {
  readonly file: string;
  readonly var?: readonly string[];
  readonly dryRun?: DryRun;
}

/** Reads all before it writes any; then writes one after the other, and stops at the first that is refused. */
export async function apply(command: Command, terminal: Terminal): Promise<void> {
  const { file, var: variables = [], dryRun } = command.optsWithGlobals<ApplyOptions>();
  const { api, mesh } = await connect(command, terminal);
  const written = await readSource(file, terminal);
  const text = variables.length > 0 ? render(written, pairs('--var', variables)) : written;
  const all = readDocuments(text, mesh);
  if (dryRun === 'client') {
    terminal.out.write(all.map(({ body }) => stringify(body, { lineWidth: 0 })).join('---\n'));
    return;
  }
  for (const [index, wanted] of all.entries()) await applyOne(wanted, index, { api, dryRun, terminal });
}

interface Round {
  readonly api: ApiClient;
  readonly dryRun: DryRun | undefined;
  readonly terminal: Terminal;
}

async function applyOne(wanted: Wanted, before: number, { api, dryRun, terminal }: Round): Promise<void> {
  const { type, mesh, name, body } = wanted;
  const label = `resource type="${type}"${mesh === '' ? '' : ` mesh="${mesh}"`} name="${name}"`;
  try {
    const { created, warnings } = await api.put(itemPath(type, mesh, name), body, dryRunQuery(dryRun));
    warn(warnings, terminal);
    terminal.out.write(`${label} ${created ? 'Created' : 'Updated'}${dryRun ? ' (dry run)' : ''}\n`);
  } catch (error) {
    const { message, todo } = Failure.from(error);
    const applied = before > 0 && !dryRun ? ` What came before it (${before}) was applied.` : '';
    throw new Failure(`${label}: ${message}`, `${todo}${applied}`);
  }
}
