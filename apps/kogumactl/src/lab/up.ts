import { accessSync, constants, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Listener } from '@koguma/core';
import { configPath } from '../config/config-file.js';
import { Failure } from '../failure.js';
import type { Interrupts, Terminal } from '../terminal.js';
import type { Child, SyncState } from './child.js';
import { contextOf, writeContexts } from './contexts.js';
import { Control, type LabStatus, type Request } from './control.js';
import { DataFolder, defaultData } from './data-folder.js';
import { openFaultDoor } from './fault-door.js';
import { Faults, type Hands } from './faults.js';
import { checkPorts } from './ports.js';
import { Screen } from './screen.js';
import { Supervisor } from './supervisor.js';
import { faultPortOf, kdsPortOf, type LabSettings, type Plan, planLab } from './topology.js';

const READY_WITHIN_MS = 60_000;
/** What a process needs to start on a slow core: with many zones a minute is not enough. */
const READY_WITHIN_MS_PER_ZONE = 3_000;

/** How a lab is started, whatever it is. */
export interface Start {
  /** Begins with empty stores. */
  readonly fresh: boolean;
  /** The file that gets a context for each control plane, as an absolute path; undefined for none. */
  readonly contexts: string | undefined;
}

/**
 * Runs a lab until the terminal says stop. Nothing is started, and nothing is wiped, before all that can be in the
 * way has been looked at.
 */
export async function up(settings: LabSettings, { fresh, contexts }: Start, terminal: Terminal): Promise<void> {
  const began = performance.now();
  const plans = planLab(settings);
  for (const [name, file] of settings.configs) mustBeReadable(name, file);
  const programs = { global: programOf('global-cp'), zone: programOf('zone-cp') };
  const folder = DataFolder.open(settings.data);
  folder.check(plans);
  const screen = new Screen(terminal, plans.length);
  const reporter = new Reporter(screen, () => supervisor.status());
  const supervisor = new Supervisor({
    ...{ plans, programs, env: terminal.env },
    onChange: (child) => {
      const { life, plan } = child;
      if (life === 'starting') supervisor.setClock(plan.name, faults.clockOf(plan.name));
      reporter.tell(child);
    },
  });
  const faults = new Faults(plans, handsOf(supervisor, folder, plans));
  const faultPort = faultPortOf(plans, settings.portOffset);
  const about = { data: settings.data, faults: faultPort === undefined ? null : `http://localhost:${faultPort}` };

  const socket = folder.socketPath();
  const control = await Control.open(socket, (request) => answer(supervisor, about, request));
  let door: Listener | undefined;
  try {
    folder.record({ pid: process.pid, socket });
    await checkPorts(plans);
    if (fresh) folder.wipe();
    folder.prepare(plans);
    await faults.open(kdsPortOf(settings.portOffset));
    if (faultPort !== undefined) door = await openFaultDoor(faults, faultPort);
    screen.heading(`Starting ${plans.map(({ name }) => name).join(', ')} in ${settings.data}`);
    const patience = Math.max(READY_WITHIN_MS, settings.zones.length * READY_WITHIN_MS_PER_ZONE);
    await runUntilStopped(supervisor, terminal.interrupts(), reporter, patience, () => {
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      welcome(screen, supervisor, plans, settings, seconds);
      if (contexts !== undefined) offerContexts(screen, plans, contexts, configPath(undefined, terminal));
      screen.line();
      screen.line('Ctrl-C stops the lab.');
    });
  } finally {
    folder.forget();
    await Promise.all([control.close(), door?.close(0), faults.close()]);
  }
  screen.line('The lab has stopped.');
}

async function runUntilStopped(
  supervisor: Supervisor,
  { stop, atOnce }: Interrupts,
  reporter: Reporter,
  patience: number,
  ready: () => void,
): Promise<void> {
  const failed = new AbortController();
  const end = AbortSignal.any([stop, failed.signal]);
  end.addEventListener('abort', () => reporter.stopping());
  const running = supervisor.run(end, atOnce);
  try {
    // Whichever is first: that all are ready, or that the lab was stopped before.
    await Promise.race([supervisor.ready(patience), running]);
    if (!end.aborted) {
      reporter.started();
      ready();
    }
  } catch (error) {
    failed.abort();
    await running;
    if (!stop.aborted) throw error;
  }
  await running;
}

async function answer(
  supervisor: Supervisor,
  about: Pick<LabStatus, 'data' | 'faults'>,
  { command, name }: Request,
): Promise<LabStatus> {
  if (command === 'kill') await supervisor.kill(name);
  if (command === 'stop') await supervisor.stop(name);
  if (command === 'start') await supervisor.start(name, READY_WITHIN_MS);
  return { pid: process.pid, ...about, controlPlanes: supervisor.status() };
}

function handsOf(supervisor: Supervisor, folder: DataFolder, plans: readonly Plan[]): Hands {
  return {
    kill: (name) => supervisor.kill(name),
    stop: (name) => supervisor.stop(name),
    start: (name, timeoutMs) => supervisor.start(name, timeoutMs),
    isUp: (name) => supervisor.isUp(name),
    setClock: (name, setting) => supervisor.setClock(name, setting),
    wipe: (name) => {
      for (const plan of plans) if (plan.name === name) folder.wipeStore(plan);
    },
  };
}

/** Tells what happens in the lab: all of it while it starts, and later what changes how it can be used. */
class Reporter {
  readonly #screen: Screen;
  readonly #status: Supervisor['status'];
  readonly #told = new Map<string, SyncState>();
  #phase: 'starting' | 'started' | 'stopping' = 'starting';

  constructor(screen: Screen, status: Supervisor['status']) {
    this.#screen = screen;
    this.#status = status;
  }

  started(): void {
    for (const { name, sync } of this.#status()) if (sync) this.#told.set(name, sync);
    this.#phase = 'started';
  }

  stopping(): void {
    this.#phase = 'stopping';
    this.#screen.line('Stopping the lab.');
  }

  tell(child: Child): void {
    if (this.#phase === 'starting') this.#screen.progress(this.#status());
    if (this.#phase === 'started') this.#event(child);
    if (this.#phase === 'stopping' && child.life === 'killed') {
      const { title, log } = child.plan;
      this.#screen.line(`${title} had to be killed: it did not stop in time. Its log is ${log}.`);
    }
  }

  #event({ plan: { name, title, log }, life, pid, sync, ending, lastLines }: Child): void {
    if (life === 'died') {
      this.#told.delete(name);
      const again = `Start it again with: npx kogumactl lab start ${name}`;
      this.#screen.alarm(`${title} ended unexpectedly with ${ending}.`, [...lastLines, `Its log is ${log}.`, again]);
    } else if (life === 'killed' || life === 'stopped') {
      this.#told.delete(name);
      this.#screen.line(`${title} was ${life}.`);
    } else if (life === 'running' && sync && sync !== 'connecting' && sync !== this.#told.get(name)) {
      // A zone that is cut off tries again and again: only where that leads to is news.
      this.#told.set(name, sync);
      this.#screen.line(`${title} is ${sync}.`);
    } else if (life === 'running' && !sync) {
      this.#screen.line(`${title} is running (pid ${pid}).`);
    }
  }
}

function welcome(
  screen: Screen,
  lab: Supervisor,
  plans: readonly Plan[],
  settings: LabSettings,
  seconds: string,
): void {
  const [zone] = plans.filter(({ role }) => role === 'zone');
  const data = settings.data === defaultData() ? '' : ` --data ${shellWord(settings.data)}`;
  screen.line();
  screen.table(lab.status());
  screen.line();
  screen.line(`Ready in ${seconds} s. Admin tokens: npx kogumactl lab token NAME${data}`);
  if (zone) {
    const body = JSON.stringify({ zone: zone.name, validFor: '24h' });
    screen.line();
    screen.heading('Try:');
    screen.line(`  curl -X POST ${zone.api}/tokens/zone-ingress -H 'Content-Type: application/json' -d '${body}'`);
    screen.line(`  npx kogumactl lab kill global${data}    # and then the line above again: it still works`);
    screen.line(`  curl ${zone.api}/koguma/sync`);
  }
}

/** Without them the lab is as good, so a file that cannot be written is told and no more. */
function offerContexts(screen: Screen, plans: readonly Plan[], file: string, usual: string): void {
  screen.line();
  try {
    writeContexts(file, plans);
  } catch (error) {
    const { message, todo } = Failure.from(error);
    screen.alarm('No contexts were written for the control planes.', [message, todo]);
    return;
  }
  const names = plans.map(({ name }) => contextOf(name));
  const option = file === usual ? '' : `--config-file ${shellWord(file)} `;
  screen.line(`Contexts ${names.join(', ')} are in ${file}:`);
  screen.line(`  npx kogumactl ${option}--context ${names.at(-1)} get global-secrets`);
  screen.line(`  kumactl --config-file ${shellWord(file)} get zones    # Kuma's own command line, where you have it`);
}

/** As a POSIX shell reads it back. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function mustBeReadable(name: string, file: string): void {
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code;
    throw new Failure(`the configuration of ${name}, ${file}, cannot be read (${why})`, 'Check --config NAME=FILE.');
  }
}

/** The script of an app of ours, beside what its package exports. */
function programOf(app: string): string {
  const main = fileURLToPath(new URL('program/main.js', import.meta.resolve(`@koguma/${app}`)));
  if (!existsSync(main)) throw new Failure(`${app} is not built: there is no ${main}`, 'Build it with: npm run build');
  return main;
}
