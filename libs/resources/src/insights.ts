import { type Cancel, type Clock, ControlPlaneError, type Log, sleep } from '@koguma/core';
import { keyText, type Resource, type ResourceKey, type ResourceType, type Spec } from './resource.js';
import type { Entry, Feed, ResourceStore, Revision, StoreTransaction } from './store.js';
import { insightOf, ownerOfInsight } from './types.js';
import type { ResourceView } from './view.js';

/** Makes what is to be stored of what is. It may run twice, and a later one for the same key takes its place. */
type Merge = (stored: Spec | undefined) => Spec;

interface Pending {
  readonly key: ResourceKey;
  readonly merge: Merge;
  readonly fence: number | undefined;
}

interface InsightsParts {
  readonly store: ResourceStore;
  readonly view: ResourceView;
  readonly clock: Clock;
  readonly log: Log;
  /** What changes all the time is written at most once in so many milliseconds. */
  readonly flushIntervalMs: number;
}

/** How late what other processes know of zones and proxies is known here, in a store that they share. */
const REFRESH_MS = 2_000;

/** How many are written in one transaction: what people write must not wait until all of a thousand zones are. */
const AT_ONCE = 50;
/** Milliseconds between two such transactions: what people write goes to the zones meanwhile. */
const PAUSE_MS = 50;

/**
 * What is known of zones and proxies and changes all the time: connections, counters, times. Written coalesced and
 * without a revision, and told to listeners as it is written; {@link revision} counts the writes of this process.
 * An insight lives as long as the resource that it is of.
 */
export class Insights {
  readonly #parts: InsightsParts;
  readonly #known = new Map<string, Resource>();
  readonly #pending = new Map<string, Pending>();
  readonly #listeners = new Set<(change: Feed) => void>();
  #types: readonly ResourceType[] = [];
  #written = 0;
  #due = false;
  #cancelFlush: Cancel | undefined;
  #wake: () => void = () => undefined;

  constructor(parts: InsightsParts) {
    this.#parts = parts;
    parts.view.onChange(({ entries, reset }) => this.#forget(entries, reset));
  }

  /** Reads what an earlier life of this control plane wrote of these types; nothing may use them before. */
  async load(types: readonly ResourceType[]): Promise<void> {
    this.#types = types;
    for (const type of types) {
      for (const insight of await this.#parts.store.list(type)) this.#known.set(keyText(insight), insight);
    }
  }

  /** Whether other processes read and write them, too. */
  get shared(): boolean {
    return this.#parts.store.shared;
  }

  /** How often something was written since the start. */
  get revision(): Revision {
    return { epoch: '', n: this.#written };
  }

  get(key: ResourceKey): Resource | undefined {
    return this.#known.get(keyText(key));
  }

  /** In no particular order. */
  list(type: ResourceType): Resource[] {
    return [...this.#known.values()].filter((insight) => insight.type === type);
  }

  /**
   * Has an insight written: within the flush interval, or at once when it is worth a hurry. What only a leader may write
   * comes with its fencing number, and is not written when that is in force no more.
   */
  update(
    key: ResourceKey,
    merge: Merge,
    { soon, fence }: { readonly soon: boolean; readonly fence?: number | undefined },
  ): void {
    this.#pending.set(keyText(key), { key, merge, fence });
    if (soon) this.#flush();
    else this.#cancelFlush ??= this.#parts.clock.after(this.#parts.flushIntervalMs, () => this.#flush());
  }

  /** Calls `listener` with what was written, after it was. */
  onChange(listener: (change: Feed) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Writes until the signal ends. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = () => this.#wake();
    signal.addEventListener('abort', stop);
    const following = this.shared ? this.#follow(signal) : undefined;
    while (!signal.aborted) {
      if (!this.#due) await new Promise<void>((resolve) => (this.#wake = resolve));
      await this.#writePending(signal);
    }
    signal.removeEventListener('abort', stop);
    this.#cancelFlush?.();
    await following;
  }

  /** Writes what still waits, when no more comes: what ended because this control plane stops is known, too. */
  async end(): Promise<void> {
    await this.#writePending();
    this.#cancelFlush?.();
  }

  /** What others write makes no revision that would tell of it. */
  async #follow(signal: AbortSignal): Promise<void> {
    const { store, clock, log, view } = this.#parts;
    while (!signal.aborted) {
      await sleep(clock, REFRESH_MS, signal);
      if (signal.aborted) return;
      try {
        const stored = (await Promise.all(this.#types.map((type) => store.list(type)))).flat();
        const isNews = (insight: Resource) =>
          this.#isNewer(insight) && view.get({ ...insight, type: ownerOfInsight(insight.type) }) !== undefined;
        this.#tell(stored.filter(isNews).map((resource) => ({ key: resource, resource })));
      } catch (error) {
        log.warn('cannot read what is known of zones and proxies', { error: ControlPlaneError.from(error).message });
      }
    }
  }

  /** What a replica wrote after this may have been read before this is told. */
  #isNewer(insight: Resource): boolean {
    return insight.version > (this.get(insight)?.version ?? 0);
  }

  #flush(): void {
    this.#due = true;
    this.#wake();
  }

  /** What cannot be written now is not worth more than a line in the log, and waits for the next time. */
  async #writePending(signal?: AbortSignal): Promise<void> {
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    this.#due = false;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    const fences = new Set(pending.map(({ fence }) => fence));
    for (const fence of fences) {
      const batch = pending.filter((one) => one.fence === fence);
      for (let from = 0; from < batch.length; from += AT_ONCE) {
        if (from > 0 && signal) await sleep(this.#parts.clock, PAUSE_MS, signal);
        await this.#writeBatch(batch.slice(from, from + AT_ONCE), fence);
      }
    }
  }

  async #writeBatch(batch: readonly Pending[], fence: number | undefined): Promise<void> {
    try {
      const { value } = await this.#parts.store.transaction((tx) => this.#write(tx, batch), fence);
      this.#tell(value.filter((written) => this.#isNewer(written)).map((resource) => ({ key: resource, resource })));
    } catch (error) {
      this.#parts.log.warn('cannot write what is known of zones and proxies', {
        error: ControlPlaneError.from(error).message,
      });
      if (fence !== undefined) return; // whoever leads now does it
      for (const { key, merge } of batch)
        if (!this.#pending.has(keyText(key))) this.update(key, merge, { soon: false });
    }
  }

  async #write(tx: StoreTransaction, batch: readonly { key: ResourceKey; merge: Merge }[]): Promise<Resource[]> {
    const now = this.#parts.clock.wall();
    const written: Resource[] = [];
    for (const { key, merge } of batch) {
      if (!(await tx.get({ ...key, type: ownerOfInsight(key.type) }))) continue; // deleted meanwhile
      const stored = await tx.get(key);
      const spec = merge(stored?.spec);
      const times = { creationTime: now, modificationTime: now };
      written.push(
        stored
          ? await tx.update({ ...stored, spec, modificationTime: now })
          : await tx.create({ ...key, spec, labels: {}, ...times }),
      );
    }
    return written;
  }

  /** The manager deletes an insight together with what it is of. */
  #forget(entries: readonly Entry[], reset: boolean): void {
    const { view } = this.#parts;
    const gone = reset
      ? [...this.#known.values()].filter((insight) => !view.get({ ...insight, type: ownerOfInsight(insight.type) }))
      : entries.flatMap(({ key, resource }) => {
          const type = resource ? undefined : insightOf(key.type);
          return type ? (this.get({ ...key, type }) ?? []) : [];
        });
    this.#tell(gone.map(({ type, mesh, name }) => ({ key: { type, mesh, name }, resource: undefined })));
  }

  #tell(entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    for (const { key, resource } of entries) {
      if (resource) this.#known.set(keyText(key), resource);
      else this.#known.delete(keyText(key));
    }
    this.#written++;
    for (const listener of this.#listeners) listener({ revision: this.revision, reset: false, entries });
  }
}
