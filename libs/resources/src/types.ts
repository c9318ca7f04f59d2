import { z } from 'zod';
import { dataplaneSpec, zoneEgressSpec, zoneIngressSpec } from './proxy-specs.js';
import type { ResourceType } from './resource.js';

/** Who writes resources of a type; everyone else is a reader and is told where to write. */
export type Owner = 'global' | 'zone' | 'control-plane' | 'system';

export interface TypeDescriptor {
  readonly type: ResourceType;
  readonly scope: 'mesh' | 'global';
  /**
   * `global`: written on global, mirrored to zones. `zone`: written in a zone, mirrored to global.
   * `control-plane`: each writes its own. `system`: written by the control plane itself, never by a person.
   */
  readonly owner: Owner;
  /** Which way KDS carries the type (what crosses of it is the sync policy's business). */
  readonly crosses: 'to-zones' | 'to-global' | undefined;
  /** Seen and written by administrators only. */
  readonly adminOnly: boolean;
  /** Counters that change without a revision. */
  readonly insight: boolean;
  /** Kuma's collection path, and older spellings that clients still use. `undefined`: not served. */
  readonly path: string | undefined;
  readonly aliases: readonly string[];
  /** Kuma's abbreviation, as in its resource identifiers (`kri_dp_…`); empty for types that have none. */
  readonly shortName: string;
  /** Paths of overviews that follow no rule. */
  readonly overviewAliases: readonly string[];
  readonly spec: z.ZodObject;
}

const base64 = z.base64('is not base64 (RFC 4648, section 4, with padding)');
const bool = z.boolean('must be true or false');
const secretSpec = z.object({ data: base64.optional() });
const configSpec = z.object({ config: z.string() });
const anything = z.record(z.string(), z.unknown());
/** Of insights: what a control plane wrote itself is not looked at again. */
const counters = z.looseObject({});

const tagSets = z
  .array(
    z.object(
      { tags: z.record(z.string(), z.string('must be a string'), 'must be an object of strings') },
      'must be an object',
    ),
    'must be a list',
  )
  .optional();

/** Kuma's Mesh: the parts that proxies need are typed, the rest is kept as it came. */
const meshSpec = z.object({
  mtls: anything.optional(),
  tracing: anything.optional(),
  logging: anything.optional(),
  metrics: anything.optional(),
  networking: anything.optional(),
  routing: z
    .object({ localityAwareLoadBalancing: bool.optional(), zoneEgress: bool.optional() })
    .catchall(z.unknown())
    .optional(),
  constraints: z
    .object({
      dataplaneProxy: z.object({ requirements: tagSets, restrictions: tagSets }).catchall(z.unknown()).optional(),
    })
    .catchall(z.unknown())
    .optional(),
  skipCreatingInitialPolicies: z.array(z.string()).optional(),
  meshServices: anything.optional(),
});

/** The table of types. Stores, REST and KDS all read it; a new type is one more row. */
export const RESOURCE_TYPES: Readonly<Record<ResourceType, TypeDescriptor>> = {
  Mesh: row('Mesh', { owner: 'global', crosses: 'to-zones', path: 'meshes', shortName: 'm', spec: meshSpec }),
  Secret: row('Secret', {
    scope: 'mesh',
    owner: 'global',
    crosses: 'to-zones',
    adminOnly: true,
    path: 'secrets',
    spec: secretSpec,
  }),
  GlobalSecret: row('GlobalSecret', {
    owner: 'global',
    crosses: 'to-zones',
    adminOnly: true,
    path: 'global-secrets',
    aliases: ['globalsecrets'],
    spec: secretSpec,
  }),
  Config: row('Config', { owner: 'system', crosses: 'to-zones', adminOnly: true, spec: configSpec }),
  Zone: row('Zone', {
    owner: 'control-plane',
    path: 'zones',
    shortName: 'z',
    spec: z.object({ enabled: bool.optional() }),
  }),
  ZoneInsight: row('ZoneInsight', { owner: 'system', insight: true, spec: counters }),
  Dataplane: row('Dataplane', {
    scope: 'mesh',
    owner: 'zone',
    crosses: 'to-global',
    path: 'dataplanes',
    shortName: 'dp',
    spec: dataplaneSpec,
  }),
  DataplaneInsight: row('DataplaneInsight', {
    scope: 'mesh',
    owner: 'system',
    crosses: 'to-global',
    insight: true,
    spec: counters,
  }),
  ZoneIngress: row('ZoneIngress', {
    owner: 'zone',
    crosses: 'to-global',
    path: 'zone-ingresses',
    aliases: ['zoneingresses'],
    shortName: 'zi',
    spec: zoneIngressSpec,
  }),
  ZoneIngressInsight: row('ZoneIngressInsight', {
    owner: 'system',
    crosses: 'to-global',
    insight: true,
    spec: counters,
  }),
  ZoneEgress: row('ZoneEgress', {
    owner: 'zone',
    crosses: 'to-global',
    path: 'zoneegresses',
    overviewAliases: ['zoneegressoverviews'],
    shortName: 'ze',
    spec: zoneEgressSpec,
  }),
  ZoneEgressInsight: row('ZoneEgressInsight', { owner: 'system', crosses: 'to-global', insight: true, spec: counters }),
};

function row(
  type: ResourceType,
  given: Partial<TypeDescriptor> & Pick<TypeDescriptor, 'owner' | 'spec'>,
): TypeDescriptor {
  const usual = { scope: 'global', crosses: undefined, adminOnly: false, insight: false, path: undefined } as const;
  return { type, ...usual, aliases: [], overviewAliases: [], shortName: '', ...given };
}

/** Counters: stored without a revision, absent from feeds and views. */
export function isInsight(type: ResourceType): boolean {
  return RESOURCE_TYPES[type].insight;
}

/** The type that holds the insights of another, by Kuma's way of naming; undefined when it has none. */
export function insightOf(type: ResourceType): ResourceType | undefined {
  const name = `${type}Insight`;
  return Object.hasOwn(RESOURCE_TYPES, name) ? (name as ResourceType) : undefined;
}

/** The inverse of {@link insightOf}. */
export function ownerOfInsight(type: ResourceType): ResourceType {
  return type.slice(0, -'Insight'.length) as ResourceType;
}

/** Types that KDS carries one way, in the order in which they are asked for. */
export function typesThatCross(way: 'to-zones' | 'to-global'): ResourceType[] {
  return Object.values(RESOURCE_TYPES)
    .filter(({ crosses }) => crosses === way)
    .map(({ type }) => type);
}
