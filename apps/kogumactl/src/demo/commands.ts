import type { Command } from 'commander';
import { examples } from '../command-line.js';
import type { Terminal } from '../terminal.js';
import { DEMOS, type DemoName } from './names.js';
import type { Kogumactl } from './stage.js';

/** `demo …`: tells a story, with real commands on a real lab. @param kogumactl what runs them */
export function addDemo(program: Command, terminal: Terminal, kogumactl: Kogumactl): void {
  const demo = program
    .command('demo')
    .description('show on a lab what it is good for, step by step')
    .addHelpText('after', examples('npx kogumactl demo outage', 'npx kogumactl demo key-sync --auto'));
  for (const [name, description] of Object.entries(DEMOS)) {
    demo
      .command(name)
      .description(description)
      .option('--auto', 'go on by itself after each step')
      .option('--data <dir>', "the data folder of a lab that runs (default: the usual one's, or else a lab of its own)")
      .addHelpText('after', examples(`npx kogumactl demo ${name} --auto`))
      .action(async (options: { auto?: boolean; data?: string }) => {
        const { runDemo } = await import('./run.js');
        await runDemo(name as DemoName, options, terminal, kogumactl);
      });
  }
}
