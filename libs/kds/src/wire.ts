import { sha256 } from '@koguma/core';
import {
  type ConfigSpec,
  RESOURCE_TYPES,
  type ResourceKey,
  type ResourceType,
  type SecretSpec,
  type Spec,
} from '@koguma/resources';
import { type Resource as WireResource } from './gen/envoy/service/discovery/v3/discovery.js';
import { Dataplane } from './gen/kuma/mesh/v1alpha1/dataplane.js';
import { Mesh } from './gen/kuma/mesh/v1alpha1/mesh.js';
import { KumaResource } from './gen/kuma/mesh/v1alpha1/sync.js';
import { ZoneEgress, ZoneIngress } from './gen/kuma/mesh/v1alpha1/zone_proxy.js';
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

const CODECS: Partial<Record<ResourceType, Codec>> = {
  Mesh: {
    message: 'kuma.mesh.v1alpha1.Mesh',
    encode: (spec) => Mesh.encode(Mesh.fromJSON(spec)).finish(),
    decode: (bytes) => Mesh.toJSON(Mesh.decode(bytes)) as Spec,
  },
  Secret: secretCodec,
  GlobalSecret: secretCodec,
  Dataplane: {
    message: 'kuma.mesh.v1alpha1.Dataplane',
    encode: (spec) => Dataplane.encode(Dataplane.fromJSON(spec)).finish(),
    decode: (bytes) => Dataplane.toJSON(Dataplane.decode(bytes)) as Spec,
  },
  ZoneIngress: {
    message: 'kuma.mesh.v1alpha1.ZoneIngress',
    encode: (spec) => ZoneIngress.encode(ZoneIngress.fromJSON(spec)).finish(),
    decode: (bytes) => ZoneIngress.toJSON(ZoneIngress.decode(bytes)) as Spec,
  },
  ZoneEgress: {
    message: 'kuma.mesh.v1alpha1.ZoneEgress',
    encode: (spec) => ZoneEgress.encode(ZoneEgress.fromJSON(spec)).finish(),
    decode: (bytes) => ZoneEgress.toJSON(ZoneEgress.decode(bytes)) as Spec,
  },
  Config: {
    message: 'kuma.system.v1alpha1.Config',
    encode: ({ config }: ConfigSpec) => Config.encode({ config: config ?? '' }).finish(),
    decode: (bytes) => ({ config: Config.decode(bytes).config }),
  },
};

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
export function encodeResource({ key, spec, labels }: Crossing): WireResource {
  const codec = codecOf(key.type);
  const sorted = Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
  const value = KumaResource.encode({
    meta: { name: key.name, mesh: key.mesh, version: '', labels: sorted },
    spec: { typeUrl: ANY + codec.message, value: codec.encode(spec) },
  }).finish();
  return { name: wireName(key), version: sha256(value), resource: { typeUrl: KUMA_RESOURCE, value }, aliases: [] };
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
      throw new UnreadableResource(`${JSON.stringify(name)} does not fit the scope of ${type}`);
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
