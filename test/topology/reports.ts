import type { ControlPlaneClient } from '@koguma/testkit';

/** What a zone tells of its link to global. */
export interface ZoneReport {
  readonly zone: string;
  readonly clusterId: string | null;
  readonly state: string;
  readonly status: string;
  readonly since: string;
  readonly lagMs: number | null;
  readonly reason: string | null;
  readonly heartbeat: { readonly heardMsAgo: number } | null;
  readonly types: readonly {
    readonly type: string;
    readonly written: number | null;
    readonly applied: number | null;
    readonly lagMs: number;
    readonly lastError: string | null;
  }[];
}

/** What global tells of its zones. */
export interface GlobalReport {
  readonly zones: readonly {
    readonly zone: string;
    readonly state: string;
    readonly since: string | null;
    readonly lagMs: number | null;
    readonly reason: string | null;
    readonly heartbeat: { readonly heardMsAgo: number } | null;
    readonly types: readonly {
      readonly type: string;
      readonly written: number;
      readonly sent: number;
      readonly applied: number | null;
      readonly lastError: string | null;
      readonly reported: { readonly revision: number } | null;
    }[];
  }[];
}

/** What people see of a zone's connections. */
export interface ZoneOverview {
  readonly name: string;
  readonly zone: { readonly enabled: boolean };
  readonly zoneInsight?: {
    readonly healthCheck?: { readonly time: string };
    readonly subscriptions: readonly {
      readonly connectTime: string;
      readonly disconnectTime?: string;
      readonly authTokenProvided?: boolean;
      readonly status: { readonly total: Record<string, unknown>; readonly stat: Record<string, unknown> };
    }[];
  };
}

export async function zoneReport(zone: ControlPlaneClient): Promise<ZoneReport> {
  return (await zone.get<ZoneReport & Record<string, unknown>>('/koguma/sync')).body;
}

export async function globalReport(global: ControlPlaneClient): Promise<GlobalReport> {
  return (await global.get<GlobalReport & Record<string, unknown>>('/koguma/sync')).body;
}

export async function zoneOverviews(global: ControlPlaneClient): Promise<readonly ZoneOverview[]> {
  return (await global.get<{ items: ZoneOverview[] }>('/zones/_overview')).body.items;
}
