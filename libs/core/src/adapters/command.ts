import { readFileSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { type Clock, sleep } from '../clock.js';
import { loadConfig } from '../config/config.js';
import type { Config } from '../config/settings.js';
import type { Role } from '../config/table.js';
import { ControlPlaneError } from '../errors.js';
import type { Log } from '../log.js';
import { type Observer, UNOBSERVED } from '../observer.js';
import { ShiftableClock } from '../shiftable-clock.js';
import { VERSION } from '../version.js';
import { openTelemetry } from './open-telemetry.js';
import { pinoLog } from './pino-log.js';
import { systemClock } from './system-clock.js';
import { systemEntropy } from './system-entropy.js';

/** What the machine gives to a control plane that runs as a process of its own. */
export interface Machine {
  readonly clock: Clock;
  readonly entropy: typeof systemEntropy;
  readonly log: Log;
  /** Follows the control plane at work, where the environment asks for it. */
  readonly observer: Observer;
  readonly hostname: string;
}

/** A control plane that serves. */
export interface Running {
  /** Where it can be reached, for people. */
  readonly url: string;
  /** Takes the state of the link to global now and whenever it changes, for who supervises a lab. */
  watch?(tell: (state: string) => void): void;
  /** Ends everything, within a second. */
  stop(): Promise<void>;
}

interface Command {
  readonly program: string;
  readonly role: Role;
  /** How people call this one: `global`, or the zone's name. */
  readonly nameOf: (config: Config) => string;
  readonly start: (config: Config, machine: Machine) => Promise<Running>;
  /** Brings the store's tables up to date; answers what was done. */
  readonly migrate: (config: Config, machine: Machine) => Promise<readonly string[]>;
  /** Puts a new key into the file of the store's keys; answers what to print. */
  readonly rotateStoreKey: (config: Config) => Promise<readonly string[]>;
}

const MACHINE = { clock: systemClock, entropy: systemEntropy, observer: UNOBSERVED, hostname: hostname() };

/** A database or a peer that does not answer keeps no process that is to end. Stores survive that. */
const LONGEST_STOP_MS = 3_000;

const COMMANDS = ['run', 'migrate up', 'store rotate-key'];

/** The whole of a control plane's `main`: arguments, configuration, signals, exit code. */
export async function runCommand(command: Command): Promise<void> {
  const { program, role } = command;
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        'config-file': { type: 'string', short: 'c' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean' },
      },
    });
    if (values.version) return console.log(`${program} ${VERSION}`);
    const asked = positionals.join(' ');
    if (values.help || !COMMANDS.includes(asked)) return usage(program, values.help ? 0 : 2);
    const yamlName = values['config-file'];
    const yaml = yamlName === undefined ? {} : { yaml: readConfigFile(yamlName), yamlName };
    const { config, warnings } = loadConfig({ role, ...yaml, env: process.env });
    if (asked === 'run') await serve(command, config, warnings);
    else if (asked === 'migrate up') await migrate(command, config);
    else for (const line of await command.rotateStoreKey(config)) console.log(line);
  } catch (thrown) {
    const { message, code } = thrown instanceof ControlPlaneError ? thrown : ControlPlaneError.from(thrown);
    console.error(`Error: ${message}`);
    console.error(
      code === 'invalid' ? `Correct the configuration, then start ${program} again.` : `${program} did not start.`,
    );
    process.exitCode = 1;
    if (process.connected) process.disconnect();
  }
}

async function migrate({ program, migrate: work }: Command, config: Config): Promise<void> {
  const log = pinoLog('warn', program);
  const done = await work(config, { ...MACHINE, log });
  for (const name of done) console.log(`applied ${name}`);
  console.log(done.length === 0 ? 'The store is up to date.' : `The store is up to date now: ${done.length} applied.`);
}

async function serve(command: Command, config: Config, warnings: readonly string[]): Promise<void> {
  const name = command.nameOf(config);
  const log = pinoLog(config.koguma.log.level, name);
  for (const warning of warnings) log.warn(warning);
  const stopped = stopRequest(log);
  const tracing = await openTelemetry(process.env, `${command.program}/${name}`);
  const running = await command.start(config, { ...MACHINE, clock: clockOf(config), log, observer: tracing.observer });
  log.info('ready', { url: running.url });
  process.send?.({ type: 'ready', name });
  running.watch?.((state) => process.connected && process.send?.({ type: 'state', state }));
  await stopped;
  const left = await whatIsLeft(running.stop());
  await tracing.stop();
  if (left === undefined) log.info('stopped');
  else log.warn('stopped, although not everything has ended', { because: left });
  // Everything of ours has ended; what a library may still wait for (a dial, a timer) is nobody's business any more.
  process.exit(0);
}

/** Why something has not ended; undefined when it has. */
function whatIsLeft(ending: Promise<void>): Promise<string | undefined> {
  const tooLong = sleep(systemClock, LONGEST_STOP_MS, new AbortController().signal);
  return Promise.race([
    ending.then(
      () => undefined,
      (error: unknown) => ControlPlaneError.from(error).message,
    ),
    tooLong.then(() => `something did not end within ${LONGEST_STOP_MS / 1_000} s`),
  ]);
}

/** In a lab, what supervises it may move the time; nobody else can, and nothing else is moved. */
function clockOf({ koguma }: Config): Clock {
  if (!koguma.lab || !process.send) return systemClock;
  const clock = new ShiftableClock(systemClock);
  process.on('message', (sent: unknown) => {
    const { type, offsetMs, speed } = Object(sent) as Record<string, unknown>;
    if (type !== 'clock' || !Number.isFinite(offsetMs) || !Number.isFinite(speed) || Number(speed) <= 0) return;
    clock.pace(Number(speed));
    clock.shift(Number(offsetMs) - clock.offset);
  });
  return clock;
}

/** Resolves at the first SIGINT or SIGTERM, or when the supervisor that started this process is gone. */
function stopRequest(log: Log): Promise<void> {
  return new Promise((resolve) => {
    let stopping = false;
    const stop = (why: string) => () => {
      if (!stopping) log.info('stopping', { why });
      stopping = true;
      resolve();
    };
    process.once('SIGINT', stop('SIGINT'));
    process.once('SIGTERM', stop('SIGTERM'));
    process.once('disconnect', stop('the supervisor is gone'));
  });
}

function readConfigFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ControlPlaneError('invalid', `cannot read the configuration file ${file}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function usage(program: string, exitCode: number): void {
  const text = `Usage: ${program} run [-c FILE]
       ${program} migrate up [-c FILE]
       ${program} store rotate-key [-c FILE]

Runs one control plane; or brings the tables of its store up to date, or puts a new key into the file
of the store's keys, and ends.

It is configured by Kuma's YAML (-c, --config-file) and environment variables (KUMA_…, KOGUMA_…);
the environment wins. Example: KUMA_STORE_TYPE=memory ${program} run`;
  (exitCode === 0 ? console.log : console.error)(text);
  process.exitCode = exitCode;
}

/** `~/x` in the home folder of who runs this. */
export function expandHome(path: string): string {
  return path.startsWith('~/') ? `${homedir()}${path.slice(1)}` : path;
}
