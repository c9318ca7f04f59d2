import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Command, CommanderError, Option } from 'commander';
import { Failure } from './failure.js';
import { addTlsCertificate } from './generate/tls-certificate.js';
import type { Command as LabCommand, LabStatus } from './lab/control.js';
import type { ChildStatus } from './lab/supervisor.js';
import type { Terminal } from './terminal.js';

interface DataOption {
  readonly data?: string;
}

interface UpOptions extends DataOption {
  readonly zones: string;
  readonly fresh?: boolean;
  readonly memory?: boolean;
  readonly config?: readonly string[];
  readonly env?: readonly string[];
  readonly portOffset: string;
}

/** Runs one command line, and answers with its exit code: 0, 1 when it failed, 2 when it was called wrongly. */
export async function kogumactl(args: readonly string[], terminal: Terminal): Promise<number> {
  const program = commands(terminal);
  try {
    if (args.length === 0) program.outputHelp();
    else await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const { message, todo, exitCode } = Failure.from(error);
    terminal.err.write(`Error: ${message}\n${todo}\n`);
    if (terminal.env.KOGUMA_DEBUG) terminal.err.write(`${error instanceof Error ? error.stack : ''}\n`);
    return exitCode;
  }
}

// What a command does is imported when it is run: `version` and help come at once.
function commands(terminal: Terminal): Command {
  const program = new Command('kogumactl')
    .description("Runs a lab of Kuma's multizone control planes on this machine, and works with it.")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out.write(text),
      writeErr: (text) => terminal.err.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'Error: ')),
    })
    .addHelpText('after', examples('npx kogumactl up', 'npx kogumactl lab status'));
  addUp(program, terminal);
  addLab(program, terminal);
  addTlsCertificate(program.command('generate').description('generate certificates'), terminal);
  program
    .command('version')
    .description('print the version of kogumactl')
    .addHelpText('after', examples('npx kogumactl version'))
    .action(() => {
      terminal.out.write(`kogumactl ${version()}\n`);
    });
  sayWhereHelpIs(program, 'npx kogumactl');
  return program;
}

function sayWhereHelpIs(command: Command, written: string): void {
  command.showHelpAfterError(`See: ${written} --help`);
  for (const sub of command.commands) sayWhereHelpIs(sub, `${written} ${sub.name()}`);
}

function addUp(program: Command, terminal: Terminal): void {
  const collect = (value: string, before: readonly string[] = []) => [...before, value];
  withData(program.command('up'))
    .description('run a lab: one global and several zone control planes, each a process of its own')
    .option('--zones <names>', 'names of the zones, at most 50', 'east,west')
    .option('--fresh', 'begin with nothing: remove what this lab has stored')
    .option('--memory', 'keep the stores in memory: nothing survives a control plane that ends')
    .option('--config <name=file>', 'a Kuma YAML file for one control plane (repeatable)', collect)
    .option('--env <name:key=value>', 'a variable for one control plane, or * for all (repeatable)', collect)
    .option('--port-offset <n>', 'added to every port, so that two labs can run', '0')
    .addHelpText('after', UP_NOTES)
    .addHelpText('after', examples('npx kogumactl up', 'npx kogumactl up --zones east,west,south --fresh'))
    .action(async (options: UpOptions) => {
      const [{ up }, { parseConfigs, parseEnv, parsePortOffset, parseZones }] = await Promise.all([
        import('./lab/up.js'),
        import('./lab/topology.js'),
      ]);
      const configs = [...parseConfigs(options.config ?? [])].map(
        ([name, file]) => [name, path.resolve(file)] as const,
      );
      const settings = {
        data: await dataOf(options, terminal),
        zones: parseZones(options.zones),
        memory: options.memory === true,
        portOffset: parsePortOffset(options.portOffset),
        configs: new Map(configs),
        env: parseEnv(options.env ?? []),
      };
      await up(settings, options.fresh === true, terminal);
    });
}

const UP_NOTES = `
Ports: global has Kuma's (5680 diagnostics, 5681 API, 5682 API with TLS, 5685 KDS), and zone i has 5680 to 5682
+ 1000 × i. All listen on the loopback address only. Whoever trusts DIR/global/ca.crt can verify each of them.

KUMA_* and KOGUMA_* variables of your shell are not passed on to the control planes: use --env.`;

function addLab(program: Command, terminal: Terminal): void {
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
      const { readAdminToken } = await import('./lab/token.js');
      terminal.out.write(`${await readAdminToken(child)}\n`);
    });
}

async function ask(command: LabCommand, name: string, options: DataOption, terminal: Terminal): Promise<LabStatus> {
  const { askLab } = await import('./lab/control.js');
  return askLab(await dataOf(options, terminal), { command, name });
}

async function printTable(status: LabStatus, terminal: Terminal): Promise<void> {
  const { Screen } = await import('./lab/screen.js');
  new Screen(terminal).table(status.controlPlanes);
}

function find(name: string, { controlPlanes }: LabStatus): ChildStatus {
  const child = controlPlanes.find((one) => one.name === name);
  if (child) return child;
  const names = controlPlanes.map((one) => one.name).join(', ');
  throw new Failure(`the lab has no control plane ${JSON.stringify(name)}`, `Its control planes are ${names}.`);
}

async function dataOf({ data }: DataOption, { env }: Terminal): Promise<string> {
  const { dataPath } = await import('./lab/data-folder.js');
  return dataPath(data, env);
}

function withData(command: Command): Command {
  return command.option('--data <dir>', "the lab's data folder (default: $KOGUMA_DATA, or ~/.koguma)");
}

function examples(...lines: readonly string[]): string {
  return `\nExample:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}

function version(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
