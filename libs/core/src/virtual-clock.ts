import type { Cancel, Clock } from './clock.js';

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** Time that stands still until it is moved, for tests and simulations: deadlines fire in order, one at a time. */
export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  #wallAtZero: number;
  #timers: Timer[] = [];

  /** @param wallAtZero what `wall` shows before any time has passed, in ms since the epoch */
  constructor(wallAtZero = 1_700_000_000_000) {
    this.#wallAtZero = wallAtZero;
  }

  wall(): number {
    return this.#wallAtZero + this.#now;
  }

  mono(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): Cancel {
    const timer = { at: this.#now + Math.max(0, ms), order: this.#order++, run };
    const place = this.#timers.findIndex((other) => other.at > timer.at);
    this.#timers.splice(place === -1 ? this.#timers.length : place, 0, timer);
    return () => {
      const index = this.#timers.indexOf(timer);
      if (index !== -1) this.#timers.splice(index, 1);
    };
  }

  /** When the next deadline is due, in `mono` ms; undefined when nothing waits. */
  next(): number | undefined {
    return this.#timers[0]?.at;
  }

  /** Moves to the next deadline at or before `limit` and fires it; false when there is none. */
  step(limit = Number.POSITIVE_INFINITY): boolean {
    const timer = this.#timers[0];
    if (!timer || timer.at > limit) return false;
    this.#timers.shift();
    this.#now = timer.at;
    timer.run();
    return true;
  }

  /** Moves to `mono` without firing anything in between: only after `step` has returned false for it. */
  moveTo(mono: number): void {
    if (mono < this.#now) throw new RangeError('mono time cannot go back');
    this.#now = mono;
  }

  /** Skews `wall` alone, forwards or backwards, as a wrong system clock would. */
  skew(ms: number): void {
    this.#wallAtZero += ms;
  }
}
