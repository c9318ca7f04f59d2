import { systemClock } from '@koguma/core';

/** How long SQLite, which works on this thread, may keep the event loop from turning. */
const LONGEST_STRETCH_MS = 10;

/**
 * Lets the event loop turn in a long run of statements. Without it a queue of writes would keep sockets and timers
 * waiting until its end, and native memory, which is only given back between turns, would grow all the while.
 */
export class Breath {
  #began = 0;
  #turn: Promise<void> | undefined;

  /** What to wait for before the next statement: the loop's next turn, or nothing. */
  due(): Promise<void> | undefined {
    const now = systemClock.mono();
    if (!this.#turn) {
      this.#began = now;
      this.#turn = new Promise((resolve) => {
        setImmediate(() => {
          this.#turn = undefined;
          resolve();
        });
      });
    }
    return now - this.#began > LONGEST_STRETCH_MS ? this.#turn : undefined;
  }
}
