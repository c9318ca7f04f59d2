/** A JSON object as REST shows it: the spec of a resource without its meta. */
export type Spec = Readonly<Record<string, unknown>>;

/** Names one resource. `mesh` is '' for types that live outside a mesh. */
export interface ResourceKey {
  readonly type: ResourceType;
  readonly mesh: string;
  readonly name: string;
}

/** A resource as it is stored. Times are milliseconds since the epoch, set by the control plane that stores it. */
export interface Resource<S extends Spec = Spec> extends ResourceKey {
  readonly spec: S;
  readonly labels: Readonly<Record<string, string>>;
  /** Optimistic version: 1 at creation, one more at each update. */
  readonly version: number;
  readonly creationTime: number;
  readonly modificationTime: number;
}

/** What a writer gives: the store adds the version. */
export type Draft<S extends Spec = Spec> = Omit<Resource<S>, 'version'>;

export const RESOURCE_TYPE_NAMES = [
  'Mesh',
  'Secret',
  'GlobalSecret',
  'Config',
  'Zone',
  'ZoneInsight',
  'Dataplane',
  'DataplaneInsight',
  'ZoneIngress',
  'ZoneIngressInsight',
  'ZoneEgress',
  'ZoneEgressInsight',
] as const;
export type ResourceType = (typeof RESOURCE_TYPE_NAMES)[number];

/** Specs by type, in the JSON mapping of Kuma's protobuf messages (`kuma.system.v1alpha1`, `kuma.mesh.v1alpha1`). */
export interface SecretSpec extends Spec {
  /** Standard padded base64; absent when empty. */
  readonly data?: string;
}

export interface ConfigSpec extends Spec {
  readonly config?: string;
}

export interface ZoneSpec extends Spec {
  /** Absent means enabled. */
  readonly enabled?: boolean;
}

/** Labels that Kuma gives a meaning. */
export const LABEL = {
  /** `global` on what a zone received from global, `zone` on what a zone made itself. */
  origin: 'kuma.io/origin',
  zone: 'kuma.io/zone',
  mesh: 'kuma.io/mesh',
  env: 'kuma.io/env',
  displayName: 'kuma.io/display-name',
  kdsSync: 'kuma.io/kds-sync',
  /** `prepared`: a signing key that verifies and is synced, and does not sign yet. */
  phase: 'koguma.io/phase',
} as const;

/** One text for one key, in the order in which lists are shown: by mesh, then by name. */
export function keyText({ type, mesh, name }: ResourceKey): string {
  return `${type}/${mesh}/${name}`;
}

/** How people are told of a resource: `Secret "x" in mesh "default"`. */
export function describe({ type, mesh, name }: ResourceKey): string {
  return mesh === '' ? `${type} "${name}"` : `${type} "${name}" in mesh "${mesh}"`;
}

/** List order: by mesh, then by name, by code unit. */
export function byMeshAndName(a: ResourceKey, b: ResourceKey): number {
  return order(a.mesh, b.mesh) || order(a.name, b.name);
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** True for what this control plane received from global: only that may a sync replace or delete. */
export function isFromGlobal(resource: Pick<Resource, 'labels'>): boolean {
  return resource.labels[LABEL.origin] === 'global';
}
