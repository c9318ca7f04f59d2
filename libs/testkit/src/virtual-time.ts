import { type Cancel, invalid, parseRfc3339, rfc3339, systemClock, type VirtualClock } from '@koguma/core';
import type { DrivenTime } from './driven-lab.js';
import { type Duration, milliseconds } from './duration.js';

/** A jump up to this is walked through, deadline by deadline. */
const WALKED_MS = 10 * 60_000;
/** The end of a longer one is, so that what is seen after it is as it would be then. */
const LAST_MS = 60_000;
/** How often time that runs by itself is moved. */
const TICK_MS = 10;

/**
 * The time of a lab. It stands still until it is moved; then every deadline fires in order, and all that follows from
 * one is over before the next.
 */
export class VirtualTime implements DrivenTime {
  readonly promptMs = 0;
  readonly #clock: VirtualClock;
  readonly #settled: () => Promise<void>;
  readonly #watchers = new Set<() => Promise<void>>();
  #last: Promise<unknown> = Promise.resolve();
  #speed = 0;
  #cancelTick: Cancel = () => undefined;

  /** @param settled resolves when all is over that needs no time */
  constructor(clock: VirtualClock, settled: () => Promise<void>) {
    this.#clock = clock;
    this.#settled = settled;
  }

  /** Milliseconds since the Unix epoch. */
  get now(): number {
    return this.#clock.wall();
  }

  /** Milliseconds that have passed in this lab; what it slept through is not counted. */
  get passed(): number {
    return this.#clock.mono();
  }

  toString(): string {
    return rfc3339(this.now);
  }

  /**
   * Lets time pass. Up to ten minutes are walked through, deadline by deadline. Of more, only the last minute is: before it
   * the lab sleeps as a machine does, so what waits already fires in order, each at its time, and what comes again and
   * again comes once.
   * @throws ControlPlaneError `invalid` for what is no duration, or a negative one
   */
  advance(duration: Duration): Promise<void> {
    const ms = milliseconds(duration);
    if (ms < 0) throw invalid({ field: 'duration', reason: 'cannot be negative: set takes an earlier time' });
    return this.#alone(() => this.#pass(ms));
  }

  /**
   * Goes to a time: what lies between happens as in `advance`. To an earlier one only the calendar is turned back.
   * @param time RFC 3339, or milliseconds since the Unix epoch
   */
  set(time: string | number): Promise<void> {
    const wall = typeof time === 'number' ? time : parseRfc3339(time);
    if (wall === undefined || !Number.isFinite(wall))
      throw invalid({ field: 'time', reason: 'must be a time as RFC 3339 writes it: 2027-01-01T00:00:00Z' });
    return this.#alone(async () => {
      if (wall >= this.now) return this.#pass(wall - this.now);
      this.#clock.skew(wall - this.now);
      await this.#settle();
    });
  }

  /** Lets time run by itself, `speed` times as fast as outside. */
  speed(speed: number): void {
    if (!(Number.isFinite(speed) && speed > 0))
      throw invalid({ field: 'speed', reason: 'must be a number above 0; freeze stops the time' });
    this.freeze();
    this.#speed = speed;
    this.#tick();
  }

  /** Stops time that runs by itself. So it is in a new lab. */
  freeze(): void {
    this.#speed = 0;
    this.#cancelTick();
  }

  /** Whether time stands still by itself. */
  get frozen(): boolean {
    return this.#speed === 0;
  }

  /** Calls back whenever time has moved to a deadline, and all that followed is over; time waits for it. */
  watch(watcher: () => Promise<void>): Cancel {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /**
   * Lets pass what it takes until something is so, deadline by deadline, and no more.
   * @returns how many milliseconds passed; undefined when it was not so within `limitMs`
   */
  passUntil(condition: () => boolean | Promise<boolean>, limitMs: number): Promise<number | undefined> {
    return this.#alone(async () => {
      const start = this.passed;
      await this.#settle();
      while (!(await condition())) {
        if (!this.#clock.step(start + limitMs)) {
          this.#clock.moveTo(Math.max(this.passed, start + limitMs));
          return (await condition()) ? limitMs : undefined;
        }
        await this.#settle();
      }
      return this.passed - start;
    });
  }

  async #pass(ms: number): Promise<void> {
    await this.#settle();
    const walked = ms > WALKED_MS ? LAST_MS : ms;
    if (walked < ms) {
      const next = this.#clock.doze(ms - walked);
      while (next()) await this.#settle();
    }
    const until = this.passed + walked;
    while (this.#clock.step(until)) await this.#settle();
    this.#clock.moveTo(until);
    await this.#settle();
  }

  async #settle(): Promise<void> {
    await this.#settled();
    for (const watcher of this.#watchers) await watcher();
  }

  /** Only one moves the time: whoever comes meanwhile waits. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  #tick(): void {
    const since = systemClock.mono();
    this.#cancelTick = systemClock.after(TICK_MS, () => {
      const ms = (systemClock.mono() - since) * this.#speed;
      void this.#alone(() => this.#pass(ms)).then(() => this.#speed > 0 && this.#tick());
    });
  }
}
