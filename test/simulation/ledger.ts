import { keyText, type Resource, type ResourceKey, type ResourceStore, type Spec } from '@koguma/resources';

/** What is known to be there: a spec, or that there is nothing. */
type State = string;
const NOTHING: State = 'nothing';

interface Entry {
  readonly key: ResourceKey;
  readonly store: ResourceStore;
  /** What it is, or may be: one state when the last write was acknowledged, more while some were not. */
  possible: Set<State>;
}

/** What writers were told. A write without an answer may have happened, and one with an answer has. */
export class Ledger {
  readonly #entries = new Map<string, Entry>();

  /** How many resources were written, so that a run can tell what it has checked. */
  get size(): number {
    return this.#entries.size;
  }

  /** @returns takes the beginning back: who wrote was told that nothing was done */
  async begins(store: ResourceStore, key: ResourceKey, spec: Spec | undefined): Promise<() => void> {
    const known = this.#entries.get(keyText(key));
    const entry = known ?? { key, store, possible: new Set([stateOf((await store.get(key))?.spec)]) };
    this.#entries.set(keyText(key), entry);
    const before = entry.possible;
    entry.possible = new Set([...before, stateOf(spec)]);
    return () => {
      entry.possible = before;
    };
  }

  acknowledged(key: ResourceKey, spec: Spec | undefined): void {
    const entry = this.#entries.get(keyText(key));
    if (entry) entry.possible = new Set([stateOf(spec)]);
  }

  /** What belongs to another resource goes with it. */
  mayBeGone(belongs: (key: ResourceKey) => boolean): void {
    for (const { key, possible } of this.#entries.values()) if (belongs(key)) possible.add(NOTHING);
  }

  /** A lost disk: nothing that was written there is promised any more. */
  forget(store: ResourceStore): void {
    for (const [text, entry] of this.#entries) if (entry.store === store) this.#entries.delete(text);
  }

  /** @returns the key of what is not as somebody was told */
  async lost(): Promise<string | undefined> {
    for (const { key, store, possible } of this.#entries.values()) {
      const found = stateOf((await store.get<Resource>(key))?.spec);
      if (!possible.has(found)) return keyText(key);
    }
    return undefined;
  }
}

function stateOf(spec: Spec | undefined): State {
  return spec === undefined ? NOTHING : JSON.stringify(spec);
}
