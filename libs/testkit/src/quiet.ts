import type { TokenCrypto } from '@koguma/auth';
import { systemClock } from '@koguma/core';
import { nextTurn } from './adapters/next-turn.js';

/** So many turns of the event loop without anything under way, and nothing is. */
const QUIET_TURNS = 2;
/** Longer than this no time is held up: then something waits for time itself, or for somebody outside. */
const PATIENCE_MS = 2_000;

/** What must be over before virtual time may pass: work on other threads, and on sockets. */
export class Quiet {
  #inFlight = 0;
  readonly #others = new Set<() => boolean>();

  /** Counts what is signed and checked on other threads. */
  crypto(real: TokenCrypto): TokenCrypto {
    return {
      ...real,
      sign: (...args) => this.#counted(real.sign(...args)),
      verify: (...args) => this.#counted(real.verify(...args)),
      makeKey: () => this.#counted(real.makeKey()),
    };
  }

  /** Asks somebody else, too, whether something is under way. */
  ask(isBusy: () => boolean): void {
    this.#others.add(isBusy);
  }

  async settled(): Promise<void> {
    const start = systemClock.mono();
    for (let quiet = 0; quiet < QUIET_TURNS; ) {
      await nextTurn();
      quiet = this.#isBusy() && systemClock.mono() - start < PATIENCE_MS ? 0 : quiet + 1;
    }
  }

  #isBusy(): boolean {
    return this.#inFlight > 0 || [...this.#others].some((isBusy) => isBusy());
  }

  async #counted<T>(work: Promise<T>): Promise<T> {
    this.#inFlight++;
    try {
      return await work;
    } finally {
      this.#inFlight--;
    }
  }
}
