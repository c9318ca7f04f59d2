import { isOnline, type KdsSubscription, LABEL, type Resource, type ZoneInsightSpec } from '@koguma/resources';
import { z } from 'zod';
import { RestError } from './errors.js';
import type { Observed } from './observed.js';
import type { Query } from './paging.js';

/** Kuma's words for how well a dataplane, or all dataplanes of a service, are connected. */
export type Status = 'online' | 'offline' | 'partiallyDegraded';

/** Kuma's kinds of dataplanes. */
export const DATAPLANE_KINDS = ['standard', 'gatewayBuiltin', 'gatewayDelegated'] as const;
export type DataplaneKind = (typeof DATAPLANE_KINDS)[number];

type Tags = Readonly<Record<string, string>>;
/** Writers give tags to all; what a zone sends is taken as it comes. */
type Part = { readonly tags?: Tags };
type Inbound = Part & { readonly health?: { readonly ready?: boolean } | null; readonly state?: string };
type Gateway = Part & { readonly type?: string };
type Networking = { readonly inbound?: readonly Inbound[]; readonly gateway?: Gateway };
type Program = { readonly version?: string };
type InsightSpec = Omit<ZoneInsightSpec, 'subscriptions'> & {
  readonly subscriptions?: readonly (KdsSubscription & { readonly version?: { kumaDp?: Program; envoy?: Program } })[];
  readonly mTLS?: { readonly issuedBackend?: string; readonly supportedBackends?: readonly string[] };
};

const SERVICE = 'kuma.io/service';

/** A dataplane and what is known of its connections (`kuma.mesh.v1alpha1.Dataplane`, `DataplaneInsight`). */
export class Dataplane {
  readonly mesh: string;
  /** The zone that it is of, where that is written on it. */
  readonly zone: string | undefined;
  readonly kind: DataplaneKind;
  readonly #networking: Networking;
  readonly #insight: InsightSpec;

  constructor({ insight, ...dataplane }: Observed) {
    this.mesh = dataplane.mesh;
    this.zone = dataplane.labels[LABEL.zone];
    this.#networking = networkingOf(dataplane);
    this.kind = kindOf(this.#networking);
    this.#insight = (insight?.spec ?? {}) as InsightSpec;
  }

  /** Offline without a connection, and without a ready inbound but for a gateway; degraded when some are not ready. */
  get status(): Status {
    if (!isOnline(this.#insight)) return 'offline';
    if (this.kind !== 'standard') return 'online';
    const inbounds = this.#networking.inbound ?? [];
    const ready = inbounds.filter(isReady).length;
    if (ready === 0) return 'offline';
    return ready < inbounds.length ? 'partiallyDegraded' : 'online';
  }

  /** Whether it serves each of its services now. */
  services(): Map<string, boolean> {
    const { inbound = [], gateway } = this.#networking;
    const connected = isOnline(this.#insight);
    const served = new Map<string, boolean>();
    const serve = ({ tags = {} }: Part, ready: boolean) => {
      const service = tags[SERVICE];
      if (service !== undefined) served.set(service, (served.get(service) ?? true) && connected && ready);
    };
    if (gateway) serve(gateway, true);
    for (const one of inbound) serve(one, isReady(one));
    return served;
  }

  /** What the latest connection told of itself; Kuma's word for nothing is `unknown`. */
  versionOf(program: 'kumaDp' | 'envoy'): string {
    return this.#insight.subscriptions?.at(-1)?.version?.[program]?.version || 'unknown';
  }

  /** Which certificate authorities of its mesh it has a certificate of, and which it would trust. */
  get backends(): { readonly issued: string | undefined; readonly supported: readonly string[] } {
    const { issuedBackend: issued, supportedBackends: supported = [] } = this.#insight.mTLS ?? {};
    return { issued, supported };
  }
}

/** What lists of dataplanes read of a query beside what every list reads. */
export const DATAPLANE_QUERY = z.object({
  tag: z
    .array(z.string().regex(/^[^:]+:/))
    .optional()
    .describe('only dataplanes with a part that has these tags, as {tag}:{part of the value}'),
  gateway: z.enum(['true', 'false', 'builtin', 'delegated']).optional().describe('only gateways, or only others'),
});

/** Reads {@link DATAPLANE_QUERY}. */
export function dataplaneFilter(query: Query): (dataplane: Resource) => boolean {
  const { data, error } = DATAPLANE_QUERY.safeParse({
    tag: query.tag === undefined ? undefined : [query.tag].flat(),
    gateway: query.gateway === undefined || query.gateway === '' ? undefined : `${query.gateway}`.toLowerCase(),
  });
  if (error?.issues.some(({ path }) => path[0] === 'tag')) throw refusal('tag', 'must be {tag}:{value}');
  if (!data) throw refusal('gateway', 'must be true, false, builtin or delegated');
  const wanted = (data.tag ?? []).map(tagAndValue);
  return (dataplane) => {
    const networking = networkingOf(dataplane);
    const parts = [...(networking.inbound ?? []), ...(networking.gateway ? [networking.gateway] : [])];
    return (
      isWantedGateway(data.gateway, kindOf(networking)) &&
      (wanted.length === 0 || parts.some(({ tags = {} }) => wanted.every(([tag, value]) => hasTag(tags, tag, value))))
    );
  };
}

function networkingOf({ spec }: Resource): Networking {
  return (spec as { networking?: Networking }).networking ?? {};
}

function kindOf({ gateway }: Networking): DataplaneKind {
  if (!gateway) return 'standard';
  return gateway.type === 'BUILTIN' ? 'gatewayBuiltin' : 'gatewayDelegated';
}

/** In protobuf's JSON a `ready` that is false may be left out; without a `health` nobody ever said that it is not. */
function isReady({ health, state }: Inbound): boolean {
  return (health === undefined || health === null || health.ready === true) && state !== 'NotReady';
}

function isWantedGateway(wanted: 'true' | 'false' | 'builtin' | 'delegated' | undefined, kind: DataplaneKind): boolean {
  if (wanted === undefined) return true;
  if (wanted === 'true' || wanted === 'false') return (kind !== 'standard') === (wanted === 'true');
  return kind === (wanted === 'builtin' ? 'gatewayBuiltin' : 'gatewayDelegated');
}

/** A value may have colons of its own. */
function tagAndValue(written: string): [tag: string, value: string] {
  const colon = written.indexOf(':');
  return [written.slice(0, colon), written.slice(colon + 1)];
}

function hasTag(tags: Tags, tag: string, value: string): boolean {
  return Object.hasOwn(tags, tag) && (value === '*' || `${tags[tag]}`.includes(value));
}

function refusal(field: string, reason: string): RestError {
  return new RestError('invalid', 'Invalid filter', { violations: [{ field, reason }] });
}
