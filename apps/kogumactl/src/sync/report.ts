import type { ApiClient } from '../api/client.js';
import { Failure } from '../failure.js';

/** `GET /koguma/sync`, as far as it is read here. Revisions are of global's store, times RFC 3339. */
export interface TypeSync {
  readonly type: string;
  /** Null on a zone whose global does not tell. */
  readonly written: number | null;
  /** Not told by a zone. */
  readonly sent?: number;
  readonly applied: number | null;
  readonly lagMs: number;
  readonly staleSince: string | null;
  readonly lastError: string | null;
}

/** One zone, as its global sees it. */
export interface ZoneSync {
  readonly zone: string;
  readonly enabled: boolean;
  readonly state: 'Online' | 'Stale' | 'Offline';
  readonly since: string | null;
  readonly lagMs: number | null;
  readonly reason: string | null;
  /** Null for a zone that does not tell how far it is by itself, as a plain Kuma. */
  readonly heartbeat: object | null;
  readonly types: readonly TypeSync[];
}

export interface GlobalSync {
  readonly mode: 'global';
  readonly written: Readonly<Record<string, number>>;
  readonly zones: readonly ZoneSync[];
}

/** What a zone says of its own link. */
export interface LinkSync {
  readonly mode: 'zone';
  readonly zone: string;
  readonly state: string;
  readonly status?: 'Online' | 'Stale' | 'Offline';
  readonly since?: string;
  readonly lagMs?: number | null;
  readonly reason?: string | null;
  readonly types?: readonly TypeSync[];
}

export type Sync = GlobalSync | LinkSync;

export function readSync(api: ApiClient): Promise<Sync> {
  return api.get<Sync>('/koguma/sync');
}

/** @throws Failure when a zone was asked, which knows of no other */
export async function readGlobalSync(api: ApiClient): Promise<GlobalSync> {
  const sync = await readSync(api);
  if (sync.mode === 'global') return sync;
  throw new Failure(
    `this is the control plane of zone ${sync.zone}, and only global knows how far its zones are`,
    'Ask global: --context NAME chooses another control plane, lab-global in a lab.',
  );
}

/** What a zone has not applied of what `target` names by type: sentences for people, none when it has all. */
export function lacking(target: Readonly<Record<string, number>>, zone: ZoneSync | undefined, name: string): string[] {
  if (!zone) return [`zone ${name} is not known to global`];
  if (zone.state === 'Offline') return [`zone ${name} is Offline${zone.since ? ` since ${zone.since}` : ''}`];
  return Object.entries(target).flatMap(([type, written]) => {
    const { applied = null, lastError = null } = zone.types.find((one) => one.type === type) ?? {};
    if (applied !== null && applied >= written) return [];
    const why = lastError === null ? '' : `: ${lastError}`;
    return [`zone ${name} lags with ${type}: applied ${applied ?? 'nothing yet'}, written ${written}${why}`];
  });
}
