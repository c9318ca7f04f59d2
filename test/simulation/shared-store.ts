import { type Clock, ControlPlaneError, type Entropy } from '@koguma/core';
import type { Claim, Lease, ResourceStore } from '@koguma/resources';

/** Of the notifications between replicas so many get lost, and so many come twice. */
const LOST = 0.3;
const SLOWEST_NOTIFICATION_MS = 40;

/** The methods of a store, so that some can be replaced. */
export function bound(store: ResourceStore): ResourceStore {
  return {
    shared: store.shared,
    lease: store.lease,
    get: (key) => store.get(key),
    list: (type, mesh) => store.list(type, mesh),
    since: (after) => store.since(after),
    transaction: (work, fence) => store.transaction(work, fence),
    onCommit: (wake) => store.onCommit(wake),
    close: () => store.close(),
  };
}

/**
 * A store as a database is for its replicas: one of them leads, and each hears of commits mostly, late, out of order or
 * twice.
 */
export function sharedStore(real: ResourceStore, clock: Clock, chance: Entropy): ResourceStore {
  const lease = new LeaseRow(clock);
  return {
    ...bound(real),
    shared: true,
    lease,
    transaction: (work, fence) =>
      real.transaction((tx) => {
        lease.admit(fence);
        return work(tx);
      }),
    onCommit: (wake) =>
      real.onCommit(() => {
        if (chance.random() >= LOST) clock.after(chance.random() * SLOWEST_NOTIFICATION_MS, wake);
        if (chance.random() < LOST) wake();
      }),
  };
}

/** The lease of one database, on its own time. */
class LeaseRow implements Lease {
  readonly #clock: Clock;
  readonly #livesUntil = new Map<string, number>();
  #holder = '';
  #fence = 0;
  #until = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async claim(instance: string, forMs: number): Promise<Claim> {
    const now = this.#clock.mono();
    this.#livesUntil.set(instance, now + forMs);
    const isTaken = this.#holder !== instance && this.#until > now;
    if (!isTaken) {
      if (this.#holder !== instance) this.#fence++;
      this.#holder = instance;
      this.#until = now + forMs;
    }
    const living = [...this.#livesUntil].filter(([, until]) => until > now).map(([id]) => id);
    return { fence: isTaken ? undefined : this.#fence, living };
  }

  async release(instance: string): Promise<void> {
    this.#livesUntil.delete(instance);
    if (this.#holder === instance) this.#until = 0;
  }

  /** @throws ControlPlaneError `conflict` for a leader that is one no more */
  admit(fence: number | undefined): void {
    if (fence !== undefined && fence !== this.#fence) throw new ControlPlaneError('conflict', 'another replica leads');
  }
}
