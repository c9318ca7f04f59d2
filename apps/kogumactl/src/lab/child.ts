import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { Failure } from '../failure.js';
import { type Logs, lastLines, openLogs } from './log-files.js';
import type { Environment, Plan } from './topology.js';

const SYNC_STATES = ['in-sync', 'stale', 'connecting', 'cut-off', 'refused', 'never-met'] as const;

/** How a zone stands with global, in the zone's own words. */
export type SyncState = (typeof SYNC_STATES)[number];

/**
 * `starting`: its process runs, and it does not listen yet. `stopped` and `killed` were asked for; `died` was not.
 */
export type Life = 'waiting' | 'starting' | 'running' | 'stopping' | 'stopped' | 'killed' | 'died';

type Message = { readonly type: 'ready' } | { readonly type: 'state'; readonly state: SyncState };

const GRACE_MS = 1_500;

/**
 * Reads what a control plane sent to its supervisor. Undefined for anything unknown: a newer one may say more.
 */
export function readMessage(sent: unknown): Message | undefined {
  if (typeof sent !== 'object' || sent === null) return undefined;
  const { type, state } = sent as Record<string, unknown>;
  if (type === 'ready') return { type };
  const known = SYNC_STATES.find((word) => word === state);
  return type === 'state' && known !== undefined ? { type, state: known } : undefined;
}

/** One control plane of a running lab, over all the processes that it is in turn. */
export class Child {
  readonly plan: Plan;
  readonly #program: string;
  readonly #env: Environment;
  readonly #changed: (child: Child) => void;
  #life: Life = 'waiting';
  #sync: SyncState | undefined;
  #process: ChildProcess | undefined;
  #startedAt = 0;
  #ending = '';
  #lastLines: readonly string[] = [];
  #killing = false;
  #gone: Promise<void> = Promise.resolve();

  /** @param changed called after each change of its life or its sync state */
  constructor(plan: Plan, program: string, env: Environment, changed: (child: Child) => void) {
    this.plan = plan;
    this.#program = program;
    this.#env = env;
    this.#changed = changed;
  }

  get life(): Life {
    return this.#life;
  }

  /** Undefined for global, and for a zone whose process does not run or has not said. */
  get sync(): SyncState | undefined {
    return this.#sync;
  }

  /** Undefined when no process runs. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Undefined when no process runs. */
  get uptimeMs(): number | undefined {
    return this.#process && performance.now() - this.#startedAt;
  }

  /** How the last process ended: `exit code 1`, `signal SIGKILL`. */
  get ending(): string {
    return this.#ending;
  }

  /** What the last process said before it ended. */
  get lastLines(): readonly string[] {
    return this.#lastLines;
  }

  /** Whether it serves, and is in sync where that is its part. */
  get ready(): boolean {
    return this.#life === 'running' && (this.plan.role === 'global' || this.#sync === 'in-sync');
  }

  start(): void {
    if (this.#process) {
      const { title } = this.plan;
      throw new Failure(`${title} runs already (pid ${this.#process.pid})`, 'There is nothing to do.');
    }
    const logs = openLogs(this.plan);
    this.#startedAt = performance.now();
    const child = spawn(process.execPath, [this.#program, ...this.plan.args], {
      env: { ...this.#env },
      stdio: ['ignore', logs.out, logs.err, 'ipc'],
      // Its own process group: Ctrl-C reaches the supervisor alone, which then ends all in order and knows why.
      detached: true,
    });
    closeSync(logs.out);
    closeSync(logs.err);
    this.#process = child;
    this.#killing = false;
    this.#gone = new Promise((resolve) => {
      const ended = (ending: string) => {
        if (this.#process !== child) return;
        this.#ended(ending, logs);
        resolve();
      };
      child.once('exit', (code, signal) => ended(signal ? `signal ${signal}` : `exit code ${code}`));
      // Only when it could not be started at all; a failed kill or a closed channel is no end.
      child.on('error', (error) => child.pid === undefined && ended(error.message));
    });
    child.on('message', (sent) => this.#process === child && this.#hear(readMessage(sent)));
    this.#become('starting');
  }

  /** Sends something to its process, if one runs. What it does not know, it leaves alone. */
  tell(message: object): void {
    const child = this.#process;
    if (child?.connected) child.send(message, () => undefined); // one that ends meanwhile needs to know nothing
  }

  /** Asks it to end, and ends it when it has not within 1.5 s. Resolves when its process is gone. */
  async stop(): Promise<void> {
    const child = this.#process;
    if (!child) return;
    if (this.#life !== 'stopping') {
      this.#become('stopping');
      child.kill('SIGTERM');
      const late = setTimeout(() => void this.kill(), GRACE_MS);
      void this.#gone.then(() => clearTimeout(late));
    }
    await this.#gone;
  }

  /** Ends it as a crash would. Resolves when its process is gone. */
  async kill(): Promise<void> {
    if (!this.#process) return;
    this.#killing = true;
    this.#process.kill('SIGKILL');
    await this.#gone;
  }

  #hear(message: Message | undefined): void {
    if (message?.type === 'ready' && this.#life === 'starting') this.#become('running');
    if (message?.type === 'state' && this.plan.role === 'zone' && this.#sync !== message.state) {
      this.#sync = message.state;
      this.#changed(this);
    }
  }

  #ended(ending: string, logs: Logs): void {
    this.#process = undefined;
    this.#sync = undefined;
    this.#ending = ending;
    this.#lastLines = lastLines(this.plan, logs);
    if (this.#killing) this.#become('killed');
    else this.#become(this.#life === 'stopping' ? 'stopped' : 'died');
  }

  #become(life: Life): void {
    this.#life = life;
    this.#changed(this);
  }
}
