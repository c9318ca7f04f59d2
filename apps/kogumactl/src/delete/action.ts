import type { Command } from 'commander';
import { connect } from '../api/connect.js';
import { Refused } from '../api/failures.js';
import { type DryRun, dryRunQuery } from '../command-line.js';
import { Failure } from '../failure.js';
import { warn } from '../output/print.js';
import { KINDS } from '../resources/kinds.js';
import { isInMesh, itemPath } from '../resources/paths.js';
import type { Terminal } from '../terminal.js';

/** @param word a type as it is written in commands: `secret`, `global-secret` */
export async function deleteOne(word: string, name: string, command: Command, terminal: Terminal): Promise<void> {
  const { dryRun } = command.optsWithGlobals<{ dryRun?: DryRun }>();
  const kind = KINDS.find(({ one }) => one.includes(word));
  if (!kind) {
    const words = KINDS.map(({ one: [known] }) => known).join(', ');
    throw Failure.usage(`unknown TYPE: ${word}`, `Allowed values: ${words}`);
  }
  const { type, many } = kind;
  const { api, mesh } = await connect(command, terminal);
  if (dryRun !== 'client') {
    const warnings = await api.delete(itemPath(type, mesh, name), dryRunQuery(dryRun)).catch((error: unknown) => {
      if (!(error instanceof Refused) || error.status !== 404) throw error;
      const inMesh = isInMesh(type) ? ` --mesh ${mesh}` : '';
      const todo = `See what there is: npx kogumactl get ${many[0]}${inMesh}`;
      throw new Failure(`there is no ${type} with name "${name}"`, todo);
    });
    warn(warnings, terminal);
  }
  terminal.out.write(`deleted ${type} "${name}"${dryRun ? ' (dry run)' : ''}\n`);
}
