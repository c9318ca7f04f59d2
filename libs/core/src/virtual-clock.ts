import type { Cancel, Clock } from './clock.js';

interface Timer {
  /** In `mono` ms. */
  at: number;
  /** What `wall` must show, for a timer that moves with it. */
  wall?: number;
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
    return this.#set({ at: this.#now + Math.max(0, ms), order: this.#order++, run });
  }

  at(wallMs: number, run: () => void): Cancel {
    return this.#set({ at: this.#monoOf(wallMs), wall: wallMs, order: this.#order++, run });
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

  /** Skews `wall` alone, forwards or backwards, as a wrong system clock would; what waits for it moves along. */
  skew(ms: number): void {
    this.#wallAtZero += ms;
    for (const timer of this.#timers) if (timer.wall !== undefined) timer.at = this.#monoOf(timer.wall);
    this.#timers.sort((a, b) => a.at - b.at || a.order - b.order);
  }

  /**
   * Lets a long time pass on `wall` as in a machine that sleeps. `mono` stands still. All that waits already, and would end
   * meanwhile, fires once, in order, when `wall` shows its time; what that sets for a delay counts from the end.
   * @returns fires the next of it; false when there is no more, and `wall` is `ms` ahead
   */
  doze(ms: number): () => boolean {
    const end = this.wall() + Math.max(0, ms);
    for (const timer of this.#timers) {
      if (timer.wall !== undefined) continue;
      const due = this.#wallAtZero + timer.at;
      if (due <= end) timer.wall = due;
      else timer.at -= ms;
    }
    return () => {
      const next = this.#timers
        .filter(({ wall }) => wall !== undefined && wall <= end)
        .reduce<Timer | undefined>(
          (first, timer) => (first && wallOf(first) <= wallOf(timer) ? first : timer),
          undefined,
        );
      this.skew(Math.max(0, (next?.wall ?? end) - this.wall()));
      if (!next) return false;
      this.#timers.splice(this.#timers.indexOf(next), 1);
      next.run();
      return true;
    };
  }

  #monoOf(wallMs: number): number {
    return Math.max(this.#now, wallMs - this.#wallAtZero);
  }

  #set(timer: Timer): Cancel {
    const place = this.#timers.findIndex((other) => other.at > timer.at);
    this.#timers.splice(place === -1 ? this.#timers.length : place, 0, timer);
    return () => {
      const index = this.#timers.indexOf(timer);
      if (index !== -1) this.#timers.splice(index, 1);
    };
  }
}

function wallOf({ wall = 0 }: Timer): number {
  return wall;
}
