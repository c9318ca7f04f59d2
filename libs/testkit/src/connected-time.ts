import { type Cancel, type Clock, ControlPlaneError, invalid, parseRfc3339, sleep, systemClock } from '@koguma/core';
import type { DrivenTime } from './driven-lab.js';
import { type Duration, milliseconds } from './duration.js';
import { EVERYBODY, type FaultDoor } from './fault-door.js';

const ASK_EVERY_MS = 50;
const WAITED_MS = 10_000;
const LOOK_EVERY_MS = 250;
/** What follows at once takes a while where messages travel and processes share a machine. */
const PROMPT_MS = 1_000;

/**
 * The time of a lab that runs: it passes by itself. Moved is the calendar alone; delays, and all that is measured with
 * them, go on as they are.
 */
export class ConnectedTime implements DrivenTime {
  readonly promptMs = PROMPT_MS;
  /** The calendar of the lab, and the delays of the machine. */
  readonly clock: Clock = { ...systemClock, wall: () => this.now };
  readonly #door: () => FaultDoor;
  readonly #signal: AbortSignal;
  readonly #skews = new Map<string, number>();
  readonly #watchers = new Set<() => Promise<void>>();
  #offset = 0;
  #lookedAt = 0;

  /** @param signal ends what is waited for */
  constructor(door: () => FaultDoor, signal: AbortSignal) {
    this.#door = door;
    this.#signal = signal;
  }

  get now(): number {
    return systemClock.wall() + this.#offset;
  }

  get passed(): number {
    return systemClock.mono();
  }

  /** Up to ten seconds do pass, as for what is measured by delays. Of more only the calendar is moved. */
  async advance(duration: Duration): Promise<void> {
    const ms = milliseconds(duration);
    if (ms < 0) throw invalid({ field: 'duration', reason: 'cannot be negative: set takes an earlier time' });
    if (ms > 0 && ms <= WAITED_MS) await this.passUntil(() => false, ms);
    else await this.#move(ms);
  }

  async set(time: string | number): Promise<void> {
    const wall = typeof time === 'number' ? time : parseRfc3339(time);
    if (wall === undefined || !Number.isFinite(wall))
      throw invalid({ field: 'time', reason: 'must be a time as RFC 3339 writes it: 2027-01-01T00:00:00Z' });
    await this.#move(wall - this.now);
  }

  /** Sets the clock of one control plane wrong, against that of the lab. */
  async skew(name: string, by: Duration): Promise<void> {
    this.#skews.set(name, milliseconds(by));
    await this.#tell(name);
  }

  watch(watcher: () => Promise<void>): Cancel {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** @throws ControlPlaneError `unavailable` when it was interrupted */
  async passUntil(condition: () => boolean | Promise<boolean>, limitMs: number): Promise<number | undefined> {
    const start = this.passed;
    for (;;) {
      const isSo = await condition();
      const took = this.passed - start;
      if (isSo || this.passed - this.#lookedAt >= LOOK_EVERY_MS) await this.#look();
      if (isSo) return took;
      if (took >= limitMs) return undefined;
      await sleep(systemClock, Math.min(ASK_EVERY_MS, limitMs - took), this.#signal);
      if (this.#signal.aborted) throw new ControlPlaneError('unavailable', 'interrupted');
    }
  }

  async #move(ms: number): Promise<void> {
    if (ms !== 0) {
      this.#offset += ms;
      await this.#tell(EVERYBODY);
      for (const name of this.#skews.keys()) await this.#tell(name);
    }
    await this.#look();
  }

  async #tell(name: string): Promise<void> {
    await this.#door().setClock(name, this.#offset + (this.#skews.get(name) ?? 0));
  }

  async #look(): Promise<void> {
    this.#lookedAt = this.passed;
    for (const watcher of this.#watchers) await watcher();
  }
}
