import { type Cancel, type Log, onBehalfOf } from '@koguma/core';
import {
  describe,
  type Entry,
  type Feed,
  isInsight,
  type Resource,
  type ResourceKey,
  type ResourceType,
  type Revision,
} from '@koguma/resources';
import { beyond, sizeInResponse } from './fitting.js';
import { DeltaDiscoveryResponse, type Resource as WireResource } from './gen/envoy/service/discovery/v3/discovery.js';
import { type Crossing, encodeResource, wireName } from './wire.js';

/** A response, written once; every zone gets these bytes. */
export interface EncodedResponse {
  readonly bytes: Uint8Array;
  readonly nonce: string;
  /** Ids of the requests that led to it, separated by spaces; empty where nobody asked or nobody knows. */
  readonly requests: string;
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
  /** It is there and is not sent, because not all of its type fits into one message. */
  readonly keptBack: boolean;
  /** The id of the request that changed it last. */
  readonly request: string | undefined;
}

interface Shelf {
  readonly source: Source;
  readonly items: Map<string, Item>;
  /** The revision of the last change of any item. */
  latest: number;
  /** Responses by where they start from, good until the next change. */
  readonly responses: Map<number, EncodedResponse>;
  /** What cannot be written, by name, with the reason. */
  readonly unwritable: Map<string, string>;
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
  /** Bytes of the largest message. A first response holds all of a type, so this is the most that a type can have. */
  readonly limit: number;
  readonly log: Log;
}

/** Somebody who is sent what is in an outbox. */
export interface Reader {
  /** Told of the types that changed, after the outbox holds the change. */
  changed(types: readonly ResourceType[]): void;
  /** The oldest revision from which it may still ask to be brought on; undefined while it asks for nothing of a type. */
  from(type: ResourceType): number | undefined;
}

/** Of what many asked for at once not everybody is named. */
const MOST_REQUESTS = 20;

/** Sent first on each stream: everything of the type, nothing of what is gone. */
export const FROM_NOTHING = -1;

/**
 * What the other side should have: one snapshot for all who ask, made anew only where the view changed. Each change is
 * written once, and peers that start from the same revision share the bytes.
 */
export class Outbox {
  readonly #parts: Parts;
  readonly #shelves = new Map<ResourceType, Shelf>();
  readonly #readers = new Set<Reader>();

  constructor(parts: Parts) {
    this.#parts = parts;
    const { view, insights = view, departures } = parts;
    for (const type of departures.types) {
      const source = isInsight(type) ? insights : view;
      const { n: latest } = source.revision;
      this.#shelves.set(type, { source, items: new Map(), latest, responses: new Map(), unwritable: new Map() });
    }
    for (const source of new Set([view, insights])) {
      this.#replaceAll(source, source.revision.n);
      source.onChange(({ reset, entries, revision }) => {
        const changed = reset ? this.#replaceAll(source, revision.n) : this.#follow(entries, revision.n);
        if (changed.length > 0) for (const reader of this.#readers) reader.changed(changed);
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

  /** The revision at which what is sent of a resource last changed; undefined when nothing of it is sent. */
  changedAt(key: ResourceKey): number | undefined {
    const outKey = this.#parts.departures.keyThere(key);
    const item = outKey && this.#shelves.get(key.type)?.items.get(wireName(outKey));
    return item && sentOf(item) ? item.at : undefined;
  }

  /** What brings a zone from revision `from` to {@link latest}; {@link FROM_NOTHING} gives everything. */
  response(type: ResourceType, from: number): EncodedResponse {
    const shelf = this.#shelf(type);
    const known = shelf.responses.get(from);
    if (known) return known;
    const items = [...shelf.items]
      .map(([name, item]) => ({ name, at: item.at, resource: sentOf(item), request: item.request }))
      .filter(({ at, resource }) => (from === FROM_NOTHING ? resource : at > from));
    const response = this.#encodeResponse(
      type,
      items.flatMap(({ resource }) => resource ?? []),
      items.filter(({ resource }) => !resource).map(({ name }) => name),
      from === FROM_NOTHING ? [] : items.map(({ request }) => request),
    );
    shelf.responses.set(from, response);
    if (from !== FROM_NOTHING) this.#tell(type, response);
    return response;
  }

  /** What brings a peer that shows what it has, as versions by name, to {@link latest}. */
  difference(type: ResourceType, have: Readonly<Record<string, string>>): EncodedResponse {
    const { items } = this.#shelf(type);
    const sent = new Map([...items].map(([name, item]) => [name, sentOf(item)]));
    const newer = [...sent].filter(([name, resource]) => resource && have[name] !== resource.version);
    const gone = Object.keys(have).filter((name) => !sent.get(name));
    const requests = [...newer.map(([name]) => name), ...gone].map((name) => items.get(name)?.request);
    return this.#encodeResponse(
      type,
      newer.flatMap(([, resource]) => resource ?? []),
      gone,
      requests,
    );
  }

  /** What of a type is not sent to anybody, and why, for people; undefined when all is. */
  trouble(type: ResourceType): string | undefined {
    const { items, unwritable } = this.#shelf(type);
    const tooLarge = [...items.values()].filter(({ keptBack }) => keptBack).map(({ source }) => describe(source));
    const told = [...unwritable.values(), ...tooLarge.map((name) => `${name} is not sent: ${this.#tooLarge(type)}`)];
    return told.length === 0 ? undefined : told.join('; ');
  }

  /** Tells a reader of changes, and keeps for it what is gone since the revision that it is at. Returns what ends that. */
  follow(reader: Reader): Cancel {
    this.#readers.add(reader);
    return () => this.#readers.delete(reader);
  }

  /** Once for all who get it: with a thousand peers there would be nothing else in the log. */
  #tell(type: ResourceType, { to: revision, requests }: EncodedResponse): void {
    if (!isInsight(type)) onBehalfOf(requests, () => this.#parts.log.info('sent', { type, revision }));
  }

  #encodeResponse(
    type: ResourceType,
    resources: WireResource[],
    removedResources: string[],
    asked: readonly (string | undefined)[],
  ): EncodedResponse {
    const to = this.latest(type);
    const nonce = `${type}@${to}`;
    const controlPlane = { identifier: this.#parts.departures.sender };
    const requests = [...new Set(asked.flatMap((ids) => ids?.split(' ') ?? []))].slice(-MOST_REQUESTS).join(' ');
    // xDS has this field for people who debug; Kuma neither sets nor reads it.
    const response = { systemVersionInfo: requests, typeUrl: type, nonce, resources, removedResources, controlPlane };
    return { bytes: DeltaDiscoveryResponse.encode(response).finish(), nonce, to, requests };
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
    for (const { key, resource, request } of entries) {
      const shelf = this.#shelves.get(key.type);
      const outKey = this.#parts.departures.keyThere(key);
      if (!shelf || !outKey) continue;
      const name = wireName(outKey);
      shelf.unwritable.delete(name);
      const next = resource && this.#encode(resource, name, shelf);
      const before = shelf.items.get(name);
      if (next?.version === before?.resource?.version) continue;
      shelf.items.set(name, {
        source: key,
        resource: next,
        at: revision,
        keptBack: before?.keptBack ?? false,
        request,
      });
      changed.add(key.type);
    }
    for (const type of changed) {
      const shelf = this.#shelf(type);
      this.#keepBack(type, shelf, revision);
      this.#forget(type, shelf);
      shelf.latest = revision;
      shelf.responses.clear();
    }
    return [...changed];
  }

  /** What was gone before the last change, and every reader was told of: names come and go without end. */
  #forget(type: ResourceType, { items, latest }: Shelf): void {
    const oldest = Math.min(latest, ...[...this.#readers].map((reader) => reader.from(type) ?? latest));
    for (const [name, { resource, at }] of items) if (!resource && at <= oldest) items.delete(name);
  }

  /** Without what does not fit into one message the others still go, and what is kept back goes as soon as it fits. */
  #keepBack(type: ResourceType, { items }: Shelf, revision: number): void {
    const sizes = [...items].flatMap(([name, { resource }]) =>
      resource ? [[name, sizeInResponse(name, resource.resource?.value)] as const] : [],
    );
    const tooMuch = beyond(this.#parts.limit, new Map(sizes));
    for (const [name, item] of items) {
      const keptBack = tooMuch.has(name);
      if (item.keptBack === keptBack) continue;
      items.set(name, { ...item, keptBack, at: revision });
      if (keptBack)
        this.#parts.log.error('a resource is not sent', {
          resource: describe(item.source),
          error: this.#tooLarge(type),
        });
    }
  }

  #tooLarge(type: ResourceType): string {
    return `all ${type} resources together are larger than the ${this.#parts.limit} bytes that can be sent of a type`;
  }

  #encode(resource: Resource, name: string, { unwritable }: Shelf): WireResource | undefined {
    try {
      const crossing = this.#parts.departures.crossing(resource);
      return crossing && encodeResource(crossing);
    } catch (error) {
      // One resource that cannot be written must not stop the others.
      const { message } = error as Error;
      unwritable.set(name, `${describe(resource)} cannot be sent: ${message}`);
      this.#parts.log.error('a resource cannot be sent', { resource: describe(resource), error: message });
      return undefined;
    }
  }

  #shelf(type: ResourceType): Shelf {
    const shelf = this.#shelves.get(type);
    if (!shelf) throw new TypeError(`${type} does not cross this way`);
    return shelf;
  }
}

/** What others get of an item: nothing of what is gone, or does not fit. */
function sentOf({ resource, keptBack }: Item): WireResource | undefined {
  return keptBack ? undefined : resource;
}
