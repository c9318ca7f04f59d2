import { type Clock, type Entropy, parseRfc3339, rfc3339 } from '@koguma/core';
import {
  type Insights,
  insightOf,
  keyText,
  type Leadership,
  type ResourceKey,
  type ResourceType,
  type Spec,
} from '@koguma/resources';
import type { CredentialInfo } from './credential.js';
import type { ProxyId } from './proxy.js';
import { type DiscoverySubscription, ProxySubscription } from './proxy-subscription.js';
import type { Outcome } from './xds/conversation.js';
import type { XdsType } from './xds/snapshot.js';

interface Parts {
  readonly insights: Insights;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly leadership: Pick<Leadership, 'leads' | 'fence' | 'isAlive' | 'onChange'>;
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

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#closeLeftOpen();
    parts.leadership.onChange(() => this.#closeLeftOpen());
    parts.insights.onChange(({ entries }) => {
      for (const { key, resource } of entries) this.#told(key, resource?.spec);
    });
  }

  /** A stream that was let in. @param version what the proxy says of its programs */
  opened({ key }: ProxyId, credential: CredentialInfo, version: unknown): StreamRecord {
    const { clock, entropy, instanceId } = this.#parts;
    const insight = { ...key, type: insightOf(key.type) as ResourceType };
    const subscription = new ProxySubscription(clock, entropy.uuid(), instanceId, version);
    const before = this.#subscriptionsOf(insight);
    const [open, over] = [before.filter((one) => one.isOpen), before.filter((one) => !one.isOpen)];
    this.#known.set(keyText(insight), {
      subscriptions: [...over.slice(-1), ...open, subscription],
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

  /** Whether a proxy has a stream at another replica of this control plane, as far as that is known here. */
  isElsewhere({ key }: ProxyId): boolean {
    const { insights, instanceId } = this.#parts;
    const insight = insights.get({ ...key, type: insightOf(key.type) as ResourceType });
    return openOf(insight?.spec).some(({ controlPlaneInstanceId: at }) => at !== instanceId);
  }

  /** Hears what is stored now. A replica that leads may have taken this one for dead, for as long as it did not know it. */
  #told(key: ResourceKey, spec: InsightSpec | undefined): void {
    const here = this.#subscriptionsOf(key).filter(({ isOpen }) => isOpen);
    if (!spec || here.length === 0) return void this.#known.delete(keyText(key));
    const told = new Set(openOf(spec).map(({ id }) => id));
    if (here.slice(-REMEMBERED).some(({ id }) => !told.has(id))) this.#write(key, { soon: true });
  }

  #subscriptionsOf(key: ResourceKey): readonly ProxySubscription[] {
    return this.#known.get(keyText(key))?.subscriptions ?? [];
  }

  /** Streams of a replica, or an earlier life, that is dead: who leads writes down that they are over. */
  #closeLeftOpen(): void {
    const { insights, leadership } = this.#parts;
    if (!leadership.leads) return;
    for (const type of TYPES)
      for (const { mesh, name, spec } of insights.list(type))
        if (openOf(spec).some((one) => this.#isLeftOpen({ type, mesh, name }, one)))
          this.#write({ type, mesh, name }, { soon: true, fence: leadership.fence });
  }

  #isLeftOpen(key: ResourceKey, { id, controlPlaneInstanceId: at }: DiscoverySubscription): boolean {
    const { leadership, instanceId } = this.#parts;
    if (at !== instanceId) return !leadership.isAlive(at);
    return !this.#subscriptionsOf(key).some((own) => own.id === id);
  }

  #write(key: ResourceKey, when: { readonly soon: boolean; readonly fence?: number | undefined }): void {
    const closes = when.fence !== undefined || !this.#parts.insights.shared;
    this.#parts.insights.update(key, (stored) => this.#merged(key, stored, closes), when);
  }

  /** @param closes what others left open; only who leads knows who lives */
  #merged(key: ResourceKey, stored: InsightSpec | undefined, closes: boolean): Spec {
    const now = rfc3339(this.#parts.clock.wall());
    const known = this.#known.get(keyText(key));
    const current = this.#subscriptionsOf(key).map((subscription) => subscription.toSpec());
    const ids = new Set(current.map(({ id }) => id));
    const earlier = (stored?.subscriptions ?? [])
      .filter(({ id }) => !ids.has(id))
      .map((old) => (closes && isOpen(old) && this.#isLeftOpen(key, old) ? { ...old, disconnectTime: now } : old));
    return { ...stored, ...known, subscriptions: [...earlier, ...current].sort(byAge).slice(-REMEMBERED) };
  }
}

function openOf(spec: InsightSpec | undefined): DiscoverySubscription[] {
  return (spec?.subscriptions ?? []).filter(isOpen);
}

function isOpen({ disconnectTime }: DiscoverySubscription): boolean {
  return disconnectTime === undefined;
}

/** What is over comes before what is not, so that it is forgotten first. */
function byAge(one: DiscoverySubscription, other: DiscoverySubscription): number {
  const age = ({ connectTime }: DiscoverySubscription) => parseRfc3339(connectTime) ?? 0;
  return Number(isOpen(one)) - Number(isOpen(other)) || age(one) - age(other);
}

function shown({ expiresAt, ...credential }: CredentialInfo): Spec {
  return { ...credential, ...(expiresAt === undefined ? {} : { expiresAt: rfc3339(expiresAt) }) };
}
