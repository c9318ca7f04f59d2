import { type Clock, parseRfc3339, rfc3339 } from '@koguma/core';
import {
  type Insights,
  type KdsSubscription,
  type Leadership,
  type ResourceKey,
  type ResourceManager,
  type ResourceView,
  type Spec,
  type ZoneInsightSpec,
  type ZoneLinkOwner,
} from '@koguma/resources';
import { isForeign } from './link.js';
import type { Subscription } from './subscription.js';

interface Parts {
  readonly insights: Insights;
  readonly clock: Clock;
  readonly leadership: Pick<Leadership, 'leads' | 'fence' | 'isAlive' | 'onChange'>;
  readonly instanceId: string;
}

/** What another replica told of a link that it has. */
export interface Told {
  readonly report: Spec;
  /** How many milliseconds ago, by the clocks of both. */
  readonly ageMs: number;
  /** Whose link it is, where a replica of global tells. */
  readonly owner: ZoneLinkOwner | undefined;
}

/** How often a replica tells the others of its links. */
export const TELL_MS = 2_000;

/** How many connections of a zone are remembered, as in Kuma (`metrics.zone.subscriptionLimit`). */
const REMEMBERED = 10;

/** What is known of zones' connections: at once when one opens or closes, otherwise as often as insights are written. */
export class ZoneInsights {
  readonly #parts: Parts;
  readonly #known = new Map<string, Subscription[]>();
  readonly #lastCheck = new Map<string, string>();
  readonly #told = new Map<string, { readonly report: Spec; readonly owner?: ZoneLinkOwner }>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#closeLeftOpen();
    parts.leadership.onChange(() => this.#closeLeftOpen());
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
    this.#told.delete(zone);
    this.#write(zone, { soon: true });
  }

  /** The zone is not written down any more. */
  forget(zone: string): void {
    for (const map of [this.#known, this.#lastCheck, this.#told]) map.delete(zone);
  }

  /** Whether there may be other replicas, which want to be told. */
  get shared(): boolean {
    return this.#parts.insights.shared;
  }

  /** Has the other replicas know how a link is that ends here. */
  tell(zone: string, report: Spec, owner?: ZoneLinkOwner): void {
    if (!this.shared) return;
    this.#told.set(zone, { report, ...(owner ? { owner } : {}) });
    this.#write(zone, { soon: true });
  }

  /** What a replica that lives told of a zone's link, if it is not this one. */
  told(zone: string): Told | undefined {
    const { insights, clock } = this.#parts;
    const { koguma } = (insights.get({ type: 'ZoneInsight', mesh: '', name: zone })?.spec ?? {}) as ZoneInsightSpec;
    if (!koguma || !this.#isOfAnother(koguma)) return undefined;
    const ageMs = Math.max(0, clock.wall() - (parseRfc3339(koguma.at) ?? 0));
    return { report: koguma.report, ageMs, owner: koguma.owner };
  }

  /**
   * When the last connection of a zone ended that another replica had, or this one before it was started anew; on `wall`.
   * An end that is yet to come was written down while the calendar was ahead, and says nothing any more.
   */
  lastSeenElsewhere(zone: string): number | undefined {
    const { insights, instanceId, clock } = this.#parts;
    const spec = insights.get({ type: 'ZoneInsight', mesh: '', name: zone })?.spec as ZoneInsightSpec | undefined;
    const others = (spec?.subscriptions ?? []).filter(({ globalInstanceId }) => globalInstanceId !== instanceId);
    const now = clock.wall();
    const ends = others
      .flatMap(({ disconnectTime }) => parseRfc3339(disconnectTime ?? '') ?? [])
      .filter((end) => end <= now);
    return ends.length === 0 ? undefined : Math.max(...ends);
  }

  /** Connections of a replica that is dead: who leads writes down that they are over. */
  #closeLeftOpen(): void {
    const { insights, leadership } = this.#parts;
    if (!leadership.leads) return;
    for (const { name, spec } of insights.list('ZoneInsight')) {
      const open = ((spec as ZoneInsightSpec).subscriptions ?? []).filter((one) => this.#isLeftOpen(name, one));
      if (open.length > 0) this.#write(name, { soon: true, fence: leadership.fence });
    }
  }

  #isLeftOpen(zone: string, { id, disconnectTime, globalInstanceId }: KdsSubscription): boolean {
    const { leadership, instanceId } = this.#parts;
    if (disconnectTime !== undefined || !leadership.leads) return false;
    if ((this.#known.get(zone) ?? []).some((own) => own.id === id)) return false;
    return globalInstanceId === instanceId || !leadership.isAlive(globalInstanceId);
  }

  #isOfAnother({ instanceId }: Word): boolean {
    return instanceId !== this.#parts.instanceId && this.#parts.leadership.isAlive(instanceId);
  }

  #write(zone: string, when: { readonly soon: boolean; readonly fence?: number | undefined }): void {
    const key = { type: 'ZoneInsight', mesh: '', name: zone } as const;
    this.#parts.insights.update(
      key,
      (stored) => this.#merged(zone, stored, when.fence !== undefined || !this.shared),
      when,
    );
  }

  #merged(zone: string, stored: ZoneInsightSpec | undefined, closes: boolean): Spec {
    const now = rfc3339(this.#parts.clock.wall());
    const current = (this.#known.get(zone) ?? []).map((subscription) => subscription.toSpec());
    const ids = new Set(current.map(({ id }) => id));
    const earlier = (stored?.subscriptions ?? [])
      .filter(({ id }) => !ids.has(id))
      .map((old) => (closes && this.#isLeftOpen(zone, old) ? ended(old, now) : old));
    const time = this.#lastCheck.get(zone);
    const { koguma: before, ...kumas } = stored ?? {};
    const koguma = this.#word(zone, before, now);
    return {
      ...kumas,
      ...(koguma ? { koguma } : {}),
      subscriptions: [...earlier, ...current].slice(-REMEMBERED),
      ...(time === undefined ? {} : { healthCheck: { time } }),
    };
  }

  /** Of two control planes that have one name, at two replicas, the one that came first is told of. */
  #word(zone: string, before: Word | undefined, at: string): Word | undefined {
    const { instanceId } = this.#parts;
    const own = this.#told.get(zone);
    if (!own) return before?.instanceId === instanceId ? undefined : before;
    const [first, second] = [before?.owner, own.owner];
    const yields = before && first && second && this.#isOfAnother(before) && isForeign(first, second);
    return yields && first.since < second.since ? before : { instanceId, at, ...own };
  }
}

type Word = NonNullable<ZoneInsightSpec['koguma']>;

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
