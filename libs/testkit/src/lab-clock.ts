import { type Cancel, type Clock, systemClock } from '@koguma/core';

interface Delay {
  readonly due: number;
  readonly end: () => void;
}

/** Real delays, and a wall clock that can be moved: sockets need the one, token times the other. */
export class LabClock implements Clock {
  #ahead = 0;
  readonly #delays = new Set<Delay>();
  /** What looks at `wall` again when it was moved. */
  readonly #alarms = new Set<() => void>();

  wall(): number {
    return systemClock.wall() + this.#ahead;
  }

  mono(): number {
    return systemClock.mono();
  }

  after(ms: number, run: () => void): Cancel {
    const cancel = () => {
      this.#delays.delete(delay);
      cancelTimer();
    };
    const end = () => {
      cancel();
      run();
    };
    const delay: Delay = { due: this.mono() + ms, end };
    this.#delays.add(delay);
    const cancelTimer = systemClock.after(ms, end);
    return cancel;
  }

  at(wallMs: number, run: () => void): Cancel {
    let cancelTimer: Cancel;
    const arm = () => {
      cancelTimer = systemClock.at(wallMs - this.#ahead, ring);
    };
    const rearm = () => {
      cancelTimer();
      arm();
    };
    const cancel = () => {
      this.#alarms.delete(rearm);
      cancelTimer();
    };
    const ring = () => {
      cancel();
      run();
    };
    this.#alarms.add(rearm);
    arm();
    return cancel;
  }

  /** How many delays are under way: with none, nothing happens by itself. */
  get waiting(): number {
    return this.#delays.size;
  }

  /** Moves `wall` forwards (or back, when negative). */
  advance(ms: number): void {
    this.#ahead += ms;
    for (const rearm of [...this.#alarms]) rearm();
  }

  /** Ends now, in order, the delays that would end within `ms`: for waits that no test has the time for. */
  hurry(ms: number): void {
    const limit = this.mono() + ms;
    const due = [...this.#delays].filter((delay) => delay.due <= limit).sort((a, b) => a.due - b.due);
    for (const delay of due) if (this.#delays.has(delay)) delay.end();
  }
}
