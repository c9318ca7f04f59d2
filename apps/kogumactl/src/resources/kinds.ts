import type { ResourceType } from '@koguma/resources';
import { age, onOff, tagsCell } from '../output/cells.js';
import type { Column } from '../output/print.js';

type Tags = Readonly<Record<string, string>>;

interface MeshSpec {
  readonly mtls?: { enabledBackend?: string; backends?: readonly { name: string; type: string }[] };
  readonly routing?: { localityAwareLoadBalancing?: boolean; zoneEgress?: boolean };
}

export interface DataplaneSpec {
  readonly networking?: {
    address?: string;
    advertisedAddress?: string;
    inbound?: readonly { port?: number; tags?: Tags; health?: { ready?: boolean } | null; state?: string }[];
    gateway?: { tags?: Tags };
  };
}

/** A resource as the API shows it: its meta and its spec in one object, of which tables need this much. */
export interface Item extends MeshSpec, DataplaneSpec {
  readonly mesh?: string;
  readonly name: string;
  readonly modificationTime?: string;
}

/** One row: what the command line knows of a type. */
export interface Kind {
  readonly type: ResourceType;
  /** Kuma's words for one and for many, the newer spellings behind the first. */
  readonly one: readonly [string, ...string[]];
  readonly many: readonly [string, ...string[]];
  readonly columns: readonly Column<Item>[];
}

const MESH: Column<Item> = { heading: 'MESH', cell: ({ mesh }) => mesh ?? '' };
const NAME: Column<Item> = { heading: 'NAME', cell: ({ name }) => name };
const AGE: Column<Item> = { heading: 'AGE', cell: ({ modificationTime }, now) => age(modificationTime, now) };

/** The types that can be got, applied and deleted, by the words of Kuma's command line; headings are those of 2.14. */
export const KINDS: readonly Kind[] = [
  {
    type: 'Mesh',
    one: ['mesh'],
    many: ['meshes'],
    columns: [
      NAME,
      { heading: 'mTLS', cell: mtlsCell },
      { heading: 'LOCALITY', cell: ({ routing }) => onOff(routing?.localityAwareLoadBalancing) },
      { heading: 'ZONEEGRESS', cell: ({ routing }) => onOff(routing?.zoneEgress) },
      AGE,
    ],
  },
  { type: 'Secret', one: ['secret'], many: ['secrets'], columns: [MESH, NAME, AGE] },
  {
    type: 'GlobalSecret',
    one: ['global-secret', 'globalsecret'],
    many: ['global-secrets', 'globalsecrets'],
    columns: [NAME, AGE],
  },
  {
    type: 'Dataplane',
    one: ['dataplane'],
    many: ['dataplanes'],
    columns: [
      MESH,
      NAME,
      { heading: 'TAGS', cell: (dataplane) => tagsCell(tagsOf(dataplane)) },
      { heading: 'ADDRESS', cell: addressOf },
      AGE,
    ],
  },
  { type: 'Zone', one: ['zone'], many: ['zones'], columns: [NAME, AGE] },
  {
    type: 'ZoneIngress',
    one: ['zone-ingress', 'zoneingress'],
    many: ['zone-ingresses', 'zoneingresses'],
    columns: [NAME, AGE],
  },
  {
    type: 'ZoneEgress',
    one: ['zoneegress', 'zone-egress'],
    many: ['zoneegresses', 'zone-egresses'],
    columns: [NAME, AGE],
  },
];

/** The sets of tags that a dataplane has: one for each inbound, or that of its gateway. */
export function tagsOf({ networking }: DataplaneSpec): Tags[] {
  return [...(networking?.inbound ?? []).map(({ tags }) => tags ?? {}), networking?.gateway?.tags ?? {}];
}

function addressOf({ networking }: DataplaneSpec): string {
  return networking?.advertisedAddress || networking?.address || '';
}

function mtlsCell({ mtls }: MeshSpec): string {
  const backend = mtls?.backends?.find(({ name }) => name === mtls.enabledBackend);
  return backend ? `${backend.type}/${backend.name}` : 'off';
}
