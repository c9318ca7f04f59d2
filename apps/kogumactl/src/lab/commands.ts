import path from 'node:path';
import { type Command, Option } from 'commander';
import { collect, examples, type GlobalOptions } from '../command-line.js';
import { Failure } from '../failure.js';
import type { Terminal } from '../terminal.js';
import type { LabStatus, Request } from './control.js';
import type { ChildStatus } from './supervisor.js';

interface DataOption {
  readonly data?: string;
}

interface UpOptions extends DataOption {
  readonly zones: string;
  readonly inProcess?: boolean;
  readonly fresh?: boolean;
  readonly memory?: boolean;
  readonly config?: readonly string[];
  readonly env?: readonly string[];
  readonly portOffset: string;
}

const UP_NOTES = `
Ports: global has Kuma's (5680 diagnostics, 5681 API, 5682 API with TLS, 5685 KDS), and zone i has 5680 to 5682
and 5678 (proxies), each + 1000 × i. Faults and clocks are on 5690, and zone i reaches global by a wire on 5690 + 1000 × i.
All listen on the loopback address only. Whoever trusts DIR/global/ca.crt can verify each of them.

It writes the contexts lab-global, lab-east and so on to ~/.kogumactl/config (or --config-file), unless --no-config.

KUMA_* and KOGUMA_* variables of your shell are not passed on to the control planes: use --env.`;

/** `up`: runs a lab in this terminal. */
export function addUp(program: Command, terminal: Terminal): void {
  withData(program.command('up'))
    .description('run a lab: one global and several zone control planes, each a process of its own')
    .option('--zones <names>', 'names of the zones, or how many; at most 50', 'east,west')
    .addOption(
      new Option(
        '--in-process',
        'all in this process: up to 2000 zones, on free ports, with stores in memory',
      ).conflicts(['fresh', 'memory', 'config', 'env', 'portOffset']),
    )
    .option('--fresh', 'begin with nothing: remove what this lab has stored')
    .option('--memory', 'keep the stores in memory: nothing survives a control plane that ends')
    .option('--config <name=file>', 'a Kuma YAML file for one control plane (repeatable)', collect)
    .option('--env <name:key=value>', 'a variable for one control plane, or * for all (repeatable)', collect)
    .option('--port-offset <n>', 'added to every port, so that two labs can run', '0')
    .addHelpText('after', UP_NOTES)
    .addHelpText(
      'after',
      examples(
        'npx kogumactl up',
        'npx kogumactl up --zones east,west,south --fresh',
        'npx kogumactl up --zones 1000 --in-process',
      ),
    )
    .action(async (options: UpOptions, command: Command) => {
      const [topology, { configPath }] = await Promise.all([
        import('./topology.js'),
        import('../config/config-file.js'),
      ]);
      const { MAX_ZONES_IN_PROCESS, parseConfigs, parseEnv, parsePortOffset, parseZones } = topology;
      const { config, configFile } = command.optsWithGlobals<GlobalOptions>();
      const configs = [...parseConfigs(options.config ?? [])].map(
        ([name, file]) => [name, path.resolve(file)] as const,
      );
      const contexts = config ? configPath(configFile, terminal) : undefined;
      const data = await dataOf(options, terminal);
      if (options.inProcess) {
        const { upInProcess } = await import('./up-in-process.js');
        return upInProcess({ data, zones: parseZones(options.zones, MAX_ZONES_IN_PROCESS), contexts }, terminal);
      }
      const settings = {
        data,
        zones: parseZones(options.zones),
        memory: options.memory === true,
        portOffset: parsePortOffset(options.portOffset),
        configs: new Map(configs),
        env: parseEnv(options.env ?? []),
      };
      const { up } = await import('./up.js');
      await up(settings, { fresh: options.fresh === true, contexts }, terminal);
    });
}

/** `lab …`: works with the lab of another terminal. */
export function addLab(program: Command, terminal: Terminal): void {
  const lab = program.command('lab').description('work with a lab that runs in another terminal');
  lab.addHelpText('after', examples('npx kogumactl lab status', 'npx kogumactl lab kill global'));

  withData(lab.command('status'))
    .description('show the control planes and their states')
    .addOption(new Option('-o, --output <format>', 'how to print it').choices(['table', 'json']).default('table'))
    .addHelpText('after', examples('npx kogumactl lab status -o json'))
    .action(async (options: DataOption & { output: string }) => {
      const status = await ask('status', '', options, terminal);
      if (options.output === 'json') terminal.out.write(`${JSON.stringify(status, undefined, 2)}\n`);
      else await printTable(status, terminal);
    });

  const named = (command: 'start' | 'stop' | 'kill', description: string) =>
    withData(lab.command(command))
      .argument('<name>', 'the control plane: global, or the name of a zone')
      .description(description)
      .addHelpText('after', examples(`npx kogumactl lab ${command} global`))
      .action(async (name: string, options: DataOption) => {
        const { state, pid } = find(name, await ask(command, name, options, terminal));
        if (command === 'stop' && state === 'killed')
          terminal.out.write(`${name} did not stop in time and was killed.\n`);
        else terminal.out.write(`${name} is ${state}${pid === null ? '' : ` (pid ${pid})`}.\n`);
      });
  named('start', 'start a control plane again, with the same settings');
  named('stop', 'end a control plane in order');
  named('kill', 'end a control plane as a crash would (SIGKILL)');

  withData(lab.command('token'))
    .argument('<name>', 'the control plane: global, or the name of a zone')
    .description('print the admin user token of a control plane, and nothing else')
    .addHelpText('after', examples('TOKEN=$(npx kogumactl lab token global)'))
    .action(async (name: string, options: DataOption) => {
      const child = find(name, await ask('status', '', options, terminal));
      const { readAdminToken } = await import('./token.js');
      terminal.out.write(`${await readAdminToken(child)}\n`);
    });
}

async function ask(
  command: Request['command'],
  name: string,
  options: DataOption,
  terminal: Terminal,
): Promise<LabStatus> {
  const { askLab } = await import('./control.js');
  return askLab(await dataOf(options, terminal), { command, name });
}

async function printTable(status: LabStatus, terminal: Terminal): Promise<void> {
  const { Screen } = await import('./screen.js');
  new Screen(terminal).table(status.controlPlanes);
}

function find(name: string, { controlPlanes }: LabStatus): ChildStatus {
  const child = controlPlanes.find((one) => one.name === name);
  if (child) return child;
  const names = controlPlanes.map((one) => one.name).join(', ');
  throw new Failure(`the lab has no control plane ${JSON.stringify(name)}`, `Its control planes are ${names}.`);
}

async function dataOf({ data }: DataOption, { env }: Terminal): Promise<string> {
  const { dataPath } = await import('./data-folder.js');
  return dataPath(data, env);
}

function withData(command: Command): Command {
  return command.option('--data <dir>', "the lab's data folder (default: $KOGUMA_DATA, or ~/.koguma)");
}
