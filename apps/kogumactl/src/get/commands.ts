import type { Command } from 'commander';
import { examples, outputOption, verb } from '../command-line.js';
import { KINDS } from '../resources/kinds.js';
import type { Terminal } from '../terminal.js';

const load = () => import('./actions.js');

/** `get …`: shows resources, one or many. */
export function addGet(program: Command, terminal: Terminal): void {
  const get = verb(program, 'get')
    .description('show resources')
    .addOption(outputOption())
    .addHelpText('after', examples('npx kogumactl get global-secrets', 'npx kogumactl get mesh default -o yaml'));
  for (const kind of KINDS) {
    const [many, ...moreMany] = kind.many;
    get
      .command(many)
      .aliases([...moreMany])
      .description(`show the ${many}`)
      .option('--size <n>', 'how many to show at most; 0 leaves it to the control plane', '0')
      .option('--offset <offset>', 'where to go on, as the page before told')
      .addHelpText('after', examples(`npx kogumactl get ${many} --size 10`))
      .action(async (_, command: Command) => (await load()).getMany(kind, command, terminal));

    const [one, ...moreOne] = kind.one;
    get
      .command(one)
      .aliases([...moreOne])
      .argument('<name>', 'its name')
      .description(`show one ${one}`)
      .addHelpText('after', examples(`npx kogumactl get ${one} NAME -o yaml`))
      .action(async (name: string, _, command: Command) => (await load()).getOne(kind, name, command, terminal));
  }
}
