import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A steady load: each deed is done again and again, one at a time of its kind, at its own pace. A deed that fails is
 * remembered with its reason, and the others go on.
 * @typedef {{ name: string, everyMs: number, work: (nth: number, signal: AbortSignal) => Promise<unknown> }} Deed
 */
export class Load {
  #deeds;
  /** By the name of a deed: how often it was done, and how long that took. */
  counts = new Map();
  /** What went wrong: { deed, at, reason }. */
  failures = [];

  /** @param {readonly Deed[]} deeds */
  constructor(deeds) {
    this.#deeds = deeds;
    for (const { name } of deeds) this.counts.set(name, { done: 0, totalMs: 0, longestMs: 0 });
  }

  get done() {
    return [...this.counts.values()].reduce((sum, { done }) => sum + done, 0);
  }

  /** Resolves when the signal has ended and the last deeds are over. */
  async run(signal) {
    await Promise.all(this.#deeds.map((deed) => this.#repeat(deed, signal)));
  }

  async #repeat({ name, everyMs, work }, signal) {
    const count = this.counts.get(name);
    for (let nth = 1; !signal.aborted; nth++) {
      const began = performance.now();
      try {
        await work(nth, signal);
        const ms = performance.now() - began;
        count.done++;
        count.totalMs += ms;
        count.longestMs = Math.max(count.longestMs, ms);
      } catch (error) {
        this.failures.push({ deed: name, at: new Date().toISOString(), reason: error.message });
      }
      const rest = everyMs - (performance.now() - began);
      if (rest > 0) await sleep(rest, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** Asks again until the answer is yes. */
export async function until(what, ask, patienceMs = 10_000) {
  for (const last = performance.now() + patienceMs; ; ) {
    if (await ask()) return;
    if (performance.now() > last) throw new Error(`${what}: not so after ${patienceMs / 1000} s`);
    await sleep(20);
  }
}
