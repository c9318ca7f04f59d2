import type { Clock, Entropy } from '@koguma/core';
import { type Committed, MemoryStore, type ResourceStore, type StoreTransaction } from '@koguma/resources';

/** How often a disk takes a while to say that it has what it was given, and how long. */
const SLOW = 0.3;
const SLOWEST_SYNC_MS = 10;

interface DiskParts {
  readonly epoch: string;
  readonly clock: Clock;
  readonly chance: Entropy;
  /** Whether a commit is synced before it is answered. SQLite does so with `synchronous=FULL`, and PostgreSQL by default. */
  readonly syncs: () => boolean;
}

/**
 * A store on a disk that loses what was not synced. A commit is written and then synced, which takes a moment, and only
 * then seen and answered; a crash in that moment leaves all of it or nothing, which a log with checksums promises, and
 * nobody was told. What was answered without a sync is gone after a crash, up to the last one that was synced.
 */
export class Disk implements ResourceStore {
  readonly shared = false;
  readonly #parts: DiskParts;
  /** Ends the sync under way: with what became of it. */
  #crashed: ((isKept: boolean) => void) | undefined;
  #now: MemoryStore;
  /** As of the last sync; undefined while all is synced. */
  #synced: MemoryStore | undefined;

  constructor(parts: DiskParts) {
    this.#parts = parts;
    this.#now = new MemoryStore(parts.epoch);
  }

  get: ResourceStore['get'] = (key) => this.#now.get(key);
  list: ResourceStore['list'] = (type, mesh) => this.#now.list(type, mesh);
  since: ResourceStore['since'] = (after) => this.#now.since(after);
  onCommit: ResourceStore['onCommit'] = (wake) => this.#now.onCommit(wake);

  transaction<T>(work: (tx: StoreTransaction) => Promise<T>): Promise<Committed<T>> {
    const now = this.#now;
    return now.transaction(async (tx) => {
      const value = await work(tx);
      if (!this.#parts.syncs()) this.#synced ??= now.copy();
      else if (await this.#sync()) this.#synced = undefined;
      else throw new Error('the disk has lost what was not synced');
      return value;
    });
  }

  /** Whoever used it is dead, or the power is gone. */
  crash(): void {
    this.#crashed?.(this.#parts.chance.random() < 0.5);
    if (this.#synced) this.#now = this.#synced;
    this.#synced = undefined;
  }

  async close(): Promise<void> {}

  /** @returns false when a crash came first, and it is not kept */
  async #sync(): Promise<boolean> {
    const { clock, chance } = this.#parts;
    if (chance.random() >= SLOW) return true;
    const isKept = await new Promise<boolean>((resolve) => {
      const cancel = clock.after(chance.random() * SLOWEST_SYNC_MS, () => resolve(true));
      this.#crashed = (kept) => {
        cancel();
        resolve(kept);
      };
    });
    this.#crashed = undefined;
    return isKept;
  }
}
