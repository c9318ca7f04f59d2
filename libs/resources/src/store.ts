import type { Draft, Resource, ResourceKey, ResourceType } from './resource.js';

/**
 * A point in a store's history. `n` grows by one with each committed transaction that changed something;
 * a wiped or restored store is another epoch, in which numbers cannot be compared.
 */
export interface Revision {
  readonly epoch: string;
  readonly n: number;
}

/** One resource that changed after the asked revision: its present state, or undefined when it is gone. */
export interface Entry {
  readonly key: ResourceKey;
  readonly resource: Resource | undefined;
  /** The id of the request that changed it last (see `requestId` in core); absent where nobody asked or nobody knows. */
  readonly request?: string;
}

/** All that changed between two revisions, as of exactly `revision`. */
export interface Feed {
  readonly revision: Revision;
  /** True: the entries are all there is (first read, another epoch, or a reader behind the pruned log). */
  readonly reset: boolean;
  readonly entries: readonly Entry[];
}

/** What can be done inside one transaction. Nothing is seen outside until it commits. */
export interface StoreTransaction {
  get<R extends Resource = Resource>(key: ResourceKey): Promise<R | undefined>;
  /** Ordered by mesh and name. `mesh` left out means every mesh. */
  list(type: ResourceType, mesh?: string): Promise<Resource[]>;
  /** @throws ControlPlaneError `conflict` when the key exists */
  create(draft: Draft): Promise<Resource>;
  /** @throws ControlPlaneError `conflict` when the stored version is not `resource.version` */
  update(resource: Resource): Promise<Resource>;
  /** @throws ControlPlaneError `not_found` */
  delete(key: ResourceKey): Promise<void>;
  /** Runs a part that can fail alone: when `work` throws, what it wrote is undone and the error passes on. */
  savepoint<T>(work: () => Promise<T>): Promise<T>;
}

export interface Committed<T> {
  readonly value: T;
  /** The store's revision that holds this transaction; unchanged if it changed nothing that is revisioned. */
  readonly revision: Revision;
}

/** Leadership among the processes that share a store: one leads at a time, by the clock of the store. */
export interface Lease {
  /** Takes the lease or keeps it for so many milliseconds, if nobody else has it; and says that `instance` lives. */
  claim(instance: string, forMs: number): Promise<Claim>;
  /** Lets go of the lease, if `instance` has it, and says that it lives no more. */
  release(instance: string): Promise<void>;
}

export interface Claim {
  /** The fencing number, which grows whenever another takes the lease; undefined while another has it. */
  readonly fence: number | undefined;
  /** Who said not long ago that they live. */
  readonly living: readonly string[];
}

/**
 * Where resources live. Adapters: memory, and SQL (SQLite, PostgreSQL). One contract suite holds for all.
 *
 * Insight types ({@link isInsight}) are stored like others but never make a revision and never appear in a feed:
 * they are counters, and one revision for each would drown the changes that matter.
 */
export interface ResourceStore {
  /** True when other processes write to the same store, so that commits can happen without `onCommit`. */
  readonly shared: boolean;
  /** Where others may write too. Without one, who has the store open is alone, and leads. */
  readonly lease?: Lease | undefined;
  get<R extends Resource = Resource>(key: ResourceKey): Promise<R | undefined>;
  /** Ordered by mesh and name. `mesh` left out means every mesh. */
  list(type: ResourceType, mesh?: string): Promise<Resource[]>;
  /**
   * Runs `work` as if alone among writers and commits it whole, or not at all when it throws. All changes of one
   * transaction share one revision, and revisions have no gaps. Inside `work` ask only `tx`: the store itself waits
   * for the transaction to end. Where another writer of a shared store comes in between, `work` is undone and runs
   * once more: what it does beside `tx` must bear to be done twice.
   * @param fence what only a leader may write, as long as nobody else has taken the lease since
   * @throws ControlPlaneError `conflict` when somebody has, `unavailable` when the store cannot be reached; then nothing was changed, unless the
   *   connection was lost during the commit, which the message says
   */
  transaction<T>(work: (tx: StoreTransaction) => Promise<T>, fence?: number): Promise<Committed<T>>;
  /** What changed after `after`, read in one snapshot; with undefined, everything. */
  since(after: Revision | undefined): Promise<Feed>;
  /** Called after a commit that made a revision. Only a wake-up: it may come late, twice, or be lost. */
  onCommit(wake: () => void): () => void;
  close(): Promise<void>;
}
