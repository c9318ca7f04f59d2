import { type Command, Option } from 'commander';
import { examples, outputOption, verb } from '../command-line.js';
import type { Terminal } from '../terminal.js';

const KINDS = 'dataplane, zone-ingress, zone or user';

/** `keys …`: signing keys over all control planes, and their rotation. */
export function addKeys(program: Command, terminal: Terminal): void {
  const keys = verb(program, 'keys')
    .description('show signing keys and what depends on them, and rotate them')
    .addHelpText('after', examples('npx kogumactl keys list', 'npx kogumactl keys preflight zone-ingress 1'));

  keys
    .command('list')
    .description('show every signing key: who signs now, which zones have it, what depends on it')
    .addOption(outputOption())
    .addHelpText('after', examples('npx kogumactl keys list', 'npx kogumactl keys list -o json'))
    .action(async (_, command: Command) => (await import('./list.js')).listKeys(command, terminal));

  keys
    .command('preflight')
    .argument('<kind>', KINDS)
    .argument('<kid>', 'the serial number of the key')
    .description('tell what would break if a key were deleted; ends with 1 when something would')
    .addOption(outputOption())
    .addHelpText('after', examples('npx kogumactl keys preflight dataplane 1 --mesh default'))
    .action(async (kind: string, kid: string, _, command: Command) =>
      (await import('./preflight.js')).preflightKey(kind, kid, command, terminal),
    );

  keys
    .command('rotate')
    .argument('<kind>', KINDS)
    .description('bring in a new key: prepare it, wait for the zones, let it sign, wait, retire the old one')
    .addOption(
      new Option('--until <phase>', 'stop there; run it again to go on')
        .choices(['prepared', 'active', 'retired'])
        .default('retired'),
    )
    .option('--rollback', 'take back what a rotation that is not over has done')
    .option('--timeout <duration>', 'how long zones may take for each step', '30s')
    .addHelpText(
      'after',
      examples('npx kogumactl keys rotate zone-ingress', 'npx kogumactl keys rotate dataplane --until active'),
    )
    .action(async (kind: string, _, command: Command) =>
      (await import('./rotate.js')).rotateKey(kind, command, terminal),
    );
}
