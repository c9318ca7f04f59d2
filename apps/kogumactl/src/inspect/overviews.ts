import type { DataplaneSpec } from '../resources/kinds.js';

/** Overviews as the API answers them (`{type}/_overview`), of which tables need this much. */

/** One connection, as Kuma keeps it: 64-bit counters are strings in JSON, what is zero may be left out. */
export interface Subscription {
  readonly connectTime?: string;
  readonly disconnectTime?: string;
  readonly status?: {
    readonly lastUpdateTime?: string;
    readonly total?: { readonly responsesSent?: string | number; readonly responsesRejected?: string | number };
  };
  readonly version?: {
    readonly kumaCp?: Program;
    readonly kumaDp?: Program;
    readonly envoy?: Program;
    readonly dependencies?: Readonly<Record<string, string>>;
  };
  /** Of a zone: its configuration as JSON text. */
  readonly config?: string;
}

interface Program {
  readonly version?: string;
}

export interface Insight {
  readonly subscriptions?: readonly Subscription[];
  readonly mTLS?: {
    readonly certificateExpirationTime?: string;
    readonly lastCertificateRegeneration?: string;
    readonly certificateRegenerations?: number;
    readonly issuedBackend?: string;
    readonly supportedBackends?: readonly string[];
  };
  /** What only Koguma tells: of proxies, what the newest stream was opened with. */
  readonly metadata?: { readonly credential?: Credential };
}

/** A token by what finds it; never the token. */
interface Credential {
  readonly kind?: string;
  readonly kid?: string;
  readonly jti?: string;
  readonly expiresAt?: string;
}

/** The overview of whatever connects: a zone or a proxy. */
export interface Overview {
  readonly mesh?: string;
  readonly name: string;
  readonly zone?: { readonly enabled?: boolean };
  readonly zoneInsight?: Insight;
  readonly dataplane?: DataplaneSpec;
  readonly dataplaneInsight?: Insight;
  readonly zoneIngressInsight?: Insight;
  readonly zoneEgressInsight?: Insight;
}

/** What is known of the connections of a zone or a proxy. */
export function insightOf({ zoneInsight, dataplaneInsight, zoneIngressInsight, zoneEgressInsight }: Overview): Insight {
  return zoneInsight ?? dataplaneInsight ?? zoneIngressInsight ?? zoneEgressInsight ?? {};
}

export function lastOf(overview: Overview): Subscription | undefined {
  return insightOf(overview).subscriptions?.at(-1);
}

/** Over all connections. */
export function total(overview: Overview, counter: 'responsesSent' | 'responsesRejected'): number {
  const subscriptions = insightOf(overview).subscriptions ?? [];
  return subscriptions.reduce((sum, { status }) => sum + Number(status?.total?.[counter] ?? 0), 0);
}

/** Connected, and not switched off. It says nothing of being in sync. */
export function isOnline(overview: Overview): boolean {
  if (overview.zone?.enabled === false) return false;
  const subscriptions = insightOf(overview).subscriptions ?? [];
  return subscriptions.some(({ connectTime, disconnectTime }) => connectTime && !disconnectTime);
}

/** How a dataplane is, in Kuma's words, and what is wrong with its inbounds. */
export function dataplaneStatus(overview: Overview): { readonly status: string; readonly notes: readonly string[] } {
  const { inbound = [], gateway } = overview.dataplane?.networking ?? {};
  if (gateway) return { status: isOnline(overview) ? 'Online' : 'Offline', notes: [] };
  const unready = inbound.filter(({ health, state }) => (health && !health.ready) || state === 'NotReady');
  const notes = unready.map(
    ({ port = 0, tags }) => `inbound[port=${port},svc=${tags?.['kuma.io/service'] ?? ''}] is not ready`,
  );
  if (!isOnline(overview) || unready.length === inbound.length) return { status: 'Offline', notes };
  return { status: unready.length > 0 ? 'Partially degraded' : 'Online', notes };
}
