import { rfc3339 } from '@koguma/core';
import type { Resource } from '@koguma/resources';
import { z } from 'zod';
import type { Dataplane, DataplaneKind, Status } from '../dataplanes.js';
import { RestError } from '../errors.js';
import type { Query } from '../paging.js';
import { META } from '../resource-json.js';
import { countBy } from './tally.js';

/** Kuma's words for what serves a service. External ones have a type of their own in Kuma, which Koguma has not. */
const SERVICE_TYPES = {
  standard: 'internal',
  gatewayBuiltin: 'gateway_builtin',
  gatewayDelegated: 'gateway_delegated',
} as const;
const STATUSES = { online: 'online', offline: 'offline', partiallyDegraded: 'partially_degraded' } as const;

const count = z.int().min(0);

/** One service of one mesh (`kuma.mesh.v1alpha1.ServiceInsight.Service`). */
export const SERVICE_INSIGHT = META.extend({
  type: z.literal('ServiceInsight'),
  mesh: z.string(),
  status: z.enum(STATUSES),
  serviceType: z.enum(SERVICE_TYPES),
  dataplanes: z.object({ total: count, online: count, offline: count }),
  issuedBackends: z.record(z.string(), count),
  zones: z.array(z.string()),
});

/** What lists of services read of a query beside what every list reads. */
export const SERVICE_QUERY = z.object({
  type: z
    .string()
    .optional()
    .describe(`only services of these types, with commas between them: ${Object.values(SERVICE_TYPES).join(', ')}`),
});

/** What dataplanes of a mesh name in their tag `kuma.io/service`. */
export interface Service {
  readonly mesh: Resource;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly kind: DataplaneKind;
  readonly status: Status;
  /** The dataplanes that have it, and whether each serves it now. */
  readonly dataplanes: ReadonlyMap<Dataplane, boolean>;
}

/** The services of a mesh, by name. @param dataplanes those that are in it */
export function servicesOf(mesh: Resource, dataplanes: readonly Dataplane[]): Service[] {
  const byName = new Map<string, Map<Dataplane, boolean>>();
  for (const dataplane of dataplanes) {
    for (const [name, serves] of dataplane.services()) {
      byName.set(name, (byName.get(name) ?? new Map<Dataplane, boolean>()).set(dataplane, serves));
    }
  }
  return [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, served]) => serviceOf(mesh, name, served));
}

/** Reads {@link SERVICE_QUERY}. */
export function serviceFilter(query: Query): (service: Service) => boolean {
  const types: readonly string[] = Object.values(SERVICE_TYPES);
  const wanted = [query.type ?? []].flat().flatMap((written) => written.split(',').map((type) => type.trim()));
  const named = wanted.filter((type) => type !== '');
  if (!named.every((type) => types.includes(type))) {
    const reason = `must be of ${types.join(', ')}, with commas between them`;
    throw new RestError('invalid', 'Invalid filter', { violations: [{ field: 'type', reason }] });
  }
  return ({ kind }) => named.length === 0 || named.includes(SERVICE_TYPES[kind]);
}

/** @param now milliseconds since the epoch: insights of services are made when they are asked for */
export function serviceInsight({ mesh, name, kind, status, dataplanes }: Service, now: number) {
  const online = onlineOf(dataplanes);
  const all = [...dataplanes.keys()];
  return {
    type: 'ServiceInsight',
    mesh: mesh.name,
    name,
    creationTime: rfc3339(mesh.creationTime),
    modificationTime: rfc3339(now),
    status: STATUSES[status],
    serviceType: SERVICE_TYPES[kind],
    dataplanes: { total: dataplanes.size, online, offline: dataplanes.size - online },
    issuedBackends: countBy(all.flatMap(({ backends }) => backends.issued ?? [])),
    zones: [...new Set(all.flatMap(({ zone }) => zone ?? []))].sort(),
  } satisfies z.infer<typeof SERVICE_INSIGHT>;
}

function serviceOf(mesh: Resource, name: string, dataplanes: ReadonlyMap<Dataplane, boolean>): Service {
  const online = onlineOf(dataplanes);
  const status = online === 0 ? 'offline' : online < dataplanes.size ? 'partiallyDegraded' : 'online';
  const [first] = dataplanes.keys();
  return { mesh, name, labels: {}, kind: first?.kind ?? 'standard', status, dataplanes };
}

function onlineOf(dataplanes: ReadonlyMap<Dataplane, boolean>): number {
  return [...dataplanes.values()].filter((serves) => serves).length;
}
