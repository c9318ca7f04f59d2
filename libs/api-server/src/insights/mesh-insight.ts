import { rfc3339 } from '@koguma/core';
import type { Resource } from '@koguma/resources';
import { z } from 'zod';
import type { Dataplane } from '../dataplanes.js';
import { META } from '../resource-json.js';
import type { Service } from './service-insight.js';
import { TALLY, TOTAL, tally, tallyBy, tallyByKind, totals } from './tally.js';

const count = z.int().min(0);
const tallies = z.record(z.string(), TALLY);

/** `kuma.mesh.v1alpha1.MeshInsight`, for all of its versions: 2.0 knows `gateway`, later ones its two kinds. */
export const MESH_INSIGHT = META.extend({
  type: z.literal('MeshInsight'),
  dataplanes: TALLY,
  dataplanesByType: z.object({ standard: TALLY, gateway: TALLY, gatewayBuiltin: TALLY, gatewayDelegated: TALLY }),
  services: z.object({ total: count, internal: count, external: count }),
  dpVersions: z.object({ kumaDp: tallies, envoy: tallies }),
  mTLS: z.object({ issuedBackends: tallies, supportedBackends: tallies }),
  policies: z.record(z.string(), TOTAL),
  resources: z.record(z.string(), TOTAL),
});

/** What is counted for one mesh. */
export interface MeshContent {
  readonly dataplanes: readonly Dataplane[];
  readonly services: readonly Service[];
  /** How many there are of each type that is in meshes. */
  readonly resources: Readonly<Record<string, number>>;
}

/** @param now milliseconds since the epoch: insights of meshes are made when they are asked for */
export function meshInsight(mesh: Resource, { dataplanes, services, resources }: MeshContent, now: number) {
  const gateways = dataplanes.filter(({ kind }) => kind !== 'standard');
  return {
    type: 'MeshInsight',
    name: mesh.name,
    creationTime: rfc3339(mesh.creationTime),
    modificationTime: rfc3339(now),
    dataplanes: tally(dataplanes.map(({ status }) => status)),
    dataplanesByType: { ...tallyByKind(dataplanes), gateway: tally(gateways.map(({ status }) => status)) },
    services: { total: services.length, internal: services.length, external: 0 },
    dpVersions: {
      kumaDp: tallyBy(dataplanes, (dataplane) => [dataplane.versionOf('kumaDp')]),
      envoy: tallyBy(dataplanes, (dataplane) => [dataplane.versionOf('envoy')]),
    },
    mTLS: {
      issuedBackends: tallyBy(dataplanes, ({ backends }) => [backends.issued ?? []].flat()),
      supportedBackends: tallyBy(dataplanes, ({ backends }) => backends.supported),
    },
    policies: {},
    resources: totals(resources),
  } satisfies z.infer<typeof MESH_INSIGHT>;
}
