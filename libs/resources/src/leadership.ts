import { type Cancel, type Clock, ControlPlaneError, type Log, sleep } from '@koguma/core';
import type { ResourceStore } from './store.js';

/** Kuma's: how long a leader that died stays one, and how often it says that it lives. */
const LEASE_MS = 5_000;
const RENEWAL_MS = 1_000;

interface Parts {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly instanceId: string;
}

/**
 * Which of the processes that share a store does what only one may do. Where a process has its store for itself it
 * always leads. Otherwise it leads while it holds the store's lease, and gives it up by its own clock before the
 * database would give it to another; should it be slow to notice, the fencing number has its writes refused.
 */
export class Leadership {
  readonly #parts: Parts;
  readonly #listeners = new Set<() => void>();
  #fence: number | undefined;
  #living: readonly string[] = [];
  #cancelExpiry: Cancel = () => undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get leads(): boolean {
    return this.#parts.store.lease === undefined || this.#fence !== undefined;
  }

  /** What writes of a leader are to be made with (`ResourceStore.transaction`); undefined where none is needed. */
  get fence(): number | undefined {
    return this.#fence;
  }

  /** Whether a process with this instance id used the store a moment ago. */
  isAlive(instanceId: string): boolean {
    return instanceId === this.#parts.instanceId || this.#living.includes(instanceId);
  }

  /** Calls back after each claim: who leads or who lives may have changed. */
  onChange(listener: () => void): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tries once to lead, or to go on doing so. */
  async claim(): Promise<void> {
    const { store, clock, instanceId, log } = this.#parts;
    if (!store.lease) return;
    const asked = clock.mono();
    try {
      const { fence, living } = await store.lease.claim(instanceId, LEASE_MS);
      this.#living = living;
      const left = asked + LEASE_MS - clock.mono();
      if (fence === undefined || left <= 0) return this.#lose();
      if (this.#fence !== fence) log.info('this replica leads', { fence });
      this.#fence = fence;
      this.#cancelExpiry();
      this.#cancelExpiry = clock.after(left, () => this.#lose());
      this.#tell();
    } catch (error) {
      log.warn('cannot claim the lease, trying again', { error: ControlPlaneError.from(error).message });
    }
  }

  /** Claims until the signal ends, and then lets another lead at once. */
  async run(signal: AbortSignal): Promise<void> {
    const { store, clock, instanceId } = this.#parts;
    if (!store.lease) return;
    while (!signal.aborted) {
      await sleep(clock, RENEWAL_MS, signal);
      if (!signal.aborted) await this.claim();
    }
    this.#lose();
    await store.lease.release(instanceId).catch(() => undefined); // then it runs out by itself
  }

  /** Runs `work` whenever this process leads; the signal of `work` ends when it does not any more. */
  async whileLeading(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    if (!this.#parts.store.lease) return work(signal);
    while (!signal.aborted) {
      await this.#until(() => this.leads, signal);
      if (signal.aborted) return;
      const term = new AbortController();
      const over = this.#until(() => !this.leads, signal).then(() => term.abort());
      await work(term.signal);
      await over;
    }
  }

  #lose(): void {
    this.#cancelExpiry();
    if (this.#fence !== undefined) this.#parts.log.info('this replica does not lead any more', { fence: this.#fence });
    this.#fence = undefined;
    this.#tell();
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #until(holds: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!holds() && !signal.aborted) return;
        stop();
        signal.removeEventListener('abort', look);
        resolve();
      };
      const stop = this.onChange(look);
      signal.addEventListener('abort', look);
      look();
    });
  }
}
