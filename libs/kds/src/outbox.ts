import type { Log } from '@koguma/core';
import {
  type Entry,
  type Feed,
  isInsight,
  keyText,
  type Resource,
  type ResourceKey,
  type ResourceType,
  type Revision,
} from '@koguma/resources';
import { DeltaDiscoveryResponse, type Resource as WireResource } from './gen/envoy/service/discovery/v3/discovery.js';
import { type Crossing, encodeResource, wireName } from './wire.js';

/** A response, written once; every zone gets these bytes. */
export interface EncodedResponse {
  readonly bytes: Uint8Array;
  readonly nonce: string;
  /** The revision that the receiver is at when it has applied this. */
  readonly to: number;
}

interface Item {
  /** What it is made from, on global. */
  readonly source: ResourceKey;
  /** Undefined for what is gone: zones that had it must be told. */
  readonly resource: WireResource | undefined;
  /** The revision at which this item last changed. */
  readonly at: number;
}

interface Shelf {
  readonly source: Source;
  readonly items: Map<string, Item>;
  /** The revision of the last change of any item. */
  latest: number;
  /** Responses by where they start from, good until the next change. */
  readonly responses: Map<number, EncodedResponse>;
}

/** What leaves a control plane in one direction, and in what form. */
export interface Departures {
  readonly types: readonly ResourceType[];
  /** How the sender names itself on the wire: `global`, or the zone. */
  readonly sender: string;
  /** The key under which the other side knows a resource; undefined when it never crosses. */
  keyThere(key: ResourceKey): ResourceKey | undefined;
  /** What crosses of a resource; undefined when nothing. */
  crossing(resource: Resource): Crossing | undefined;
}

/** What is to leave, as of a revision that only grows: the view, and the insights. */
interface Source {
  readonly revision: Revision;
  get(key: ResourceKey): Resource | undefined;
  list(type: ResourceType): readonly Resource[];
  onChange(listener: (change: Feed) => void): void;
}

interface Parts {
  readonly view: Source;
  /** Where counters are, which the view does not hold; for those who send them. */
  readonly insights?: Source;
  readonly departures: Departures;
  readonly log: Log;
}

/** Sent first on each stream: everything of the type, nothing of what is gone. */
export const FROM_NOTHING = -1;

/**
 * What the other side should have: one snapshot for all who ask, made anew only where the view changed. Each change is
 * written once, and peers that start from the same revision share the bytes.
 */
export class Outbox {
  readonly #parts: Parts;
  readonly #shelves = new Map<ResourceType, Shelf>();
  readonly #listeners = new Set<(changed: readonly ResourceType[]) => void>();

  constructor(parts: Parts) {
    this.#parts = parts;
    const { view, insights = view, departures } = parts;
    for (const type of departures.types) {
      const source = isInsight(type) ? insights : view;
      this.#shelves.set(type, { source, items: new Map(), latest: source.revision.n, responses: new Map() });
    }
    for (const source of new Set([view, insights])) {
      this.#replaceAll(source, source.revision.n);
      source.onChange(({ reset, entries, revision }) => {
        const changed = reset ? this.#replaceAll(source, revision.n) : this.#follow(entries, revision.n);
        if (changed.length > 0) for (const listener of this.#listeners) listener(changed);
      });
    }
  }

  get types(): readonly ResourceType[] {
    return this.#parts.departures.types;
  }

  /** Whether a peer that asks for a type gets an answer. */
  holds(type: string): type is ResourceType {
    return this.#shelves.has(type as ResourceType);
  }

  /** The revision of the last change of a type. */
  latest(type: ResourceType): number {
    return this.#shelf(type).latest;
  }

  /** What brings a zone from revision `from` to {@link latest}; {@link FROM_NOTHING} gives everything. */
  response(type: ResourceType, from: number): EncodedResponse {
    const shelf = this.#shelf(type);
    const known = shelf.responses.get(from);
    if (known) return known;
    const items = [...shelf.items].filter(([, { at, resource }]) => (from === FROM_NOTHING ? resource : at > from));
    const response = this.#encodeResponse(
      type,
      items.flatMap(([, { resource }]) => resource ?? []),
      items.filter(([, { resource }]) => !resource).map(([name]) => name),
    );
    shelf.responses.set(from, response);
    return response;
  }

  /** What brings a peer that shows what it has, as versions by name, to {@link latest}. */
  difference(type: ResourceType, have: Readonly<Record<string, string>>): EncodedResponse {
    const { items } = this.#shelf(type);
    const lacking = [...items.values()].flatMap(({ resource }) =>
      resource && have[resource.name] !== resource.version ? resource : [],
    );
    return this.#encodeResponse(
      type,
      lacking,
      Object.keys(have).filter((name) => !items.get(name)?.resource),
    );
  }

  /** Calls `listener` with the types that changed, after the outbox holds the change. */
  onChange(listener: (changed: readonly ResourceType[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #encodeResponse(type: ResourceType, resources: WireResource[], removedResources: string[]): EncodedResponse {
    const to = this.latest(type);
    const nonce = `${type}@${to}`;
    const controlPlane = { identifier: this.#parts.departures.sender };
    const response = { systemVersionInfo: '', typeUrl: type, nonce, resources, removedResources, controlPlane };
    return { bytes: DeltaDiscoveryResponse.encode(response).finish(), nonce, to };
  }

  /** A source was read anew: what is not there any more is gone, and the rest is compared. */
  #replaceAll(source: Source, revision: number): ResourceType[] {
    const entries: Entry[] = [];
    for (const [type, shelf] of this.#shelves) {
      if (shelf.source !== source) continue;
      for (const resource of source.list(type)) entries.push({ key: resource, resource });
      for (const { source: key } of shelf.items.values())
        if (!source.get(key)) entries.push({ key, resource: undefined });
    }
    return this.#follow(entries, revision);
  }

  #follow(entries: readonly Entry[], revision: number): ResourceType[] {
    const changed = new Set<ResourceType>();
    for (const { key, resource } of entries) {
      const shelf = this.#shelves.get(key.type);
      const outKey = this.#parts.departures.keyThere(key);
      if (!shelf || !outKey) continue;
      const name = wireName(outKey);
      const next = resource && this.#encode(resource);
      const before = shelf.items.get(name)?.resource;
      if (next?.version === before?.version) continue;
      shelf.items.set(name, { source: key, resource: next, at: revision });
      shelf.latest = revision;
      shelf.responses.clear();
      changed.add(key.type);
    }
    return [...changed];
  }

  #encode(resource: Resource): WireResource | undefined {
    try {
      const crossing = this.#parts.departures.crossing(resource);
      return crossing && encodeResource(crossing);
    } catch (error) {
      // One resource that cannot be written must not stop the others.
      this.#parts.log.error('a resource cannot be sent', {
        resource: keyText(resource),
        error: (error as Error).message,
      });
      return undefined;
    }
  }

  #shelf(type: ResourceType): Shelf {
    const shelf = this.#shelves.get(type);
    if (!shelf) throw new TypeError(`${type} does not cross this way`);
    return shelf;
  }
}
