import type { Command } from 'commander';
import { examples, outputOption, verb } from '../command-line.js';
import type { Terminal } from '../terminal.js';

/** `sync …`: how far what was written on global has come. */
export function addSync(program: Command, terminal: Terminal): void {
  const sync = verb(program, 'sync')
    .description('show how far zones are with what was written on global, and wait for them')
    .addHelpText('after', examples('npx kogumactl sync status', 'npx kogumactl sync wait --timeout 10s'));

  sync
    .command('status')
    .description('show for each zone and type the revision that was written, sent and applied')
    .addOption(outputOption())
    .addHelpText('after', examples('npx kogumactl sync status', 'npx kogumactl --context lab-east sync status'))
    .action(async (_, command: Command) => (await import('./status.js')).syncStatus(command, terminal));

  sync
    .command('wait')
    .argument('[zones...]', 'the zones to wait for (default: all that are not disabled)')
    .description('wait until zones have applied all that was written on global when this was asked')
    .option('--timeout <duration>', 'for how long at most; 0 for as long as it takes', '30s')
    .addHelpText('after', examples('npx kogumactl sync wait', 'npx kogumactl sync wait east --timeout 5s'))
    .action(async (zones: string[], _, command: Command) =>
      (await import('./wait.js')).syncWait(zones, command, terminal),
    );
}
