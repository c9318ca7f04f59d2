import protobuf from 'protobufjs';

/**
 * The messages of KDS as Kuma's peers write and read them, from definitions of this file's own: nothing here is shared
 * with the code under test, so that both cannot be wrong in the same way.
 */
const DEFINITIONS = [
  `syntax = "proto3";
   package google.protobuf;
   message Any { string type_url = 1; bytes value = 2; }
   message BytesValue { bytes value = 1; }
   message Duration { int64 seconds = 1; int32 nanos = 2; }
   message Struct { map<string, Value> fields = 1; }
   message ListValue { repeated Value values = 1; }
   enum NullValue { NULL_VALUE = 0; }
   message Value {
     oneof kind {
       NullValue null_value = 1;
       double number_value = 2;
       string string_value = 3;
       bool bool_value = 4;
       Struct struct_value = 5;
       ListValue list_value = 6;
     }
   }`,
  `syntax = "proto3";
   package google.rpc;
   message Status { int32 code = 1; string message = 2; repeated google.protobuf.Any details = 3; }`,
  `syntax = "proto3";
   package envoy.config.core.v3;
   message Node { string id = 1; string cluster = 2; google.protobuf.Struct metadata = 3; }
   message ControlPlane { string identifier = 1; }`,
  `syntax = "proto3";
   package envoy.service.discovery.v3;
   message DeltaDiscoveryRequest {
     envoy.config.core.v3.Node node = 1;
     string type_url = 2;
     repeated string resource_names_subscribe = 3;
     repeated string resource_names_unsubscribe = 4;
     map<string, string> initial_resource_versions = 5;
     string response_nonce = 6;
     google.rpc.Status error_detail = 7;
   }
   message DeltaDiscoveryResponse {
     string system_version_info = 1;
     repeated Resource resources = 2;
     string type_url = 4;
     string nonce = 5;
     repeated string removed_resources = 6;
     envoy.config.core.v3.ControlPlane control_plane = 7;
   }
   message Resource {
     string version = 1;
     google.protobuf.Any resource = 2;
     string name = 3;
     repeated string aliases = 4;
     google.protobuf.Duration ttl = 6;
   }`,
  `syntax = "proto3";
   package kuma.system.v1alpha1;
   message Secret { google.protobuf.BytesValue data = 1; }
   message Config { string config = 1; }`,
  `syntax = "proto3";
   package kuma.mesh.v1alpha1;
   message KumaResource {
     message Meta { string name = 1; string mesh = 2; string version = 5; map<string, string> labels = 6; }
     Meta meta = 1;
     google.protobuf.Any spec = 2;
     google.protobuf.Any status = 3;
   }
   message Mesh {
     bytes mtls = 1;
     bytes tracing = 2;
     bytes logging = 3;
     bytes metrics = 4;
     bytes networking = 5;
     bytes routing = 6;
     bytes constraints = 7;
     repeated string skip_creating_initial_policies = 8;
     bytes mesh_services = 9;
   }
   message Dataplane { Networking networking = 1; bytes metrics = 2; bytes probes = 3; }
   message Networking {
     repeated Inbound inbound = 1;
     repeated bytes outbound = 2;
     Gateway gateway = 3;
     bytes transparent_proxying = 4;
     string address = 5;
     string advertised_address = 7;
     Admin admin = 8;
     repeated bytes listeners = 9;
   }
   message Inbound {
     map<string, string> tags = 2;
     uint32 port = 3;
     uint32 service_port = 4;
     string address = 5;
     string service_address = 6;
     bytes health = 7;
     bytes service_probe = 8;
     int32 state = 9;
     string name = 10;
     string protocol = 11;
   }
   message Gateway { map<string, string> tags = 1; int32 type = 2; }
   message Admin { uint32 port = 1; }
   message ZoneIngress { string zone = 1; IngressNetworking networking = 2; repeated bytes available_services = 3; }
   message IngressNetworking {
     string address = 1;
     string advertised_address = 2;
     uint32 port = 3;
     uint32 advertised_port = 4;
     Admin admin = 5;
   }
   message ZoneEgress { string zone = 1; EgressNetworking networking = 2; }
   message EgressNetworking { string address = 1; uint32 port = 2; Admin admin = 3; }
   message ZoneHealthCheckRequest {}
   message ZoneHealthCheckResponse { google.protobuf.Duration interval = 1; }
   message AdminRequest {
     string request_id = 1;
     string resource_type = 2;
     string resource_name = 3;
     string resource_mesh = 4;
     int32 format = 5;
     bool used_only = 6;
   }
   message AdminResponse { string request_id = 1; oneof result { string error = 2; bytes content = 3; } }`,
];

const root = new protobuf.Root();
for (const definition of DEFINITIONS) protobuf.parse(definition, root);

export interface AnyMessage {
  readonly typeUrl: string;
  readonly value: Uint8Array;
}

/** One value of google.protobuf.Struct: the member that is there tells its kind. */
interface Value {
  readonly stringValue?: string;
  readonly numberValue?: number;
  readonly boolValue?: boolean;
  readonly structValue?: Struct;
  readonly listValue?: { readonly values: readonly Value[] };
}

export interface Struct {
  readonly fields: Readonly<Record<string, Value>>;
}

export interface Node {
  readonly id: string;
  readonly cluster?: string;
  readonly metadata?: Struct | null;
}

export interface DiscoveryRequest {
  readonly node: Node | null;
  readonly typeUrl: string;
  readonly resourceNamesSubscribe: readonly string[];
  readonly resourceNamesUnsubscribe: readonly string[];
  readonly initialResourceVersions: Readonly<Record<string, string>>;
  readonly responseNonce: string;
  readonly errorDetail: { readonly code?: number; readonly message: string } | null;
}

export interface WireResource {
  readonly name: string;
  readonly version: string;
  readonly resource: AnyMessage | null;
}

export interface DiscoveryResponse {
  readonly systemVersionInfo: string;
  readonly typeUrl: string;
  readonly nonce: string;
  readonly resources: readonly WireResource[];
  readonly removedResources: readonly string[];
  readonly controlPlane: { readonly identifier: string } | null;
}

interface KumaResourceMessage {
  readonly meta: {
    readonly name: string;
    readonly mesh: string;
    readonly version: string;
    readonly labels: Readonly<Record<string, string>>;
  } | null;
  readonly spec: AnyMessage | null;
  readonly status: AnyMessage | null;
}

interface AdminRequest {
  readonly requestId: string;
}

interface AdminResponse {
  readonly requestId: string;
  readonly error?: string;
}

/** Writes and reads one kind of message. What is left out is not written; what is absent is read as proto3's default. */
export interface Codec<M> {
  encode(message: Partial<M>): Buffer;
  /** @throws Error for bytes with a field in them that Kuma does not define: Go would skip it, these peers do not */
  decode(bytes: Uint8Array): M;
}

function codec<M>(name: string): Codec<M> {
  const type = root.lookupType(name);
  return {
    encode(message) {
      const whole = type.fromObject(message as Record<string, unknown>);
      withoutDefaults(type, whole as unknown as Record<string, unknown>);
      return Buffer.from(type.encode(whole).finish());
    },
    decode(bytes) {
      const message = type.decode(bytes);
      if (!Buffer.from(type.encode(message).finish()).equals(bytes))
        throw new Error(`the bytes of ${name} hold more than it defines: ${Buffer.from(bytes).toString('hex')}`);
      return type.toObject(message, { defaults: true, arrays: true, objects: true, longs: Number }) as M;
    },
  };
}

/** Proto3 does not write a field that has its default value, unless it is a choice of several. */
function withoutDefaults(type: protobuf.Type, message: Record<string, unknown>): void {
  for (const { name, map, partOf, repeated, resolvedType } of type.fieldsArray) {
    const value = message[name];
    if (resolvedType instanceof protobuf.Type) {
      const inner = repeated || map ? Object.values(value ?? {}) : [value];
      for (const one of inner) if (one) withoutDefaults(resolvedType, one as Record<string, unknown>);
    } else if (!partOf && !repeated && !map && isDefault(value)) {
      delete message[name];
    }
  }
}

function isDefault(value: unknown): boolean {
  return value === '' || value === 0 || value === false || (value instanceof Uint8Array && value.length === 0);
}

export const discoveryRequest = codec<DiscoveryRequest>('envoy.service.discovery.v3.DeltaDiscoveryRequest');
export const discoveryResponse = codec<DiscoveryResponse>('envoy.service.discovery.v3.DeltaDiscoveryResponse');
export const kumaResource = codec<KumaResourceMessage>('kuma.mesh.v1alpha1.KumaResource');
export const secret = codec<{ readonly data: { readonly value: Uint8Array } | null }>('kuma.system.v1alpha1.Secret');
export const config = codec<{ readonly config: string }>('kuma.system.v1alpha1.Config');
export const mesh = codec<Record<string, unknown>>('kuma.mesh.v1alpha1.Mesh');
export const dataplane = codec<{ readonly networking: object | null }>('kuma.mesh.v1alpha1.Dataplane');
export const zoneIngress = codec<{ readonly zone: string; readonly networking: object | null }>(
  'kuma.mesh.v1alpha1.ZoneIngress',
);
export const zoneEgress = codec<{ readonly zone: string; readonly networking: object | null }>(
  'kuma.mesh.v1alpha1.ZoneEgress',
);
export const healthCheckRequest = codec<Record<string, never>>('kuma.mesh.v1alpha1.ZoneHealthCheckRequest');
export const healthCheckResponse = codec<{ readonly interval: { readonly seconds: number } | null }>(
  'kuma.mesh.v1alpha1.ZoneHealthCheckResponse',
);
/** What the three envoy admin streams ask and answer, as far as all three are the same. */
export const adminRequest = codec<AdminRequest>('kuma.mesh.v1alpha1.AdminRequest');
export const adminResponse = codec<AdminResponse>('kuma.mesh.v1alpha1.AdminResponse');

/** JSON to google.protobuf.Struct. */
export function toStruct(object: Readonly<Record<string, unknown>>): Struct {
  return { fields: Object.fromEntries(Object.entries(object).map(([key, value]) => [key, toValue(value)])) };
}

/** google.protobuf.Struct to JSON. */
export function fromStruct({ fields }: Struct): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, fromValue(value)]));
}

function toValue(value: unknown): Value {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'number') return { numberValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (Array.isArray(value)) return { listValue: { values: value.map(toValue) } };
  return { structValue: toStruct(value as Record<string, unknown>) };
}

function fromValue({ structValue, listValue, ...scalar }: Value): unknown {
  if (structValue) return fromStruct(structValue);
  if (listValue) return listValue.values.map(fromValue);
  return Object.values(scalar)[0] ?? null;
}
