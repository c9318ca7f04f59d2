import { type Clock, rfc3339 } from '@koguma/core';
import {
  type Insights,
  isOnline,
  type KdsSubscription,
  type ResourceKey,
  type ResourceManager,
  type ResourceView,
  type Spec,
  type ZoneInsightSpec,
} from '@koguma/resources';
import type { Subscription } from './subscription.js';

interface Parts {
  readonly insights: Insights;
  readonly clock: Clock;
}

/** How many connections of a zone are remembered, as in Kuma (`metrics.zone.subscriptionLimit`). */
const REMEMBERED = 10;

/** What is known of zones' connections: at once when one opens or closes, otherwise as often as insights are written. */
export class ZoneInsights {
  readonly #parts: Parts;
  readonly #known = new Map<string, Subscription[]>();
  readonly #lastCheck = new Map<string, string>();
  /** Connections that an earlier life of this control plane left open. */
  readonly #leftOpen = new Set<string>();

  constructor(parts: Parts) {
    this.#parts = parts;
    for (const { name, spec } of parts.insights.list('ZoneInsight')) {
      if (!isOnline(spec)) continue;
      for (const { id } of (spec as ZoneInsightSpec).subscriptions ?? []) this.#leftOpen.add(id);
      this.#write(name, { soon: true });
    }
  }

  /** A connection that counts from now on. */
  opened(zone: string, subscription: Subscription): void {
    this.#known.set(zone, [...(this.#known.get(zone) ?? []), subscription].slice(-REMEMBERED));
    this.#write(zone, { soon: true });
  }

  /** Counters moved: worth a write, not a hurry. */
  changed(zone: string): void {
    this.#write(zone, { soon: false });
  }

  /** The zone said that it lives (Kuma's HealthCheck). */
  checked(zone: string): void {
    this.#lastCheck.set(zone, rfc3339(this.#parts.clock.wall()));
    this.#write(zone, { soon: false });
  }

  closed(zone: string, subscription: Subscription): void {
    subscription.close();
    this.#write(zone, { soon: true });
  }

  #write(zone: string, when: { readonly soon: boolean }): void {
    const key = { type: 'ZoneInsight', mesh: '', name: zone } as const;
    this.#parts.insights.update(key, (stored) => this.#merged(zone, stored), when);
  }

  #merged(zone: string, stored: ZoneInsightSpec | undefined): Spec {
    const now = rfc3339(this.#parts.clock.wall());
    const current = (this.#known.get(zone) ?? []).map((subscription) => subscription.toSpec());
    const ids = new Set(current.map(({ id }) => id));
    const earlier = (stored?.subscriptions ?? [])
      .filter(({ id }) => !ids.has(id))
      .map((old) => (this.#leftOpen.has(old.id) ? ended(old, now) : old));
    const time = this.#lastCheck.get(zone);
    return {
      ...stored,
      subscriptions: [...earlier, ...current].slice(-REMEMBERED),
      ...(time === undefined ? {} : { healthCheck: { time } }),
    };
  }
}

/** A zone that is met for the first time appears by itself, enabled. */
export async function registerZone(
  manager: ResourceManager,
  view: ResourceView,
  clock: Clock,
  zone: string,
): Promise<void> {
  const key: ResourceKey = { type: 'Zone', mesh: '', name: zone };
  if (view.get(key)) return;
  const now = clock.wall();
  await manager.system(async (tx) => {
    if (await tx.get(key)) return;
    await tx.create({ ...key, spec: { enabled: true }, labels: {}, creationTime: now, modificationTime: now });
  });
}

function ended(subscription: KdsSubscription, now: string): KdsSubscription {
  return { ...subscription, disconnectTime: subscription.disconnectTime ?? now };
}
