import type { Clock } from '@koguma/core';
import type { Resource, ResourceKey, ResourceView } from '@koguma/resources';
import type { Heart } from './heart.js';
import type { OpenStream, OpenStreams } from './open-streams.js';
import type { Outbox } from './outbox.js';
import type { ZoneInsights } from './zone-insights.js';
import type { ZoneMemory } from './zone-memory.js';
import { type LastLink, statusAsTold, type ZoneStatus, zoneStatus } from './zone-status.js';

interface Parts {
  readonly view: ResourceView;
  readonly clock: Clock;
  readonly outbox: Outbox;
  readonly heart: Heart;
  readonly streams: OpenStreams;
  readonly insights: ZoneInsights;
  readonly memory: ZoneMemory;
}

/** How each zone stands: by its open link, by what another replica told of it, or by what is remembered of its last one. */
export class ZoneStandings {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Of every zone that is written down. */
  all(): ZoneStatus[] {
    return this.#parts.view.list('Zone').map(({ name, spec }) => this.#of(name, spec));
  }

  of(zone: string): ZoneStatus {
    return this.#of(zone, this.#parts.view.get({ type: 'Zone', mesh: '', name: zone })?.spec ?? {});
  }

  /** Whether a zone has what is sent of a resource now; undefined when nobody knows, or nothing of it is sent. */
  has(zone: string, key: ResourceKey): boolean | undefined {
    const { outbox, memory } = this.#parts;
    const changedAt = outbox.changedAt(key);
    const applied = this.of(zone).types.find(({ type }) => type === key.type)?.applied;
    const known = applied ?? memory.applied(zone, key.type);
    return changedAt === undefined || known === undefined ? undefined : known >= changedAt;
  }

  /** A link is about to end: how old it leaves what the zone has goes on from there, however many follow that bring nothing. */
  left(zone: string): void {
    const { clock, memory } = this.#parts;
    const endedAt = clock.wall();
    memory.left(zone, { endedAt, oldSince: endedAt - (this.of(zone).lagMs ?? 0) });
  }

  #of(zone: string, { enabled }: Resource['spec']): ZoneStatus {
    const { clock, heart, streams, insights } = this.#parts;
    const newest = streams.newest(zone);
    const told = newest ? undefined : insights.told(zone);
    if (told) return statusAsTold(told, heart.staleAfterMs);
    return zoneStatus({
      zone,
      enabled: enabled !== false,
      now: clock.wall(),
      staleAfterMs: heart.staleAfterMs,
      last: this.#lastLinkOf(zone),
      connection: newest && this.#linkOf(newest),
    });
  }

  #linkOf(stream: OpenStream) {
    const { hello, since, sender } = stream;
    const { heart, streams, outbox } = this.#parts;
    const program = hello.instanceId === '' ? ('kuma' as const) : ('koguma' as const);
    // Of what others take nothing is known but that they ask.
    const awaited = program === 'koguma' ? outbox.types.length : 1;
    const report = heart.heardFrom(hello)?.report;
    return { since, program, types: sender?.report() ?? [], awaited, report, silentMs: streams.silentMs(stream) };
  }

  /** The later one of those that this replica had, and others; never one to come, also where the calendar was put back since. */
  #lastLinkOf(zone: string): LastLink | undefined {
    const own = this.#parts.memory.lastLink(zone);
    const endedAt = this.#parts.insights.lastSeenElsewhere(zone);
    const last = endedAt === undefined || (own && own.endedAt >= endedAt) ? own : { endedAt, oldSince: endedAt };
    const now = this.#parts.clock.wall();
    return last && { endedAt: Math.min(last.endedAt, now), oldSince: Math.min(last.oldSince, now) };
  }
}
