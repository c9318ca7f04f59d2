import { type Cancel, type Clock, ControlPlaneError, type Log, rfc3339 } from '@koguma/core';
import {
  isOnline,
  type KdsSubscription,
  type Resource,
  type ResourceKey,
  type ResourceManager,
  type ResourceView,
  type ZoneInsightSpec,
} from '@koguma/resources';
import type { Subscription } from './subscription.js';

interface Parts {
  readonly manager: ResourceManager;
  readonly clock: Clock;
  readonly log: Log;
  readonly flushIntervalMs: number;
}

/** How many connections of a zone are remembered, as in Kuma (`metrics.zone.subscriptionLimit`). */
const REMEMBERED = 10;

/**
 * Writes what is known of zones' connections, coalesced: at once when one opens or closes, otherwise at most once an
 * interval, and not at all while nothing happens.
 */
export class ZoneInsights {
  readonly #parts: Parts;
  readonly #known = new Map<string, Subscription[]>();
  readonly #dirty = new Set<string>();
  #due = false;
  #cancelFlush: Cancel = () => undefined;
  #wake: () => void = () => undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** A connection that counts from now on. */
  opened(zone: string, subscription: Subscription): void {
    this.#known.set(zone, [...(this.#known.get(zone) ?? []), subscription].slice(-REMEMBERED));
    this.#flushSoon(zone);
  }

  /** Counters moved: worth a write, not a hurry. */
  changed(zone: string): void {
    const wasClean = this.#dirty.size === 0;
    this.#dirty.add(zone);
    if (wasClean) this.#cancelFlush = this.#parts.clock.after(this.#parts.flushIntervalMs, () => this.#flush());
  }

  closed(zone: string, subscription: Subscription): void {
    subscription.close();
    this.#flushSoon(zone);
  }

  /** Ends what an earlier life of this control plane left open, then writes until the signal ends. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#attempt(() => this.#closeLeftovers());
    const stop = () => this.#wake();
    signal.addEventListener('abort', stop);
    while (!signal.aborted) {
      if (!this.#due) await new Promise<void>((resolve) => (this.#wake = resolve));
      await this.#writeDirty();
    }
    signal.removeEventListener('abort', stop);
    await this.#writeDirty(); // connections that ended because this control plane stops
  }

  #flushSoon(zone: string): void {
    this.#dirty.add(zone);
    this.#flush();
  }

  #flush(): void {
    this.#due = true;
    this.#wake();
  }

  async #writeDirty(): Promise<void> {
    this.#cancelFlush();
    this.#due = false;
    const zones = [...this.#dirty];
    this.#dirty.clear();
    for (const zone of zones) await this.#attempt(() => this.#write(zone));
  }

  /** Counters are not worth more than a line in the log. */
  async #attempt(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#parts.log.warn('cannot write what is known of a zone', { error: ControlPlaneError.from(error).message });
    }
  }

  #write(zone: string): Promise<void> {
    const current = (this.#known.get(zone) ?? []).map((subscription) => subscription.toSpec());
    return this.#parts.manager.system(async (tx) => {
      if (!(await tx.get({ type: 'Zone', mesh: '', name: zone }))) return; // deleted meanwhile
      const stored = await tx.get<Resource<ZoneInsightSpec>>({ type: 'ZoneInsight', mesh: '', name: zone });
      const ids = new Set(current.map(({ id }) => id));
      const earlier = (stored?.spec.subscriptions ?? []).filter(({ id }) => !ids.has(id));
      const spec = { subscriptions: [...earlier, ...current].slice(-REMEMBERED) };
      const now = this.#parts.clock.wall();
      if (stored) await tx.update({ ...stored, spec, modificationTime: now });
      else
        await tx.create({
          type: 'ZoneInsight',
          mesh: '',
          name: zone,
          spec,
          labels: {},
          creationTime: now,
          modificationTime: now,
        });
    });
  }

  async #closeLeftovers(): Promise<void> {
    const { manager, clock } = this.#parts;
    const now = clock.wall();
    const insights = (await manager.list('ZoneInsight')) as Resource<ZoneInsightSpec>[];
    for (const { name } of insights.filter(({ spec }) => isOnline(spec))) {
      await manager.system(async (tx) => {
        const stored = await tx.get<Resource<ZoneInsightSpec>>({ type: 'ZoneInsight', mesh: '', name });
        if (!stored) return;
        const mine = new Set((this.#known.get(name) ?? []).map(({ id }) => id));
        const subscriptions = stored.spec.subscriptions?.map((old) => (mine.has(old.id) ? old : ended(old, now)));
        await tx.update({
          ...stored,
          spec: { ...stored.spec, subscriptions: subscriptions ?? [] },
          modificationTime: now,
        });
      });
    }
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

function ended(subscription: KdsSubscription, now: number): KdsSubscription {
  return { ...subscription, disconnectTime: subscription.disconnectTime ?? rfc3339(now) };
}
