import { type Clock, ControlPlaneError, type Log, sleep } from '@koguma/core';
import { byMeshAndName, keyText, type Resource, type ResourceKey, type ResourceType } from './resource.js';
import type { Entry, Feed, ResourceStore, Revision } from './store.js';

/** What moved the view from one revision to the next. */
export type ViewChange = Feed;

type Listener = (change: ViewChange) => void;

interface ViewParts {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly log: Log;
}

/** A shared store is asked for its revision this often, for commits of other processes whose wake-up was lost. */
const SHARED_POLL_MS = 5_000;
const RETRY_MS = 500;

/**
 * Everything but insights, in memory, as of one revision of the store: what decisions that must not wait are made
 * from (which key signs, is this jti revoked, what does a zone lack). It tails the store's feed; a reader never
 * sees half a transaction, and an idle control plane reads nothing.
 */
export class ResourceView {
  readonly #parts: ViewParts;
  readonly #byType = new Map<ResourceType, Map<string, Resource>>();
  readonly #listeners = new Set<Listener>();
  readonly #waiting = new Set<{ revision: Revision; resolve: () => void; reject: (error: Error) => void }>();
  /** Who waits for the next look at the store. */
  readonly #asked: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  #revision: Revision | undefined;
  #wake: () => void = () => undefined;
  #woken = false;
  #ended = false;

  constructor(parts: ViewParts) {
    this.#parts = parts;
  }

  /** Reads the store for the first time; nothing may use the view before. */
  async load(): Promise<void> {
    this.#apply(await this.#parts.store.since(undefined));
  }

  /** Follows the store until the signal ends. A failed read is retried; the last state stays meanwhile. */
  async run(signal: AbortSignal): Promise<void> {
    const { store, clock, log } = this.#parts;
    const unsubscribe = store.onCommit(() => this.#rouse());
    const stop = () => this.#rouse();
    signal.addEventListener('abort', stop);
    this.#woken = true; // what was committed between load and now
    while (!signal.aborted) {
      await this.#sleepUntilWoken();
      if (signal.aborted) break;
      const asked = this.#asked.splice(0);
      try {
        const feed = await store.since(this.revision);
        if (feed.reset || feed.entries.length > 0 || feed.revision.n !== this.revision.n) this.#apply(feed);
        for (const { resolve } of asked) resolve();
      } catch (error) {
        this.#asked.push(...asked);
        log.error('cannot read the store, trying again', { error: ControlPlaneError.from(error).message });
        await sleep(clock, RETRY_MS, signal);
        this.#woken = true;
      }
    }
    unsubscribe();
    signal.removeEventListener('abort', stop);
    this.#end();
  }

  /** The revision that everything here is as of. */
  get revision(): Revision {
    if (!this.#revision) throw new TypeError('the view is not loaded');
    return this.#revision;
  }

  get<R extends Resource = Resource>(key: ResourceKey): R | undefined {
    return this.#byType.get(key.type)?.get(keyText(key)) as R | undefined;
  }

  /** In no particular order when no sorting is needed; ordered by mesh and name. */
  list(type: ResourceType, mesh?: string): Resource[] {
    const all = [...(this.#byType.get(type)?.values() ?? [])];
    return (mesh === undefined ? all : all.filter((resource) => resource.mesh === mesh)).sort(byMeshAndName);
  }

  /** Calls `listener` after each move, in the turn in which the view moved. Listeners run in order of subscription. */
  onChange(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves once the view holds `revision`, so that who wrote sees what was written. */
  reached(revision: Revision): Promise<void> {
    if (this.#holds(revision)) return Promise.resolve();
    if (this.#ended) return Promise.reject(stopped());
    return new Promise((resolve, reject) => this.#waiting.add({ revision, resolve, reject }));
  }

  /**
   * Resolves once the view holds all that was committed before this call, by whomever: what other processes wrote to a
   * shared store comes here some time later by itself.
   */
  caughtUp(): Promise<void> {
    if (!this.#parts.store.shared) return Promise.resolve();
    if (this.#ended) return Promise.reject(stopped());
    return new Promise((resolve, reject) => {
      this.#asked.push({ resolve, reject });
      this.#rouse();
    });
  }

  #apply(feed: Feed): void {
    if (feed.reset) this.#byType.clear();
    for (const entry of feed.entries) this.#set(entry);
    this.#revision = feed.revision;
    for (const listener of this.#listeners) this.#tell(listener, feed);
    for (const waiter of this.#waiting) {
      if (!this.#holds(waiter.revision)) continue;
      this.#waiting.delete(waiter);
      waiter.resolve();
    }
  }

  /** A listener that throws is a bug of its own: the others and the writers must not wait for what it missed. */
  #tell(listener: Listener, feed: Feed): void {
    try {
      listener(feed);
    } catch (error) {
      this.#parts.log.error('a listener failed', { error: ControlPlaneError.from(error).message });
    }
  }

  #set({ key, resource }: Entry): void {
    const ofType = this.#byType.get(key.type) ?? new Map<string, Resource>();
    this.#byType.set(key.type, ofType);
    if (resource) ofType.set(keyText(key), resource);
    else ofType.delete(keyText(key));
  }

  #holds(revision: Revision): boolean {
    return this.#revision?.epoch === revision.epoch && this.#revision.n >= revision.n;
  }

  #rouse(): void {
    this.#woken = true;
    this.#wake();
  }

  async #sleepUntilWoken(): Promise<void> {
    if (!this.#woken) {
      await new Promise<void>((resolve) => {
        const cancel = this.#parts.store.shared ? this.#parts.clock.after(SHARED_POLL_MS, resolve) : () => undefined;
        this.#wake = () => {
          cancel();
          resolve();
        };
      });
    }
    this.#woken = false;
    this.#wake = () => undefined;
  }

  #end(): void {
    this.#ended = true;
    for (const waiter of [...this.#waiting, ...this.#asked.splice(0)]) waiter.reject(stopped());
    this.#waiting.clear();
  }
}

function stopped(): ControlPlaneError {
  return new ControlPlaneError('unavailable', 'this control plane is stopping');
}
