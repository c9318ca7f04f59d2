import { rfc3339 } from '@koguma/core';
import { byMeshAndName, type Resource } from '@koguma/resources';
import { z } from 'zod';
import type { Dataplane, DataplaneKind, Status } from '../dataplanes.js';
import { RestError } from '../errors.js';
import type { Query } from '../paging.js';
import { META } from '../resource-json.js';

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

/** The services of some meshes, ordered by mesh and name. */
export function servicesOf(meshes: readonly Resource[], dataplanes: readonly Dataplane[]): Service[] {
  const byMesh = new Map(
    meshes.map((mesh) => [mesh.name, { mesh, services: new Map<string, Map<Dataplane, boolean>>() }]),
  );
  for (const dataplane of dataplanes) {
    const services = byMesh.get(dataplane.mesh)?.services;
    for (const [name, serves] of dataplane.services()) {
      const served = services?.get(name) ?? new Map<Dataplane, boolean>();
      services?.set(name, served.set(dataplane, serves));
    }
  }
  const all = [...byMesh.values()].flatMap(({ mesh, services }) =>
    [...services].map(([name, served]) => serviceOf(mesh, name, served)),
  );
  return all.sort((a, b) => byMeshAndName(keyOf(a), keyOf(b)));
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
  const backends: Record<string, number> = {};
  for (const {
    backends: { issued },
  } of dataplanes.keys()) {
    if (issued !== undefined) backends[issued] = (backends[issued] ?? 0) + 1;
  }
  return {
    type: 'ServiceInsight',
    mesh: mesh.name,
    name,
    creationTime: rfc3339(mesh.creationTime),
    modificationTime: rfc3339(now),
    status: STATUSES[status],
    serviceType: SERVICE_TYPES[kind],
    dataplanes: { total: dataplanes.size, online, offline: dataplanes.size - online },
    issuedBackends: backends,
    zones: [...new Set([...dataplanes.keys()].flatMap(({ zone }) => zone ?? []))].sort(),
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

function keyOf({ mesh, name }: Service) {
  return { type: 'Dataplane', mesh: mesh.name, name } as const;
}
