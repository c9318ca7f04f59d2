import type { Command } from 'commander';
import { connect } from '../api/connect.js';
import { Refused } from '../api/failures.js';
import type { Format } from '../command-line.js';
import { Failure } from '../failure.js';
import { offsetOfNext, type Page, printDocument, printRows } from '../output/print.js';
import type { Item, Kind } from '../resources/kinds.js';
import { isInMesh, itemPath, listPath } from '../resources/paths.js';
import type { Terminal } from '../terminal.js';

interface ListOptions {
  readonly output: Format;
  readonly size: string;
  readonly offset?: string;
}

export async function getMany({ type, columns }: Kind, command: Command, terminal: Terminal): Promise<void> {
  const { output, size, offset } = command.optsWithGlobals<ListOptions>();
  if (!/^\d{1,9}$/.test(size)) {
    throw Failure.usage(`--size ${JSON.stringify(size)} is not a number`, 'Use a whole number, such as --size 10.');
  }
  const { api, mesh } = await connect(command, terminal);
  const query = Object.entries({ size: Number(size) > 0 ? size : '', offset: offset ?? '' });
  const page = await api.get<Page<Item>>(
    listPath(type, mesh),
    query.filter(([, value]) => value !== ''),
  );
  if (output !== 'table') return printDocument(output, page, terminal);
  printRows(columns, page.items, terminal);
  const next = offsetOfNext(page);
  if (next !== null) terminal.out.write(`\nRerun command with --offset=${next} argument to retrieve more resources\n`);
}

export async function getOne(kind: Kind, name: string, command: Command, terminal: Terminal): Promise<void> {
  const { output } = command.optsWithGlobals<Pick<ListOptions, 'output'>>();
  const { api, mesh } = await connect(command, terminal);
  const item = await api.get<Item>(itemPath(kind.type, mesh, name)).catch((error: unknown) => {
    throw error instanceof Refused && error.status === 404 ? notFound(kind, mesh) : error;
  });
  if (output !== 'table') return printDocument(output, item, terminal);
  printRows(kind.columns, [item], terminal);
}

function notFound({ type, many }: Kind, mesh: string): Failure {
  const inMesh = isInMesh(type);
  const option = inMesh ? ` --mesh ${mesh}` : '';
  const todo = `See what there is: npx kogumactl get ${many[0]}${option}`;
  return new Failure(`No resources found${inMesh ? ` in ${mesh} mesh` : ''}`, todo);
}
