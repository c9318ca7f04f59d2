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
  lastLink?: LastLink;
  counted?: CountedTokens;
  readonly applied: Map<ResourceType, number>;
}

/** What global remembers of zones beyond the end of their links, for as long as it runs and they are written down. */
export class ZoneMemory {
  readonly #zones = new Map<string, Memory>();

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

  forget(zone: string): void {
    this.#zones.delete(zone);
  }

  #of(zone: string): Memory {
    const memory = this.#zones.get(zone) ?? { applied: new Map() };
    this.#zones.set(zone, memory);
    return memory;
  }
}
