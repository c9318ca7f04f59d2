import { rfc3339 } from '@koguma/core';
import { isOnline, type ZoneInsightSpec } from '@koguma/resources';
import { z } from 'zod';
import type { Dataplane } from '../dataplanes.js';
import type { Observed } from '../observed.js';
import type { Service } from './service-insight.js';
import { TALLY, TOTAL, tallyByKind, totals } from './tally.js';

const connected = z.object({ online: z.int().min(0), total: z.int().min(0) });

/** What Kuma's GUI shows first. */
export const GLOBAL_INSIGHT = z.object({
  createdAt: z.string().meta({ format: 'date-time' }),
  dataplanes: z.object({ standard: TALLY, gatewayBuiltin: TALLY, gatewayDelegated: TALLY }),
  meshes: TOTAL,
  policies: TOTAL,
  resources: z.record(z.string(), TOTAL),
  services: z.object({ internal: TALLY, external: TOTAL, gatewayBuiltin: TALLY, gatewayDelegated: TALLY }),
  zones: z.object({ controlPlanes: connected, zoneIngresses: connected, zoneEgresses: connected }),
});

/** Everything that a control plane knows of. */
export interface World {
  readonly meshes: number;
  readonly dataplanes: readonly Dataplane[];
  readonly services: readonly Service[];
  /** How many there are of each type. */
  readonly resources: Readonly<Record<string, number>>;
  readonly zones: readonly Observed[];
  readonly ingresses: readonly Observed[];
  readonly egresses: readonly Observed[];
}

export function globalInsight(
  { meshes, dataplanes, services, resources, zones, ingresses, egresses }: World,
  now: number,
) {
  const { standard, ...gateways } = tallyByKind(services);
  return {
    createdAt: rfc3339(now),
    dataplanes: tallyByKind(dataplanes),
    meshes: { total: meshes },
    policies: { total: 0 },
    resources: totals(resources),
    services: { internal: standard, external: { total: 0 }, ...gateways },
    zones: {
      controlPlanes: countOnline(zones, isActive),
      zoneIngresses: countOnline(ingresses, isConnected),
      zoneEgresses: countOnline(egresses, isConnected),
    },
  } satisfies z.infer<typeof GLOBAL_INSIGHT>;
}

/** Connected and not disabled. */
export function isActive(zone: Observed): boolean {
  return zone.spec.enabled !== false && isConnected(zone);
}

function isConnected({ insight }: Observed): boolean {
  return isOnline(insight?.spec as ZoneInsightSpec | undefined);
}

function countOnline(all: readonly Observed[], isUp: (one: Observed) => boolean) {
  return { online: all.filter(isUp).length, total: all.length };
}
