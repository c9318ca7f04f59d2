import { keyText, type ResourceKey, type ResourceType } from '../resource.js';
import type { Revision } from '../store.js';

/** What a transaction has read, absent resources included: what must not have changed when it commits. */
export class ReadSet {
  /** A revision from before the first read; undefined when the transaction runs alone and nothing can change. */
  begun: Revision | undefined;
  readonly #keys = new Set<string>();
  readonly #lists = new Set<string>();
  #contradicted = false;

  /** True when a write was refused for what contradicts a read of the same transaction. */
  get contradicted(): boolean {
    return this.#contradicted;
  }

  noteKey(key: ResourceKey): void {
    this.#keys.add(keyText(key));
  }

  /** `mesh` left out means every mesh. */
  noteList(type: ResourceType, mesh?: string): void {
    this.#lists.add(mesh === undefined ? type : listText(type, mesh));
  }

  /** A write that did not find what it expects. Of what was never read anything could be expected. */
  noteRefusal(key: ResourceKey): void {
    this.#contradicted ||= this.has(key);
  }

  has(key: ResourceKey): boolean {
    const { type, mesh } = key;
    return this.#keys.has(keyText(key)) || this.#lists.has(type) || this.#lists.has(listText(type, mesh));
  }
}

function listText(type: ResourceType, mesh: string): string {
  return `${type}/${mesh}`;
}
