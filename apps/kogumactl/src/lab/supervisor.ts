import { availableParallelism } from 'node:os';
import { Failure } from '../failure.js';
import { Child, type Life, type SyncState } from './child.js';
import { type Environment, environmentFor, type Plan } from './topology.js';

/** One control plane as other terminals see it. */
export interface ChildStatus {
  readonly name: string;
  readonly role: Plan['role'];
  readonly state: Life;
  readonly sync: SyncState | null;
  readonly pid: number | null;
  readonly uptimeSeconds: number | null;
  readonly api: string;
  readonly log: string;
}

export interface SupervisorParts {
  readonly plans: readonly Plan[];
  /** The script that each role runs. */
  readonly programs: Readonly<Record<Plan['role'], string>>;
  /** The caller's environment, of which children get what {@link environmentFor} lets through. */
  readonly env: Environment;
  /** Told of each change in any of them. */
  readonly onChange?: (child: Child) => void;
}

type Wanted = (child: Child) => boolean;

/** Runs the control planes of a lab, each in a process of its own, and ends them all. */
export class Supervisor {
  readonly #children: readonly Child[];
  readonly #onChange: (child: Child) => void;
  readonly #waiting = new Set<() => void>();
  #running = false;

  constructor({ plans, programs, env, onChange }: SupervisorParts) {
    this.#onChange = onChange ?? (() => undefined);
    const changed = (child: Child) => this.#changed(child);
    this.#children = plans.map(
      (plan) => new Child(plan, programs[plan.role], environmentFor(plan, env, availableParallelism()), changed),
    );
  }

  /**
   * Starts global, then the zones, and runs until the signal ends and every process is gone. When `atOnce` ends too,
   * what still runs then is killed.
   */
  async run(signal: AbortSignal, atOnce?: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const ended = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    this.#running = true;
    const killAll = () => void Promise.all(this.#children.map((child) => child.kill()));
    try {
      const [global] = this.#children;
      global?.start();
      // Zones that dial before global listens would only wait, and longer each time.
      await Promise.race([ended, this.#until(() => global?.life !== 'starting')]);
      for (const child of this.#children) if (child.life === 'waiting' && !signal.aborted) child.start();
      await ended;
    } finally {
      // From here on nothing can be started any more, so that all is all.
      this.#running = false;
      for (const look of this.#waiting) look();
      const gone = Promise.all(this.#children.map((child) => child.stop()));
      if (atOnce?.aborted) killAll();
      atOnce?.addEventListener('abort', killAll, { once: true });
      await gone;
      atOnce?.removeEventListener('abort', killAll);
    }
  }

  /**
   * Resolves when all serve and all zones are in sync, those left out that somebody has stopped meanwhile.
   * @throws Failure when one dies before, or when it takes too long: with what is missing, and its log
   */
  async ready(timeoutMs: number): Promise<void> {
    const asked = this.#children.filter(({ life }) => life !== 'stopped' && life !== 'killed');
    await this.#reach(asked, ({ ready, life }) => ready || life === 'stopped' || life === 'killed', timeoutMs);
  }

  status(): ChildStatus[] {
    return this.#children.map(({ plan, life, sync, pid, uptimeMs }) => ({
      name: plan.name,
      role: plan.role,
      state: life,
      sync: sync ?? null,
      pid: pid ?? null,
      uptimeSeconds: uptimeMs === undefined ? null : Math.floor(uptimeMs / 1000),
      api: plan.api,
      log: plan.log,
    }));
  }

  /** Whether a process of it runs. */
  isUp(name: string): boolean {
    return this.#child(name).pid !== undefined;
  }

  /** Tells one what time it is, from now on; one that does not run is told nothing. */
  setClock(name: string, setting: { readonly offsetMs: number; readonly speed: number }): void {
    this.#children.find(({ plan }) => plan.name === name)?.tell({ type: 'clock', ...setting });
  }

  /** Ends one as a crash would. */
  async kill(name: string): Promise<void> {
    await this.#runningChild(name).kill();
  }

  /** Ends one in order. */
  async stop(name: string): Promise<void> {
    await this.#runningChild(name).stop();
  }

  /** Starts one again with the same settings; resolves when it serves. */
  async start(name: string, timeoutMs: number): Promise<void> {
    const child = this.#child(name);
    child.start();
    await this.#reach([child], ({ life }) => life !== 'starting' && life !== 'died', timeoutMs);
  }

  async #reach(children: readonly Child[], wanted: Wanted, timeoutMs: number): Promise<void> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      for (const look of this.#waiting) look();
    }, timeoutMs);
    const dead = () => children.find(({ life }) => life === 'died');
    await this.#until(() => late || !this.#running || dead() !== undefined || children.every(wanted));
    clearTimeout(timer);
    const first = dead();
    if (first) throw deathOf(first);
    if (!this.#running) throw new Failure('the lab is stopping', 'There is nothing to do.');
    if (!children.every(wanted))
      throw missing(
        children.filter((child) => !wanted(child)),
        timeoutMs,
      );
  }

  /** Resolves when something holds; it is looked at now and after each change. */
  #until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!holds()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  #changed(child: Child): void {
    this.#onChange(child);
    for (const look of this.#waiting) look();
  }

  #child(name: string): Child {
    if (!this.#running) throw new Failure('the lab is starting or stopping', 'Try again in a moment.');
    const child = this.#children.find(({ plan }) => plan.name === name);
    if (child) return child;
    const names = this.#children.map(({ plan }) => plan.name).join(', ');
    throw new Failure(`the lab has no control plane ${JSON.stringify(name)}`, `Its control planes are ${names}.`);
  }

  #runningChild(name: string): Child {
    const child = this.#child(name);
    if (child.pid !== undefined) return child;
    throw new Failure(`${child.plan.title} does not run`, `Start it with: npx kogumactl lab start ${name}`);
  }
}

function deathOf({ plan, ending, lastLines }: Child): Failure {
  const said = lastLines.map((line) => `\n  ${line}`).join('');
  return new Failure(`${plan.title} ended with ${ending} before it was ready${said}`, `Its log is ${plan.log}.`);
}

function missing(children: readonly Child[], timeoutMs: number): Failure {
  const what = children.map(
    ({ plan, life, sync }) => `${plan.title} is ${life === 'running' ? (sync ?? 'not connected') : life}`,
  );
  const logs = children.map(({ plan }) => plan.log).join(' ');
  return new Failure(`not ready after ${timeoutMs / 1000} s: ${what.join(', ')}`, `See ${logs}.`);
}
