import { ControlPlaneError, requestId } from '@koguma/core';
import {
  byMeshAndName,
  type Draft,
  describe,
  keyText,
  type Resource,
  type ResourceKey,
  type ResourceType,
} from './resource.js';
import type { Committed, Entry, Feed, ResourceStore, Revision, StoreTransaction } from './store.js';
import { isInsight } from './types.js';

type Rows = Map<string, Resource>;

interface Change {
  readonly n: number;
  readonly key: ResourceKey;
  readonly request: string | undefined;
}

/** How many changed keys the log remembers before old ones are pruned and slow readers must start over. */
const DEFAULT_LOG_LIMIT = 10_000;

/**
 * Resources in memory: for labs, tests and simulations. It lives as long as the object, so a simulated node can
 * crash and come back to it; a wipe is a new object with a new epoch.
 */
export class MemoryStore implements ResourceStore {
  readonly shared = false;
  readonly #wakes = new Set<() => void>();
  readonly #logLimit: number;
  #rows: Rows = new Map();
  #revision: Revision;
  #log: Change[] = [];
  #prunedTo = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(epoch: string, { logLimit = DEFAULT_LOG_LIMIT }: { logLimit?: number } = {}) {
    this.#revision = { epoch, n: 0 };
    this.#logLimit = logLimit;
  }

  /** The same store as it is now, epoch and log included, on its own from here on: what a lost write leads back to. */
  copy(): MemoryStore {
    const copy = new MemoryStore(this.#revision.epoch, { logLimit: this.#logLimit });
    copy.#rows = this.#rows; // never changed, but replaced by each commit
    copy.#revision = this.#revision;
    copy.#log = [...this.#log];
    copy.#prunedTo = this.#prunedTo;
    return copy;
  }

  async get<R extends Resource = Resource>(key: ResourceKey): Promise<R | undefined> {
    return this.#rows.get(keyText(key)) as R | undefined;
  }

  async list(type: ResourceType, mesh?: string): Promise<Resource[]> {
    return listOf(this.#rows, type, mesh);
  }

  transaction<T>(work: (tx: StoreTransaction) => Promise<T>): Promise<Committed<T>> {
    const mine = this.#turn.then(async () => {
      const tx = new MemoryTransaction(this.#rows);
      const value = await work(tx).finally(() => tx.end());
      this.#commit(tx);
      return { value, revision: this.#revision };
    });
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async since(after: Revision | undefined): Promise<Feed> {
    const revision = this.#revision;
    if (after === undefined || after.epoch !== revision.epoch || after.n < this.#prunedTo || after.n > revision.n) {
      const entries = [...this.#rows.values()].filter((row) => !isInsight(row.type)).map((row) => this.#entry(row));
      return { revision, reset: true, entries };
    }
    const changed = new Map<string, Change>();
    for (let index = this.#log.length - 1; index >= 0; index--) {
      const change = this.#log[index] as Change;
      if (change.n <= after.n) break;
      if (!changed.has(keyText(change.key))) changed.set(keyText(change.key), change);
    }
    return {
      revision,
      reset: false,
      entries: [...changed.values()].map(({ key, request }) => this.#entry(key, request)),
    };
  }

  onCommit(wake: () => void): () => void {
    this.#wakes.add(wake);
    return () => this.#wakes.delete(wake);
  }

  async close(): Promise<void> {
    this.#wakes.clear();
  }

  #commit(tx: MemoryTransaction): void {
    this.#rows = tx.rows;
    // Keys alone: what is a key may be a whole resource, and the log would keep what was in it.
    const keys = tx.changes.map(({ key: { type, mesh, name } }) => ({ type, mesh, name }));
    const changed = keys.filter(({ type }) => !isInsight(type));
    if (changed.length === 0) return;
    const n = this.#revision.n + 1;
    this.#revision = { epoch: this.#revision.epoch, n };
    const request = requestId();
    for (const key of changed) this.#log.push({ n, key, request });
    while (this.#log.length > this.#logLimit) this.#prunedTo = this.#log.shift()?.n ?? this.#prunedTo;
    for (const wake of this.#wakes) wake();
  }

  #entry({ type, mesh, name }: ResourceKey, request?: string): Entry {
    const key = { type, mesh, name };
    return { key, resource: this.#rows.get(keyText(key)), ...(request === undefined ? {} : { request }) };
  }
}

class MemoryTransaction implements StoreTransaction {
  readonly rows: Rows;
  readonly changes: { readonly key: ResourceKey; readonly before: Resource | undefined }[] = [];
  #ended = false;

  constructor(committed: Rows) {
    this.rows = new Map(committed);
  }

  /** After this it takes no writes: the rows belong to the store. */
  end(): void {
    this.#ended = true;
  }

  async get<R extends Resource = Resource>(key: ResourceKey): Promise<R | undefined> {
    return this.rows.get(keyText(key)) as R | undefined;
  }

  async list(type: ResourceType, mesh?: string): Promise<Resource[]> {
    return listOf(this.rows, type, mesh);
  }

  async create(draft: Draft): Promise<Resource> {
    if (this.rows.has(keyText(draft))) throw new ControlPlaneError('conflict', `${describe(draft)} already exists`);
    return this.#put({ ...draft, version: 1 });
  }

  async update(resource: Resource): Promise<Resource> {
    const stored = this.rows.get(keyText(resource));
    if (!stored || stored.version !== resource.version) {
      throw new ControlPlaneError('conflict', `${describe(resource)} was changed meanwhile: read it again and retry`);
    }
    return this.#put({ ...resource, creationTime: stored.creationTime, version: stored.version + 1 });
  }

  async delete(key: ResourceKey): Promise<void> {
    if (!this.rows.has(keyText(key))) throw new ControlPlaneError('not_found', `${describe(key)} is not found`);
    this.#set(key, undefined);
  }

  async savepoint<T>(work: () => Promise<T>): Promise<T> {
    const begun = this.changes.length;
    try {
      return await work();
    } catch (error) {
      for (const { key, before } of this.changes.splice(begun).reverse()) this.#place(key, before);
      throw error;
    }
  }

  #put(resource: Resource): Resource {
    this.#set(resource, resource);
    return resource;
  }

  #set(key: ResourceKey, next: Resource | undefined): void {
    if (this.#ended) throw new TypeError('this transaction has ended');
    this.changes.push({ key, before: this.rows.get(keyText(key)) });
    this.#place(key, next);
  }

  #place(key: ResourceKey, resource: Resource | undefined): void {
    if (resource) this.rows.set(keyText(key), resource);
    else this.rows.delete(keyText(key));
  }
}

function listOf(rows: Rows, type: ResourceType, mesh: string | undefined): Resource[] {
  return [...rows.values()]
    .filter((row) => row.type === type && (mesh === undefined || row.mesh === mesh))
    .sort(byMeshAndName);
}
