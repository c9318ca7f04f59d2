import { type Clock, type Entropy, rfc3339 } from '@koguma/core';
import { type Insights, insightOf, keyText, type ResourceKey, type ResourceType, type Spec } from '@koguma/resources';
import type { CredentialInfo } from './credential.js';
import type { ProxyId } from './proxy.js';
import { type DiscoverySubscription, ProxySubscription } from './proxy-subscription.js';
import type { Outcome } from './xds/conversation.js';
import type { XdsType } from './xds/snapshot.js';

interface Parts {
  readonly insights: Insights;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** Of this control plane. */
  readonly instanceId: string;
}

interface InsightSpec extends Spec {
  readonly subscriptions?: readonly DiscoverySubscription[];
}

/** What is known of one proxy that was here in this life of the control plane. */
interface Known {
  readonly subscriptions: readonly ProxySubscription[];
  readonly metadata: Spec;
}

/** One stream while it lasts: what is told here is known of the proxy. */
export interface StreamRecord {
  count(type: XdsType, outcome: Outcome): void;
  close(): void;
}

/** How many streams of a proxy are remembered, as in Kuma (`metrics.dataplane.subscriptionLimit`). */
const REMEMBERED = 2;
const TYPES = ['DataplaneInsight', 'ZoneIngressInsight', 'ZoneEgressInsight'] as const;

/**
 * What is known of proxies: their streams, versions and counters, and what they showed to be let in, but for the
 * credential itself. Told at once when a stream opens or closes, otherwise as often as insights are written.
 */
export class ProxyInsights {
  readonly #parts: Parts;
  readonly #known = new Map<string, Known>();
  /** Streams that an earlier life of this control plane left open. */
  readonly #leftOpen = new Set<string>();

  constructor(parts: Parts) {
    this.#parts = parts;
    for (const type of TYPES)
      for (const { mesh, name, spec } of parts.insights.list(type)) this.#recall({ type, mesh, name }, spec);
    parts.insights.onChange(({ entries }) => {
      for (const { key, resource } of entries) if (!resource || !this.#isHere(key)) this.#known.delete(keyText(key));
    });
  }

  /** A stream that was let in. @param version what the proxy says of its programs */
  opened({ key }: ProxyId, credential: CredentialInfo, version: unknown): StreamRecord {
    const { clock, entropy, instanceId } = this.#parts;
    const insight = { ...key, type: insightOf(key.type) as ResourceType };
    const subscription = new ProxySubscription(clock, entropy.uuid(), instanceId, version);
    const before = this.#known.get(keyText(insight))?.subscriptions ?? [];
    this.#known.set(keyText(insight), {
      subscriptions: [...before, subscription].slice(-REMEMBERED),
      metadata: { credential: shown(credential) },
    });
    this.#write(insight, { soon: true });
    return {
      count: (type, outcome) => {
        subscription.count(type, outcome);
        this.#write(insight, { soon: false });
      },
      close: () => {
        subscription.close();
        this.#write(insight, { soon: true });
      },
    };
  }

  #isHere(key: ResourceKey): boolean {
    return this.#known.get(keyText(key))?.subscriptions.some(({ isOpen }) => isOpen) ?? false;
  }

  #recall(key: ResourceKey, { subscriptions }: InsightSpec): void {
    const open = subscriptions?.filter(({ disconnectTime }) => disconnectTime === undefined) ?? [];
    for (const { id } of open) this.#leftOpen.add(id);
    if (open.length > 0) this.#write(key, { soon: true });
  }

  #write(key: ResourceKey, when: { readonly soon: boolean }): void {
    this.#parts.insights.update(key, (stored) => this.#merged(this.#known.get(keyText(key)), stored), when);
  }

  #merged(known: Known | undefined, stored: InsightSpec | undefined): Spec {
    const now = rfc3339(this.#parts.clock.wall());
    const current = known?.subscriptions.map((subscription) => subscription.toSpec()) ?? [];
    const ids = new Set(current.map(({ id }) => id));
    const earlier = (stored?.subscriptions ?? [])
      .filter(({ id }) => !ids.has(id))
      .map((old) => (this.#leftOpen.has(old.id) ? { ...old, disconnectTime: old.disconnectTime ?? now } : old));
    return { ...stored, ...known, subscriptions: [...earlier, ...current].slice(-REMEMBERED) };
  }
}

function shown({ expiresAt, ...credential }: CredentialInfo): Spec {
  return { ...credential, ...(expiresAt === undefined ? {} : { expiresAt: rfc3339(expiresAt) }) };
}
