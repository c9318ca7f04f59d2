import { createHash } from 'node:crypto';
import { isInMesh, specTypeUrl } from './kuma-types.js';
import {
  type Codec,
  config,
  dataplane,
  kumaResource,
  mesh as meshMessage,
  secret,
  type WireResource,
  zoneEgress,
  zoneIngress,
} from './messages.js';

/** A resource as a Kuma control plane keeps it: the spec stays in bytes. */
export interface Item {
  readonly type: string;
  /** '' for types that live outside a mesh. */
  readonly mesh: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: Uint8Array;
}

type Labels = Item['labels'];

const KUMA_RESOURCE = 'type.googleapis.com/kuma.mesh.v1alpha1.KumaResource';

export const keyOf = ({ type, mesh, name }: Pick<Item, 'type' | 'mesh' | 'name'>): string => `${type}/${mesh}/${name}`;

export function globalSecret(name: string, text: string, labels: Labels = {}): Item {
  return { type: 'GlobalSecret', mesh: '', name, labels, spec: secret.encode({ data: { value: Buffer.from(text) } }) };
}

export function meshSecret(mesh: string, name: string, text: string, labels: Labels = {}): Item {
  return { ...globalSecret(name, text, { 'kuma.io/mesh': mesh, ...labels }), type: 'Secret', mesh };
}

export function meshNamed(name: string, labels: Labels = {}): Item {
  return { type: 'Mesh', mesh: '', name, labels, spec: meshMessage.encode({}) };
}

export function dataplaneNamed(mesh: string, name: string, networking: object): Item {
  const labels = { 'kuma.io/mesh': mesh };
  return { type: 'Dataplane', mesh, name, labels, spec: dataplane.encode({ networking }) };
}

export function clusterId(id: string): Item {
  return { type: 'Config', mesh: '', name: 'kuma-cluster-id', labels: {}, spec: config.encode({ config: id }) };
}

/** The text in a secret. */
export function textOf({ spec }: Item): string {
  return Buffer.from(secret.decode(spec).data?.value ?? []).toString();
}

function wireNameOf({ name, mesh }: Pick<Item, 'name' | 'mesh'>): string {
  return `${name}.${mesh}`;
}

/** Split at the last dot; without any, there is no mesh. */
export function parseWireName(type: string, wireName: string): Pick<Item, 'type' | 'mesh' | 'name'> {
  const dot = wireName.lastIndexOf('.');
  return dot === -1
    ? { type, mesh: '', name: wireName }
    : { type, mesh: wireName.slice(dot + 1), name: wireName.slice(0, dot) };
}

/** Bytes of the KumaResource. */
export function encodeKumaResource({ type, mesh, name, labels, spec }: Item): Buffer {
  return kumaResource.encode({
    meta: { name, mesh, labels } as never,
    spec: { typeUrl: specTypeUrl(type), value: spec },
  });
}

export function toWire(item: Item): WireResource {
  const value = encodeKumaResource(item);
  return { name: wireNameOf(item), version: sha256(value), resource: { typeUrl: KUMA_RESOURCE, value } };
}

/** Reads one resource as strictly as Kuma does, and a little more: its name and version must fit its content. */
export function fromWire(type: string, { name: wireName, version, resource }: WireResource): Item {
  if (resource?.typeUrl !== KUMA_RESOURCE) throw new Error(`${wireName} is a ${resource?.typeUrl ?? 'nothing'}`);
  const { meta, spec } = kumaResource.decode(resource.value);
  if (!meta) throw new Error(`${wireName} has no meta`);
  if (spec?.typeUrl !== specTypeUrl(type)) throw new Error(`the spec of ${wireName} is a ${spec?.typeUrl}`);
  const { name, mesh, labels } = meta;
  const item: Item = { type, mesh, name, labels, spec: spec.value };
  if (wireNameOf(item) !== wireName) throw new Error(`${wireName} holds ${wireNameOf(item)}`);
  if ((mesh !== '') !== isInMesh(type)) throw new Error(`${wireName} does not fit the scope of ${type}`);
  if (version !== sha256(resource.value)) throw new Error(`the version of ${wireName} is not the SHA-256 of its bytes`);
  if (meta.version !== '') throw new Error(`the meta of ${wireName} has a version`);
  checkSpec(item);
  return item;
}

const SPECS: Readonly<Record<string, Pick<Codec<unknown>, 'decode'>>> = {
  Secret: secret,
  GlobalSecret: secret,
  Config: config,
  Mesh: meshMessage,
  Dataplane: dataplane,
  ZoneIngress: zoneIngress,
  ZoneEgress: zoneEgress,
};

function checkSpec({ type, spec }: Item): void {
  if (specTypeUrl(type) === '') JSON.parse(Buffer.from(spec).toString());
  else SPECS[type]?.decode(spec);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
