import { rfc3339 } from '@koguma/core';
import type { ZoneReport } from './gen/koguma/v1/sync.js';
import type { TypeReport } from './sender.js';
import type { Told } from './zone-insights.js';

/** A link that is over. Times are on `wall`, in milliseconds. */
export interface LastLink {
  readonly endedAt: number;
  /** Since when what the zone has may be old: the end of a good link, and an earlier time when it was not good any more. */
  readonly oldSince: number;
}

/** What global knows of one zone's link. Times are on `wall`, in milliseconds. */
interface Facts {
  readonly zone: string;
  readonly enabled: boolean;
  readonly now: number;
  /** What is heard, or applied, later than this is stale. */
  readonly staleAfterMs: number;
  /** The link of this zone that ended last; undefined when there was none. */
  readonly last: LastLink | undefined;
  readonly connection:
    | {
        readonly since: number;
        readonly program: 'koguma' | 'kuma';
        /** Those that it asked for, which it does one after the other. */
        readonly types: readonly TypeReport[];
        /** How many it will ask for at least. */
        readonly awaited: number;
        /** What the zone last said in its heartbeat; undefined before the first, and of a plain Kuma. */
        readonly report: ZoneReport | undefined;
        /** For how long nothing was heard of a zone that has a heartbeat; undefined of a plain Kuma, which has none. */
        readonly silentMs: number | undefined;
      }
    | undefined;
}

/**
 * How a zone stands, for people. `Online`: connected, and nothing is older than the bound. `Stale`: connected, and
 * something is, or not everything was applied yet: since when, and by how much. `Offline`: not connected. `Online` alone never says that nothing is on its
 * way: `lagMs` does, per type.
 */
export interface ZoneStatus {
  readonly zone: string;
  readonly enabled: boolean;
  readonly state: 'Online' | 'Stale' | 'Offline';
  /** Since when it is in this state, as far as global knows. */
  readonly since: string | null;
  /** How old what the zone has may be, in milliseconds; null when global does not know. */
  readonly lagMs: number | null;
  readonly reason: string | null;
  /** A plain Kuma knows nothing of what only Koguma has, such as keys that are prepared; null while it is not connected. */
  readonly program: 'koguma' | 'kuma' | null;
  /** Whether the zone tells how far it is by itself (`koguma.v1`), as a Koguma does, or only answers, as a Kuma. */
  readonly heartbeat: { readonly heardMsAgo: number } | null;
  readonly types: readonly (TypeReport & { readonly reported: Reported | null })[];
}

/** What the zone itself says that it has applied. */
interface Reported {
  readonly revision: number;
  readonly at: string | null;
  readonly error: string | null;
}

export function zoneStatus({ zone, enabled, now, staleAfterMs, last, connection }: Facts): ZoneStatus {
  if (!connection) {
    const since = last ? rfc3339(last.endedAt) : null;
    const lagMs = last ? now - last.oldSince : null;
    return { zone, enabled, state: 'Offline', since, lagMs, reason: null, program: null, heartbeat: null, types: [] };
  }
  const { types, report, silentMs } = connection;
  const trouble = oldest(now, staleAfterMs, last, connection);
  return {
    zone,
    enabled,
    state: trouble ? 'Stale' : 'Online',
    since: rfc3339(trouble ? now - trouble.forMs : connection.since),
    lagMs: Math.round(trouble?.forMs ?? Math.max(0, ...types.map(({ lagMs }) => lagMs))),
    reason: trouble?.reason ?? null,
    program: connection.program,
    heartbeat: report && silentMs !== undefined ? { heardMsAgo: Math.round(silentMs) } : null,
    types: types.map((type) => ({ ...type, reported: reportedOf(type, report) })),
  };
}

/** What another replica of global told of a zone that is connected to it. Should it tell no more, nobody knows. */
export function statusAsTold({ report, ageMs }: Told, staleAfterMs: number): ZoneStatus {
  const status = report as unknown as ZoneStatus;
  if (ageMs < staleAfterMs) return status;
  const reason = 'nothing was heard of the replica of global that it is connected to';
  return { ...status, state: 'Stale', lagMs: (status.lagMs ?? 0) + ageMs, reason };
}

/** What makes a connected zone stale for the longest; undefined when nothing does. */
function oldest(
  now: number,
  staleAfterMs: number,
  last: LastLink | undefined,
  { since, types, awaited, silentMs }: NonNullable<Facts['connection']>,
): { readonly forMs: number; readonly reason: string } | undefined {
  const troubles = types.map(({ type, lagMs }) => ({ forMs: lagMs, reason: `${type} is behind` }));
  if (silentMs !== undefined) troubles.push({ forMs: silentMs, reason: 'nothing was heard of the zone' });
  const late = troubles.filter(({ forMs }) => forMs >= staleAfterMs);
  // A link that has just begun may not carry both ways, and what was missed while there was none is still missing.
  if (types.length < awaited || types.some(({ applied }) => applied === null))
    late.push({ forMs: now - (last?.oldSince ?? since), reason: 'it has not applied everything yet' });
  return late.sort((a, b) => b.forMs - a.forMs)[0];
}

function reportedOf({ type }: TypeReport, report: ZoneReport | undefined): Reported | null {
  const applied = report?.applied[type];
  if (!applied) return null;
  return { revision: Number(applied.revision), at: applied.time ?? null, error: applied.error || null };
}
