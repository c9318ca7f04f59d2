import type { ResourceType } from '@koguma/resources';
import type { KeyUse } from './gen/koguma/v1/sync.js';
import type { LastLink } from './zone-status.js';

/** What a zone said of the tokens that it issues. */
export interface CountedTokens {
  /** RFC 3339; undefined when it does not count. */
  readonly since: string | undefined;
  readonly uses: readonly KeyUse[];
}

interface Memory {
  /** Empty for a plain Kuma, which tells of none. */
  storeId: string;
  lastLink?: LastLink;
  counted?: CountedTokens;
  readonly applied: Map<ResourceType, number>;
}

/** What global remembers of zones beyond the end of their links, for as long as it runs and they are written down. */
export class ZoneMemory {
  readonly #zones = new Map<string, Memory>();

  get zones(): readonly string[] {
    return [...this.#zones.keys()];
  }

  /** The link of a zone that ended last. */
  lastLink(zone: string): LastLink | undefined {
    return this.#zones.get(zone)?.lastLink;
  }

  left(zone: string, link: LastLink): void {
    this.#of(zone).lastLink = link;
  }

  /** Up to which revision a zone has acknowledged a type; undefined when it never did. */
  applied(zone: string, type: ResourceType): number | undefined {
    return this.#zones.get(zone)?.applied.get(type);
  }

  acknowledged(zone: string, type: ResourceType, revision: number): void {
    this.#of(zone).applied.set(type, revision);
  }

  counted(zone: string): CountedTokens | undefined {
    return this.#zones.get(zone)?.counted;
  }

  counts(zone: string, counted: CountedTokens): void {
    this.#of(zone).counted = counted;
  }

  /** A zone is here: what one with another store had is not this one's. */
  met(zone: string, storeId: string): void {
    const memory = this.#of(zone);
    if (memory.storeId !== storeId) this.#zones.set(zone, { ...memory, storeId, applied: new Map() });
  }

  /** Revisions count from another beginning: those that zones have acknowledged say nothing any more. */
  startAnew(): void {
    for (const { applied } of this.#zones.values()) applied.clear();
  }

  forget(zone: string): void {
    this.#zones.delete(zone);
  }

  #of(zone: string): Memory {
    const memory = this.#zones.get(zone) ?? { storeId: '', applied: new Map() };
    this.#zones.set(zone, memory);
    return memory;
  }
}
