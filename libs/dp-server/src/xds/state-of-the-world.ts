import { ControlPlaneError, sha256 } from '@koguma/core';
import type { DiscoveryRequest, DiscoveryResponse } from '../gen/envoy/service/discovery/v3/discovery.js';
import { type Conversation, type Ears, MOST_NAMES, WHOLE_TYPES, WILDCARD } from './conversation.js';
import { type Snapshot, typeUrlOf, XDS_TYPES, type XdsResource, type XdsType, xdsTypeOf } from './snapshot.js';

interface Subscription {
  names: ReadonlySet<string> | undefined;
  /** Of the last response; empty before the first. */
  nonce: string;
  version: string;
  isUnderWay: boolean;
}

/** `StreamAggregatedResources`: each response holds everything of its type that was asked for. */
export class StateOfTheWorld implements Conversation<DiscoveryRequest> {
  readonly #ears: Ears<DiscoveryResponse>;
  readonly #subscriptions = new Map<XdsType, Subscription>();
  #snapshot: Snapshot;
  #nonces = 0;

  constructor(snapshot: Snapshot, ears: Ears<DiscoveryResponse>) {
    this.#snapshot = snapshot;
    this.#ears = ears;
  }

  hear({ typeUrl, responseNonce, errorDetail, resourceNames }: DiscoveryRequest): void {
    const type = xdsTypeOf(typeUrl);
    if (!type) return; // what is not served stays unanswered, as the protocol has it for unknown types
    if (resourceNames.length > MOST_NAMES)
      throw new ControlPlaneError('too_large', `a proxy can ask for ${MOST_NAMES} resources of a type`);
    const before = this.#subscriptions.get(type);
    if (before && responseNonce !== before.nonce && responseNonce !== '') return; // of a response that another has followed
    const names = namesOf(type, resourceNames);
    const subscription = before ?? { names, nonce: '', version: '', isUnderWay: false };
    this.#subscriptions.set(type, subscription);
    const answers = subscription.isUnderWay && responseNonce === subscription.nonce;
    if (answers) {
      subscription.isUnderWay = false;
      this.#ears.counted(type, errorDetail ? 'rejected' : 'acknowledged', errorDetail?.message);
    }
    const asksAnew = !answers || !equal(subscription.names, names);
    subscription.names = names;
    // A response that was refused is not sent again; the next change is.
    if (asksAnew) this.#answer(type, subscription);
    else this.#update(type, subscription);
  }

  offer(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    for (const type of XDS_TYPES) {
      const subscription = this.#subscriptions.get(type);
      if (subscription) this.#update(type, subscription);
    }
  }

  #update(type: XdsType, subscription: Subscription): void {
    const { version } = this.#content(type, subscription);
    if (version !== subscription.version) this.#answer(type, subscription);
  }

  #answer(type: XdsType, subscription: Subscription): void {
    if (subscription.isUnderWay) return; // its answer brings us back here
    const { version, resources } = this.#content(type, subscription);
    subscription.version = version;
    subscription.nonce = String(++this.#nonces);
    subscription.isUnderWay = true;
    this.#ears.counted(type, 'sent');
    const bodies = resources.map(({ body }) => body);
    const { nonce } = subscription;
    this.#ears.send({ versionInfo: version, resources: bodies, typeUrl: typeUrlOf(type), nonce });
  }

  #content(type: XdsType, { names }: Subscription): { version: string; resources: XdsResource[] } {
    const all = [...this.#snapshot[type].values()];
    const resources = names ? all.filter(({ name }) => names.has(name)) : all;
    const version = sha256(Buffer.from(resources.map((resource) => resource.version).join(' ')));
    return { version, resources };
  }
}

/** Undefined: everything. No names are everything for some types, and nothing for the others. */
function namesOf(type: XdsType, names: readonly string[]): ReadonlySet<string> | undefined {
  const isAll = WHOLE_TYPES.includes(type) && (names.length === 0 || names.includes(WILDCARD));
  return isAll ? undefined : new Set(names);
}

function equal(a: ReadonlySet<string> | undefined, b: ReadonlySet<string> | undefined): boolean {
  if (!a || !b) return a === b;
  return a.size === b.size && [...a].every((name) => b.has(name));
}
