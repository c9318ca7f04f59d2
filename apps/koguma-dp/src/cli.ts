import { type Clock, type Entropy, VERSION } from '@koguma/core';
import { Command, CommanderError, Option } from 'commander';
import { Failure } from './failure.js';
import { runProxies } from './fleet.js';
import { ordersOf, type RunOptions } from './options.js';

/** All that the command gets from outside, so that it can be called as a function. */
export interface Surroundings {
  readonly out: (text: string) => unknown;
  readonly err: (text: string) => unknown;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Ends when the user wants it to. */
  readonly signal: AbortSignal;
}

/** Runs one command line, and answers with its exit code: 0, 1 when it failed, 2 when it was called wrongly. */
export async function kogumaDp(args: readonly string[], around: Surroundings): Promise<number> {
  const program = commands(around);
  try {
    if (args.length === 0) program.outputHelp();
    else await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const todo = error instanceof Failure ? error.todo : 'This looks like a mistake of koguma-dp: report it.';
    around.err(`Error: ${(error as Error).message}\n${todo}\n`);
    return error instanceof Failure ? error.exitCode : 1;
  }
}

function commands(around: Surroundings): Command {
  const program = new Command('koguma-dp')
    .description("A proxy without Envoy: it bootstraps, opens Envoy's ADS stream with a token, and says what happens.")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => around.out(text),
      writeErr: (text) => around.err(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'Error: ')),
    });
  const collect = (value: string, before: readonly string[] = []) => [...before, value];
  program
    .command('run')
    .description('run a proxy, or many')
    .option('--cp-address <url>', 'where the control plane takes proxies', 'https://localhost:5678')
    .option('--ca-cert-file <path>', 'PEM of whom to believe to be the control plane')
    .option('--skip-verify', 'believe everybody to be the control plane')
    .addOption(new Option('--proxy-type <type>', 'what it is').choices(['dataplane', 'ingress', 'egress']))
    .option('--name <name>', 'its name, when it is known to the control plane')
    .option('--mesh <mesh>', 'its mesh, when it is known to the control plane')
    .option('-d, --dataplane-file <path>', 'the resource that it brings along, YAML or JSON')
    .option('--dataplane <text>', 'the same, as text')
    .option('-v, --dataplane-var <name=value>', 'what {{ name }} stands for in it (repeatable)', collect)
    .option('--dataplane-token-file <path>', 'the file that holds its token')
    .option('--dataplane-token <token>', 'its token')
    .option('--count <n>', 'as many proxies, all in this process, NAME-1 and so on', '1')
    .addOption(new Option('--log-format <format>', 'how to say what happens').choices(['text', 'json']).default('text'))
    .addHelpText('after', NOTES)
    .action((options: RunOptions, command: Command) => {
      const given = Object.fromEntries(
        Object.entries(options).filter(([name]) => command.getOptionValueSource(name) !== 'default'),
      );
      const { clock, entropy, out: write, env, signal } = around;
      const format = options.logFormat === 'json' ? 'json' : 'text';
      return runProxies(ordersOf(given, env), { clock, entropy, write, format }, signal);
    });
  program
    .command('version')
    .description('print the version')
    .action(() => void around.out(`koguma-dp ${VERSION}\n`));
  return program;
}

const NOTES = `
Variables stand for options that are not given: KUMA_CONTROL_PLANE_URL, KUMA_CONTROL_PLANE_CA_CERT_FILE,
KUMA_CONTROL_PLANE_CA_CERT, KUMA_CONTROL_PLANE_TLS_SKIP_VERIFY, KUMA_DATAPLANE_PROXY_TYPE, KUMA_DATAPLANE_NAME,
KUMA_DATAPLANE_MESH, KUMA_DATAPLANE_RUNTIME_RESOURCE, KUMA_DATAPLANE_RUNTIME_RESOURCE_PATH,
KUMA_DATAPLANE_RUNTIME_TOKEN, KUMA_DATAPLANE_RUNTIME_TOKEN_PATH.

Example:
  npx koguma-dp run --cp-address https://localhost:6678 --ca-cert-file ~/.koguma/global/ca.crt \\
    --dataplane-file dp.yaml --dataplane-token-file /tmp/token`;
