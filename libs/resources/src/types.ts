import { z } from 'zod';
import type { ResourceType } from './resource.js';

/** Who writes resources of a type; everyone else is a reader and is told where to write. */
export type Owner = 'global' | 'control-plane' | 'system';

export interface TypeDescriptor {
  readonly type: ResourceType;
  readonly scope: 'mesh' | 'global';
  /**
   * `global`: written on global, mirrored to zones. `control-plane`: each writes its own.
   * `system`: written by the control plane itself, never by a person.
   */
  readonly owner: Owner;
  /** Whether KDS carries the type from global to zones (what crosses of it is the sync policy's business). */
  readonly syncedToZones: boolean;
  /** Seen and written by administrators only. */
  readonly adminOnly: boolean;
  /** Counters that change without a revision. */
  readonly insight: boolean;
  /** Kuma's collection path, and older spellings that clients still use. `undefined`: not served. */
  readonly path: string | undefined;
  readonly aliases: readonly string[];
  readonly spec: z.ZodType<Record<string, unknown>>;
}

const base64 = z.base64('is not base64 (RFC 4648, section 4, with padding)');
const bool = z.boolean('must be true or false');
const secretSpec = z.object({ data: base64.optional() });
const anything = z.record(z.string(), z.unknown());

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
  constraints: anything.optional(),
  skipCreatingInitialPolicies: z.array(z.string()).optional(),
  meshServices: anything.optional(),
});

const unserved = { path: undefined, aliases: [] };

/** The table of types. Stores, REST and KDS all read it; a new type is one more row. */
export const RESOURCE_TYPES: Readonly<Record<ResourceType, TypeDescriptor>> = {
  Mesh: row('Mesh', { scope: 'global', owner: 'global', synced: true, path: 'meshes', spec: meshSpec }),
  Secret: row('Secret', {
    scope: 'mesh',
    owner: 'global',
    synced: true,
    admin: true,
    path: 'secrets',
    spec: secretSpec,
  }),
  GlobalSecret: row('GlobalSecret', {
    scope: 'global',
    owner: 'global',
    synced: true,
    admin: true,
    path: 'global-secrets',
    aliases: ['globalsecrets'],
    spec: secretSpec,
  }),
  Config: row('Config', {
    scope: 'global',
    owner: 'system',
    synced: true,
    admin: true,
    spec: z.object({ config: z.string() }),
  }),
  Zone: row('Zone', {
    scope: 'global',
    owner: 'control-plane',
    path: 'zones',
    spec: z.object({ enabled: bool.optional() }),
  }),
  ZoneInsight: row('ZoneInsight', { scope: 'global', owner: 'system', insight: true, spec: anything }),
};

interface Row {
  scope: 'mesh' | 'global';
  owner: Owner;
  synced?: boolean;
  admin?: boolean;
  insight?: boolean;
  path?: string;
  aliases?: string[];
  spec: z.ZodType<Record<string, unknown>>;
}

function row(type: ResourceType, { scope, owner, synced, admin, insight, path, aliases, spec }: Row): TypeDescriptor {
  return {
    type,
    scope,
    owner,
    syncedToZones: synced ?? false,
    adminOnly: admin ?? false,
    insight: insight ?? false,
    ...(path === undefined ? unserved : { path, aliases: aliases ?? [] }),
    spec,
  };
}

/** Counters: stored without a revision, absent from feeds and views. */
export function isInsight(type: ResourceType): boolean {
  return RESOURCE_TYPES[type].insight;
}

/** Types that KDS carries from global to zones, in the order in which a zone asks for them. */
export const SYNCED_TYPES: readonly ResourceType[] = Object.values(RESOURCE_TYPES)
  .filter((descriptor) => descriptor.syncedToZones)
  .map((descriptor) => descriptor.type);
