import type { Command } from 'commander';
import { dryRunOption, examples, verb } from '../command-line.js';
import { KINDS } from '../resources/kinds.js';
import type { Terminal } from '../terminal.js';

/** `delete`: removes one resource. */
export function addDelete(program: Command, terminal: Terminal): void {
  const words = KINDS.map(({ one: [word] }) => word);
  verb(program, 'delete')
    .description('delete a resource')
    .argument('<type>', `what it is: ${words.join(', ')}`)
    .argument('<name>', 'its name')
    .addOption(
      dryRunOption('says what would be deleted (client), or asks the control plane what would happen (server)'),
    )
    .addHelpText(
      'after',
      examples(
        'npx kogumactl delete secret dataplane-token-signing-key-default-1 --mesh default',
        'npx kogumactl delete global-secret user-token-signing-key-1 --dry-run=server',
      ),
    )
    .action(async (type: string, name: string, _, command: Command) =>
      (await import('./action.js')).deleteOne(type, name, command, terminal),
    );
}
