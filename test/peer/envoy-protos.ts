import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import protobuf from 'protobufjs';

const home = (name: string) => path.dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
const FOLDERS = [
  ...['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate'].map((name) =>
    path.join(home('@grpc/grpc-js-xds'), 'deps', name),
  ),
  home('protobufjs'),
];
const FILES = [
  'envoy/service/discovery/v3/ads.proto',
  'envoy/config/bootstrap/v3/bootstrap.proto',
  'envoy/config/cluster/v3/cluster.proto',
  'envoy/config/endpoint/v3/endpoint.proto',
  'envoy/config/listener/v3/listener.proto',
  'envoy/config/route/v3/route.proto',
  'envoy/extensions/filters/http/router/v3/router.proto',
  'envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto',
  'envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.proto',
  'envoy/extensions/transport_sockets/tls/v3/tls.proto',
  'envoy/extensions/upstreams/http/v3/http_protocol_options.proto',
  'envoy/config/grpc_credential/v3/file_based_metadata.proto',
];

/** Envoy's own messages, whole, from the files of gRPC's xDS client: nothing here is shared with the code under test. */
export const ENVOY = load();

function load(): protobuf.Root {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) =>
    FOLDERS.map((folder) => path.join(folder, target)).find((file) => existsSync(file)) ?? target;
  root.loadSync(FILES).resolveAll();
  return root;
}

/** Of protobufjs' own making, which keeps the spelling of the file. */
interface Any {
  readonly type_url: string;
  readonly value: Uint8Array;
}

/** A message that was packed, with what is packed inside it, as JSON. */
export function unpacked({ type_url: typeUrl, value }: Any): Record<string, unknown> {
  const type = ENVOY.lookupType(typeUrl.slice(typeUrl.indexOf('/') + 1));
  return inside(type.toObject(type.decode(value), { enums: String })) as Record<string, unknown>;
}

function inside(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inside);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if ('type_url' in value && 'value' in value) return unpacked(value as Any);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, inside(member)]));
}
