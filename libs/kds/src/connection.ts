import { type Clock, ControlPlaneError, type Entropy } from '@koguma/core';
import { type ConfigSpec, type Resource, type ResourceType, type ResourceView, SYNCED_TYPES } from '@koguma/resources';
import { DeltaDiscoveryRequest, type DeltaDiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery.js';
import type { Hello, Link, StreamOut } from './link.js';
import { Subscription } from './subscription.js';
import { CLUSTER_ID_NAME } from './sync-policy.js';
import type { Syncer } from './syncer.js';
import { decodeResource, isWireType } from './wire.js';

/** More responses than this waiting at once is not a global that follows the protocol: one of a type is under way. */
const LONGEST_QUEUE = 2 * SYNCED_TYPES.length + 10;
/** The global's identity comes first; nothing else is asked for before it is known. */
const IDENTITY: ResourceType = 'Config';

export interface ConnectionParts {
  readonly hello: Hello;
  /** What the zone tells global of itself in its first requests (Kuma's node metadata). */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly syncer: Syncer;
  readonly view: ResourceView;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** The id of a global that may take the place of the one that this zone knows; '' for none. */
  readonly adoptClusterId: string;
}

/** What a connection has to tell; `over` comes once and last. */
export interface ConnectionEvents {
  /** Global answered. */
  answered(): void;
  applied(type: ResourceType, nonce: string, error: string | undefined): void;
  /** Everything that global had is applied. */
  inSync(subscription: Subscription): void;
  /** This zone does not take that global for its own. */
  refused(reason: string): void;
  over(reason: ControlPlaneError, subscription: Subscription): void;
}

/** One life of the link: its streams, its queue of responses, and which types had their first response. */
export class Connection {
  readonly #parts: ConnectionParts;
  readonly #link: Link;
  readonly #events: ConnectionEvents;
  readonly #queue: DeltaDiscoveryResponse[] = [];
  readonly #subscription: Subscription;
  readonly #complete = new Set<ResourceType>();
  #requests: StreamOut<DeltaDiscoveryRequest> | undefined;
  #working = false;
  #over = false;

  constructor(parts: ConnectionParts, link: Link, events: ConnectionEvents) {
    this.#parts = parts;
    this.#link = link;
    this.#events = events;
    this.#subscription = new Subscription(parts.clock, parts.entropy.uuid(), '');
  }

  start(): void {
    const closed = (reason: ControlPlaneError | undefined) =>
      this.end(reason ?? new ControlPlaneError('unavailable', 'global ended the stream'));
    this.#requests = this.#link.globalToZone({ message: (response) => this.#receive(response), closed });
    // Held open for globals that ask; nothing of this zone is sent without being asked for.
    this.#link.zoneToGlobal({ message: () => undefined, closed });
    this.#subscribe(IDENTITY);
  }

  end(reason: ControlPlaneError): void {
    if (this.#over) return;
    this.#over = true;
    this.#requests?.end();
    this.#events.over(reason, this.#subscription);
  }

  #receive(response: DeltaDiscoveryResponse): void {
    if (this.#over) return;
    this.#queue.push(response);
    if (this.#queue.length > LONGEST_QUEUE) {
      this.end(new ControlPlaneError('too_large', 'global sends without waiting for answers'));
    } else if (!this.#working) {
      void this.#work();
    }
  }

  async #work(): Promise<void> {
    this.#working = true;
    try {
      for (let response = this.#queue.shift(); response && !this.#over; response = this.#queue.shift())
        await this.#handle(response);
    } catch (error) {
      this.end(
        new ControlPlaneError('unavailable', `a response could not be applied: ${(error as Error).message}`, {
          cause: error,
        }),
      );
    }
    this.#working = false;
  }

  async #handle(response: DeltaDiscoveryResponse): Promise<void> {
    const type = response.typeUrl;
    if (!isWireType(type)) return; // never asked for; answering would pretend that it was applied
    const objection =
      type === IDENTITY ? identityObjection(response, this.#parts, !this.#complete.has(IDENTITY)) : undefined;
    if (objection !== undefined) {
      this.#answer(type, response.nonce, objection);
      this.#events.refused(objection);
      return this.end(new ControlPlaneError('conflict', objection));
    }
    this.#events.answered();
    const refusals = await this.#parts.syncer.apply(type, response, !this.#complete.has(type));
    if (this.#over) return;
    const error =
      refusals.length === 0 ? undefined : refusals.map(({ name, reason }) => `${name}: ${reason}`).join('\n');
    this.#subscription.count(type, 'sent');
    this.#subscription.count(type, error === undefined ? 'acknowledged' : 'rejected');
    this.#events.applied(type, response.nonce, error);
    this.#answer(type, response.nonce, error);
    this.#progress(type);
  }

  #progress(type: ResourceType): void {
    const wasFirst = !this.#complete.has(type);
    this.#complete.add(type);
    if (wasFirst && type === IDENTITY) for (const other of SYNCED_TYPES) if (other !== IDENTITY) this.#subscribe(other);
    if (wasFirst && this.#complete.size === SYNCED_TYPES.length) {
      this.#events.inSync(this.#subscription);
    }
  }

  #subscribe(typeUrl: ResourceType): void {
    const { hello, metadata } = this.#parts;
    this.#requests?.send(
      DeltaDiscoveryRequest.fromPartial({ node: { id: hello.zone, metadata }, typeUrl, resourceNamesSubscribe: ['*'] }),
    );
  }

  #answer(typeUrl: ResourceType, responseNonce: string, error: string | undefined): void {
    const answer = { node: { id: this.#parts.hello.zone }, typeUrl, responseNonce };
    const nack = { ...answer, resourceNamesSubscribe: ['*'], errorDetail: { message: `user error\n${error}` } };
    this.#requests?.send(DeltaDiscoveryRequest.fromPartial(error === undefined ? answer : nack));
  }
}

/** Two globals make different keys of the same names: taking the second for the first would replace them all. */
function identityObjection(
  response: DeltaDiscoveryResponse,
  { view, adoptClusterId }: ConnectionParts,
  first: boolean,
): string | undefined {
  const known = clusterIdOf(view);
  const told = response.resources
    .map((resource) => decodeResource(IDENTITY, resource))
    .find(({ key }) => key.name === CLUSTER_ID_NAME);
  const id = (told?.spec as ConfigSpec | undefined)?.config;
  if (known === undefined || id === known || (id === undefined && !first)) return undefined;
  if (id === undefined) return 'global does not tell its cluster id, and this zone belongs to one that has one';
  if (id === adoptClusterId) return undefined;
  return (
    `this zone belongs to the global control plane with cluster id ${known}, and this one has ${id}: ` +
    `its keys would replace those that this zone has. To adopt it, start the zone with KOGUMA_MULTIZONE_ZONE_ADOPT_CLUSTER_ID=${id}`
  );
}

/** The id of the global that this control plane belongs to, or is; undefined before it is known. */
export function clusterIdOf(view: ResourceView): string | undefined {
  return view.get<Resource<ConfigSpec>>({ type: 'Config', mesh: '', name: CLUSTER_ID_NAME })?.spec.config;
}
