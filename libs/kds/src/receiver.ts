import { ControlPlaneError, type Observer, onBehalfOf, REQUEST_ID, UNOBSERVED } from '@koguma/core';
import type { ResourceType } from '@koguma/resources';
import { DeltaDiscoveryRequest, type DeltaDiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery.js';
import type { StreamIn, StreamOut, Welcome } from './link.js';
import type { Refusal } from './syncer.js';

interface Parts {
  /** The zone's name: Kuma puts it into each request, whichever side asks. */
  readonly zone: string;
  /** What this side tells of itself in the first request of each type (Kuma's node metadata). */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Applies a response, in place of everything that came before or on top of it; answers what was refused of it. */
  readonly apply: (type: ResourceType, response: DeltaDiscoveryResponse, replace: boolean) => Promise<Refusal[]>;
  readonly send: StreamOut<DeltaDiscoveryRequest>;
  readonly events: ReceiverEvents;
  readonly observer?: Observer;
}

/** What a receiver tells, and asks. */
export interface ReceiverEvents {
  welcomed?(welcome: Welcome): void;
  /** Before a response is applied: a text refuses it, and ends the stream. */
  objectTo?(type: ResourceType, response: DeltaDiscoveryResponse, first: boolean): string | undefined;
  /** A response was applied, all of it or, with an error, in part. */
  applied(type: ResourceType, nonce: string, error: string | undefined, first: boolean): void;
  /** The stream is over; comes once and last. */
  over(reason: ControlPlaneError): void;
}

/** One of a type is under way at a time; what is beyond that twice over does not follow the protocol. */
const QUEUE_PER_TYPE = 2;
/** An answer must fit into a message, however much of a response was refused. */
const MOST_TOLD = 100;
const LONGEST_TOLD = 1_000;
/** Of the requests that a peer names. */
const MOST_REQUESTS = 20;

/** What was asked for of a type. */
interface Asked {
  /** The peer was shown what is here already, and answers with the difference. */
  readonly resumed: boolean;
  /** The first response was applied. */
  seen: boolean;
}

/**
 * The side of a KDS stream that asks and applies: on GlobalToZoneSync the zone, on ZoneToGlobalSync global. Responses
 * are applied one after another; the first of each type on the stream replaces all that the peer sent before, unless
 * the stream goes on where another ended.
 */
export class Receiver implements StreamIn<DeltaDiscoveryResponse> {
  readonly #parts: Parts;
  readonly #queue: DeltaDiscoveryResponse[] = [];
  readonly #types = new Map<ResourceType, Asked>();
  #working = false;
  #over = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  welcomed(welcome: Welcome): void {
    this.#parts.events.welcomed?.(welcome);
  }

  /**
   * Asks for everything of a type, and for what changes from then on.
   * @param have what is here of it, as versions by name: only for a peer that said that it answers with the difference
   */
  subscribe(typeUrl: ResourceType, have?: Readonly<Record<string, string>>): void {
    const { zone, metadata, send } = this.#parts;
    this.#types.set(typeUrl, { resumed: have !== undefined, seen: false });
    const node = { id: zone, metadata };
    const initialResourceVersions = have ?? {};
    send.send(
      DeltaDiscoveryRequest.fromPartial({ node, typeUrl, resourceNamesSubscribe: ['*'], initialResourceVersions }),
    );
  }

  /** True when everything that was asked for came and was applied once. */
  get complete(): boolean {
    return [...this.#types.values()].every(({ seen }) => seen);
  }

  message(response: DeltaDiscoveryResponse): void {
    if (this.#over) return;
    this.#queue.push(response);
    if (this.#queue.length > QUEUE_PER_TYPE * this.#types.size + 1) {
      this.end(new ControlPlaneError('too_large', 'the peer sends without waiting for answers'));
    } else if (!this.#working) {
      void this.#work();
    }
  }

  closed(reason: ControlPlaneError | undefined): void {
    this.#finish(reason ?? new ControlPlaneError('unavailable', 'the peer ended the stream'));
  }

  /** Ends the stream from this side. */
  end(reason: ControlPlaneError): void {
    if (this.#over) return;
    this.#parts.send.end(reason);
    this.#finish(reason);
  }

  #finish(reason: ControlPlaneError): void {
    if (this.#over) return;
    this.#over = true;
    this.#parts.events.over(reason);
  }

  async #work(): Promise<void> {
    this.#working = true;
    try {
      for (let response = this.#queue.shift(); response && !this.#over; response = this.#queue.shift()) {
        const current = response;
        await onBehalfOf(requestsIn(current), () => this.#handle(current));
      }
    } catch (error) {
      const message = `a response could not be applied: ${(error as Error).message}`;
      this.end(new ControlPlaneError('unavailable', message, { cause: error }));
    }
    this.#working = false;
  }

  async #handle(response: DeltaDiscoveryResponse): Promise<void> {
    const { events, apply } = this.#parts;
    const type = response.typeUrl as ResourceType;
    const asked = this.#types.get(type);
    if (!asked) return; // never asked for; answering would pretend that it was applied
    const first = !asked.seen;
    const objection = events.objectTo?.(type, response, first);
    if (objection !== undefined) {
      this.#answer(type, response.nonce, objection);
      return this.end(new ControlPlaneError('conflict', objection));
    }
    const { observer = UNOBSERVED } = this.#parts;
    const refusals = await observer.step('kds apply', { type, resources: response.resources.length }, async (tell) => {
      const refused = await apply(type, response, first && !asked.resumed);
      tell({ refused: refused.length });
      return refused;
    });
    if (this.#over) return;
    const error = told(refusals);
    this.#answer(type, response.nonce, error);
    asked.seen = true;
    events.applied(type, response.nonce, error, first);
  }

  #answer(typeUrl: ResourceType, responseNonce: string, error: string | undefined): void {
    const answer = { node: { id: this.#parts.zone }, typeUrl, responseNonce };
    const nack = { ...answer, resourceNamesSubscribe: ['*'], errorDetail: { message: `user error\n${error}` } };
    this.#parts.send.send(DeltaDiscoveryRequest.fromPartial(error === undefined ? answer : nack));
  }
}

/** Who asked the peer for what it sends, as far as it tells. */
function requestsIn({ systemVersionInfo }: DeltaDiscoveryResponse): string {
  const ids = systemVersionInfo.slice(0, MOST_REQUESTS * 65).split(' ');
  return ids
    .filter((id) => REQUEST_ID.test(id))
    .slice(0, MOST_REQUESTS)
    .join(' ');
}

/** What was refused, for the peer and for people; undefined when nothing was. */
function told(refusals: readonly Refusal[]): string | undefined {
  const lines = refusals.slice(0, MOST_TOLD).map(({ name, reason }) => `${name}: ${reason}`.slice(0, LONGEST_TOLD));
  if (refusals.length > MOST_TOLD) lines.push(`and ${refusals.length - MOST_TOLD} more`);
  return lines.length === 0 ? undefined : lines.join('\n');
}
