import { ControlPlaneError } from '@koguma/core';
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '../gen/envoy/service/discovery/v3/discovery.js';
import { type Conversation, type Ears, MOST_NAMES, WHOLE_TYPES, WILDCARD } from './conversation.js';
import { type Snapshot, typeUrlOf, XDS_TYPES, type XdsType, xdsTypeOf } from './snapshot.js';

/** Stands for the version of what a proxy was told is not there. */
const ABSENT = '';

interface Subscription {
  isWhole: boolean;
  readonly names: Set<string>;
  /** What the proxy has, by name. */
  readonly has: Map<string, string>;
  nonce: string;
  isUnderWay: boolean;
}

/** `DeltaAggregatedResources`: each response holds what changed of what was asked for. */
export class Incremental implements Conversation<DeltaDiscoveryRequest> {
  readonly #ears: Ears<DeltaDiscoveryResponse>;
  readonly #subscriptions = new Map<XdsType, Subscription>();
  #snapshot: Snapshot;
  #nonces = 0;

  constructor(snapshot: Snapshot, ears: Ears<DeltaDiscoveryResponse>) {
    this.#snapshot = snapshot;
    this.#ears = ears;
  }

  hear(request: DeltaDiscoveryRequest): void {
    const type = xdsTypeOf(request.typeUrl);
    if (!type) return; // what is not served stays unanswered, as the protocol has it for unknown types
    const before = this.#subscriptions.get(type);
    const subscription = before ?? firstSubscription(type, request);
    this.#subscriptions.set(type, subscription);
    // Unlike in the other dialect, what is asked for counts also in an answer to an older response.
    this.#subscribe(type, subscription, request);
    if (request.responseNonce !== '' && request.responseNonce === subscription.nonce && subscription.isUnderWay) {
      subscription.isUnderWay = false;
      this.#ears.counted(type, request.errorDetail ? 'rejected' : 'acknowledged', request.errorDetail?.message);
    }
    // The first request of a type is always answered: Envoy waits for it, also when there is nothing.
    this.#update(type, subscription, before === undefined);
  }

  offer(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    for (const type of XDS_TYPES) {
      const subscription = this.#subscriptions.get(type);
      if (subscription) this.#update(type, subscription, false);
    }
  }

  #subscribe(type: XdsType, subscription: Subscription, request: DeltaDiscoveryRequest): void {
    const { names, has } = subscription;
    for (const name of request.resourceNamesSubscribe) {
      if (name === WILDCARD) subscription.isWhole = WHOLE_TYPES.includes(type);
      // Whoever asks for it again does not have it any more; what was told of an earlier stream is told first.
      else if (names.has(name) || !Object.hasOwn(request.initialResourceVersions, name)) has.delete(name);
      if (name !== WILDCARD) names.add(name);
    }
    for (const name of request.resourceNamesUnsubscribe) {
      if (name === WILDCARD) subscription.isWhole = false;
      names.delete(name);
      has.delete(name);
    }
    if (names.size > MOST_NAMES)
      throw new ControlPlaneError('too_large', `a proxy can ask for ${MOST_NAMES} resources of a type`);
  }

  #update(type: XdsType, subscription: Subscription, evenIfNothing: boolean): void {
    if (subscription.isUnderWay) return; // its answer brings us back here
    const { isWhole, names, has } = subscription;
    const there = this.#snapshot[type];
    const wanted = isWhole ? new Set([...there.keys(), ...names]) : names;
    const changed = [...wanted].flatMap((name) => {
      const resource = there.get(name);
      return resource && has.get(name) !== resource.version ? [resource] : [];
    });
    const gone = [...new Set([...has.keys(), ...names])].filter(
      (name) => !there.has(name) && has.get(name) !== ABSENT && (isWhole || names.has(name)),
    );
    if (changed.length + gone.length === 0 && !evenIfNothing) return;
    for (const { name, version } of changed) has.set(name, version);
    for (const name of gone) {
      // Who asked for it by name is told once, and again only when it came and went.
      if (names.has(name)) has.set(name, ABSENT);
      else has.delete(name);
    }
    subscription.nonce = String(++this.#nonces);
    subscription.isUnderWay = true;
    this.#ears.counted(type, 'sent');
    this.#ears.send({
      systemVersionInfo: '',
      resources: changed.map(({ name, version, body }) => ({ name, version, resource: body })),
      typeUrl: typeUrlOf(type),
      nonce: subscription.nonce,
      removedResources: gone,
    });
  }
}

/** In the first request of a type, no names mean everything, for types that a proxy gets whole. */
function firstSubscription(type: XdsType, request: DeltaDiscoveryRequest): Subscription {
  const entries = Object.entries(request.initialResourceVersions);
  if (entries.length > MOST_NAMES)
    throw new ControlPlaneError('too_large', `a proxy can have ${MOST_NAMES} resources of a type`);
  const isWhole = WHOLE_TYPES.includes(type) && request.resourceNamesSubscribe.length === 0;
  return { isWhole, names: new Set(), has: new Map(entries), nonce: '', isUnderWay: false };
}
