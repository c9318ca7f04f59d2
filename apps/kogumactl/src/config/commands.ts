import type { Command } from 'commander';
import { collect, examples, verb } from '../command-line.js';
import type { Terminal } from '../terminal.js';

const load = () => import('./actions.js');

/** `config …`: which control planes there are, and which one is spoken to. */
export function addConfig(program: Command, terminal: Terminal): void {
  const config = verb(program, 'config')
    .description('keep the control planes that commands speak to')
    .addHelpText('after', examples('npx kogumactl config control-planes list'));
  const controlPlanes = config
    .command('control-planes')
    .description('add, list, remove and switch control planes')
    .addHelpText('after', examples('npx kogumactl config control-planes switch --name lab-east'));

  controlPlanes
    .command('add')
    .description('add a control plane, test it, and switch to it')
    .requiredOption('--name <name>', 'what to call it')
    .requiredOption('--address <url>', 'of its API server, such as https://localhost:5682')
    .option('--auth-type <type>', 'how to prove who you are: tokens')
    .option('--auth-conf <key=value>', 'for tokens: token=TOKEN (repeatable)', collect)
    .option('--ca-cert-file <file>', 'PEM of the CA that the server is verified with')
    .option('--client-cert-file <file>', 'PEM of a client certificate')
    .option('--client-key-file <file>', 'PEM of its key')
    .option('--skip-verify', 'do not verify the server: anybody could be it')
    .option('--headers <key=value>', 'a header of every request (repeatable)', collect)
    .option('--overwrite', 'replace one of the same name')
    .option('--skip-check', 'do not ask the control plane whether it is there and takes the token')
    .addHelpText(
      'after',
      examples(
        'npx kogumactl config control-planes add --name my-control-plane --address https://localhost:5682 \\',
        '    --auth-type=tokens --auth-conf token=$TOKEN --ca-cert-file ca.pem',
      ),
    )
    .action(async (_, command: Command) => (await load()).addControlPlane(command.optsWithGlobals(), terminal));

  controlPlanes
    .command('from-docker')
    .description('add each control plane that runs in a container here, with its admin token and authority')
    .option('--project <name>', 'of the composition, where several run')
    .addHelpText('after', examples('npx kogumactl config control-planes from-docker'))
    .action(async (_, command: Command) =>
      (await import('./from-docker.js')).addFromDocker(command.optsWithGlobals(), terminal),
    );

  controlPlanes
    .command('list')
    .description('list the control planes; * is the one that is spoken to')
    .addHelpText('after', examples('npx kogumactl config control-planes list'))
    .action(async (_, command: Command) => (await load()).listControlPlanes(command.optsWithGlobals(), terminal));

  controlPlanes
    .command('remove')
    .description('remove a control plane')
    .requiredOption('--name <name>', 'of the control plane')
    .addHelpText('after', examples('npx kogumactl config control-planes remove --name my-control-plane'))
    .action(async (_, command: Command) => (await load()).removeControlPlane(command.optsWithGlobals(), terminal));

  controlPlanes
    .command('switch')
    .description('choose the control plane that is spoken to')
    .requiredOption('--name <name>', 'of the control plane')
    .addHelpText('after', examples('npx kogumactl config control-planes switch --name lab-east'))
    .action(async (_, command: Command) => (await load()).switchControlPlane(command.optsWithGlobals(), terminal));

  config
    .command('view')
    .description('show the configuration; what proves who you are is masked')
    .option('--raw', 'show tokens and headers in the clear')
    .addHelpText('after', examples('npx kogumactl config view'))
    .action(async (_, command: Command) => (await load()).viewConfig(command.optsWithGlobals(), terminal));
}
