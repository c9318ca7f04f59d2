import { sha256 } from '@koguma/core';
import type { Duration } from '@koguma/protobuf';
import {
  type ConfigSpec,
  RESOURCE_TYPES,
  type Resource,
  type ResourceKey,
  type ResourceType,
  type SecretSpec,
  type Spec,
} from '@koguma/resources';
import type { Resource as WireResource } from './gen/envoy/service/discovery/v3/discovery.js';
import { Dataplane } from './gen/kuma/mesh/v1alpha1/dataplane.js';
import { DataplaneInsight } from './gen/kuma/mesh/v1alpha1/dataplane_insight.js';
import { Mesh } from './gen/kuma/mesh/v1alpha1/mesh.js';
import { KumaResource } from './gen/kuma/mesh/v1alpha1/sync.js';
import { ZoneEgress, ZoneEgressInsight, ZoneIngress, ZoneIngressInsight } from './gen/kuma/mesh/v1alpha1/zone_proxy.js';
import { Config } from './gen/kuma/system/v1alpha1/config.js';
import { Secret } from './gen/kuma/system/v1alpha1/secret.js';

/** A resource as it crosses the link: without versions and times, which belong to the store that keeps it. */
export interface Crossing {
  readonly key: ResourceKey;
  readonly spec: Spec;
  readonly labels: Readonly<Record<string, string>>;
}

/** Thrown for one resource that cannot be read; the rest of the response is not touched by it. */
export class UnreadableResource extends Error {}

interface Codec {
  /** Full name of the protobuf message, the part of `type_url` behind the slash. */
  readonly message: string;
  encode(spec: Spec): Uint8Array;
  decode(bytes: Uint8Array): Spec;
}

/** Kuma's longest name. Databases have limits of their own, which a peer must not meet. */
const LONGEST_NAME = 253;
const ANY = 'type.googleapis.com/';
const KUMA_RESOURCE = `${ANY}kuma.mesh.v1alpha1.KumaResource`;

const secretCodec: Codec = {
  message: 'kuma.system.v1alpha1.Secret',
  encode: ({ data }: SecretSpec) =>
    Secret.encode(data === undefined ? {} : { data: Buffer.from(data, 'base64') }).finish(),
  decode(bytes) {
    const { data } = Secret.decode(bytes);
    return data === undefined || data.length === 0 ? {} : { data: Buffer.from(data).toString('base64') };
  },
};

/** A type whose spec in the store is the JSON mapping of its message. */
function mapped<M>(
  message: string,
  {
    encode,
    decode,
    fromJSON,
    toJSON,
  }: {
    encode(message: M): { finish(): Uint8Array };
    decode(bytes: Uint8Array): M;
    fromJSON(json: unknown): M;
    toJSON(message: M): unknown;
  },
): Codec {
  return {
    message: `kuma.mesh.v1alpha1.${message}`,
    encode: (spec) => encode(fromJSON(spec)).finish(),
    decode: (bytes) => toJSON(decode(bytes)) as Spec,
  };
}

const CODECS: Partial<Record<ResourceType, Codec>> = {
  Mesh: mapped('Mesh', Mesh),
  Secret: secretCodec,
  GlobalSecret: secretCodec,
  Dataplane: mapped('Dataplane', Dataplane),
  DataplaneInsight: mapped('DataplaneInsight', DataplaneInsight),
  ZoneIngress: mapped('ZoneIngress', ZoneIngress),
  ZoneIngressInsight: mapped('ZoneIngressInsight', ZoneIngressInsight),
  ZoneEgress: mapped('ZoneEgress', ZoneEgress),
  ZoneEgressInsight: mapped('ZoneEgressInsight', ZoneEgressInsight),
  Config: {
    message: 'kuma.system.v1alpha1.Config',
    encode: ({ config }: ConfigSpec) => Config.encode({ config: config ?? '' }).finish(),
    decode: (bytes) => ({ config: Config.decode(bytes).config }),
  },
};

/** Milliseconds as protobuf's Duration. */
export function durationOf(ms: number): Duration {
  return { seconds: BigInt(Math.floor(ms / 1_000)), nanos: Math.round((ms % 1_000) * 1e6) };
}

/** The inverse of {@link durationOf}; absent is none. */
export function millisecondsOf(duration: Duration | undefined): number {
  return duration ? Number(duration.seconds) * 1_000 + duration.nanos / 1e6 : 0;
}

/** `{name}.{mesh}`; resources outside a mesh end in a dot, as Kuma writes them. */
export function wireName({ name, mesh }: Pick<ResourceKey, 'name' | 'mesh'>): string {
  return `${name}.${mesh}`;
}

/** The inverse of {@link wireName}: split at the last dot; a name without any has no mesh. */
export function parseWireName(type: ResourceType, text: string): ResourceKey {
  const dot = text.lastIndexOf('.');
  return dot === -1 ? { type, mesh: '', name: text } : { type, mesh: text.slice(dot + 1), name: text.slice(0, dot) };
}

/** Writes one resource. The version is the SHA-256 of its bytes, so equal resources have equal versions everywhere. */
export function encodeResource(crossing: Crossing): WireResource {
  const value = encodeValue(crossing);
  const resource = { typeUrl: KUMA_RESOURCE, value };
  return { name: wireName(crossing.key), version: sha256(value), resource, aliases: [] };
}

/** The bytes of a resource's KumaResource. */
export function encodeValue({ key, spec, labels }: Crossing): Uint8Array {
  const codec = codecOf(key.type);
  const sorted = Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
  return KumaResource.encode({
    meta: { name: key.name, mesh: key.mesh, version: '', labels: sorted },
    spec: { typeUrl: ANY + codec.message, value: codec.encode(spec) },
  }).finish();
}

/**
 * What a control plane has of a peer's, as the peer would write it: versions by {@link wireName}. What cannot be written
 * is left out, and so comes again.
 */
export function versionsOf(resources: readonly Resource[]): Record<string, string> {
  const versions: Record<string, string> = {};
  for (const { type, mesh, name, spec, labels } of resources) {
    try {
      const written = encodeResource({ key: { type, mesh, name }, spec, labels });
      versions[written.name] = written.version;
    } catch {}
  }
  return versions;
}

/** Reads one resource of a response for `type`. @throws UnreadableResource */
export function decodeResource(type: ResourceType, { resource, name }: WireResource): Crossing {
  const codec = codecOf(type);
  if (resource?.typeUrl !== KUMA_RESOURCE) throw new UnreadableResource(`it is not a KumaResource`);
  try {
    const { meta, spec } = KumaResource.decode(resource.value);
    if (!meta) throw new UnreadableResource('it has no meta');
    if (spec?.typeUrl !== ANY + codec.message) throw new UnreadableResource(`its spec is not a ${codec.message}`);
    const key: ResourceKey = { type, mesh: meta.mesh, name: meta.name };
    if (key.name === '' || (key.mesh === '') === (RESOURCE_TYPES[type].scope === 'mesh')) {
      throw new UnreadableResource(`${JSON.stringify(name.slice(0, LONGEST_NAME))} does not fit the scope of ${type}`);
    }
    if (key.name.length > LONGEST_NAME || key.mesh.length > LONGEST_NAME || wireName(key).includes('\0')) {
      throw new UnreadableResource(`its name is not one: at most ${LONGEST_NAME} characters, and no NUL`);
    }
    return { key, spec: codec.decode(spec.value), labels: meta.labels };
  } catch (error) {
    if (error instanceof UnreadableResource) throw error;
    throw new UnreadableResource('its bytes cannot be read');
  }
}

function codecOf(type: ResourceType): Codec {
  const codec = CODECS[type];
  if (!codec) throw new TypeError(`${type} does not cross the link`);
  return codec;
}
