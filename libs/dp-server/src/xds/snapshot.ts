import { sha256 } from '@koguma/core';
import type { Any } from '@koguma/protobuf';
import type { Spec } from '@koguma/resources';
import { Cluster, Cluster_DiscoveryType } from '../gen/envoy/config/cluster/v3/cluster.js';
import { TrafficDirection } from '../gen/envoy/config/core/v3/base.js';
import { ApiVersion, type ConfigSource } from '../gen/envoy/config/core/v3/config_source.js';
import { ClusterLoadAssignment } from '../gen/envoy/config/endpoint/v3/endpoint.js';
import { Listener } from '../gen/envoy/config/listener/v3/listener.js';
import type { Filter } from '../gen/envoy/config/listener/v3/listener_components.js';
import { RouteConfiguration } from '../gen/envoy/config/route/v3/route.js';
import { Router } from '../gen/envoy/extensions/filters/http/router/v3/router.js';
import { HttpConnectionManager } from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js';
import { TcpProxy } from '../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy.js';
import type { ProxyType } from '../proxy.js';

/** The types that a proxy is served, in the order in which a change of them is safe: what is named comes before who names it. */
export const XDS_TYPES = ['cds', 'eds', 'lds', 'rds'] as const;
export type XdsType = (typeof XDS_TYPES)[number];

/** One resource as Envoy takes it. Its version is a hash of its bytes: equal ones are equal on every control plane. */
export interface XdsResource {
  readonly name: string;
  readonly version: string;
  readonly body: Any;
}

/** Everything that a proxy should have now, by type and name. */
export type Snapshot = Readonly<Record<XdsType, ReadonlyMap<string, XdsResource>>>;

/** What a kind of resource is called on the wire, and how it is written. */
const MESSAGES = {
  cds: { name: 'envoy.config.cluster.v3.Cluster', codec: Cluster },
  eds: { name: 'envoy.config.endpoint.v3.ClusterLoadAssignment', codec: ClusterLoadAssignment },
  lds: { name: 'envoy.config.listener.v3.Listener', codec: Listener },
  rds: { name: 'envoy.config.route.v3.RouteConfiguration', codec: RouteConfiguration },
} as const;
const ANY = 'type.googleapis.com/';
const CONNECT_TIMEOUT = { seconds: 5n, nanos: 0 };
const ADS: ConfigSource = { ads: {}, resourceApiVersion: ApiVersion.V3 };

/** The type that a type URL stands for; undefined when it is none that is served. */
export function xdsTypeOf(typeUrl: string): XdsType | undefined {
  return XDS_TYPES.find((type) => typeUrl === typeUrlOf(type));
}

export function typeUrlOf(type: XdsType): string {
  return ANY + MESSAGES[type].name;
}

interface Inbound {
  readonly port: number;
  readonly address?: string;
  readonly servicePort?: number;
  readonly serviceAddress?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

/**
 * What a proxy gets: for each inbound of a dataplane a listener, and a cluster with the application behind it. Zone
 * proxies and gateways get nothing yet, since nothing crosses zones: an empty answer, which lets Envoy start.
 */
export function snapshotOf(type: ProxyType, spec: Spec): Snapshot {
  const snapshot = { cds: new Map(), eds: new Map(), lds: new Map(), rds: new Map() } as Record<
    XdsType,
    Map<string, XdsResource>
  >;
  if (type !== 'dataplane') return snapshot;
  const { address = '', inbound = [] } = spec.networking as { address?: string; inbound?: readonly Inbound[] };
  for (const one of inbound) {
    for (const [kind, resource] of resourcesOf(one, address)) snapshot[kind].set(resource.name, resource);
  }
  return snapshot;
}

function resourcesOf(inbound: Inbound, networkAddress: string): [XdsType, XdsResource][] {
  const { port, address = networkAddress, servicePort = port, serviceAddress = '127.0.0.1', tags = {} } = inbound;
  const cluster = `localhost:${servicePort}`;
  const listener = `inbound:${address}:${port}`;
  const isHttp = tags['kuma.io/protocol'] === 'http';
  const filter = isHttp ? httpFilter(listener) : tcpFilter(listener, cluster);
  return [
    [
      'cds',
      written('cds', cluster, {
        name: cluster,
        type: Cluster_DiscoveryType.EDS,
        edsClusterConfig: { edsConfig: ADS, serviceName: '' },
        connectTimeout: CONNECT_TIMEOUT,
      }),
    ],
    [
      'eds',
      written('eds', cluster, {
        clusterName: cluster,
        endpoints: [{ lbEndpoints: [{ endpoint: { address: socket(serviceAddress, servicePort) } }] }],
      }),
    ],
    [
      'lds',
      written('lds', listener, {
        name: listener,
        address: socket(address, port),
        filterChains: [{ filters: [filter] }],
        trafficDirection: TrafficDirection.INBOUND,
      }),
    ],
    ...(isHttp ? [['rds', written('rds', listener, routes(listener, cluster))] as [XdsType, XdsResource]] : []),
  ];
}

function tcpFilter(statPrefix: string, cluster: string): Filter {
  const typedConfig = any('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', TcpProxy, { statPrefix, cluster });
  return { name: 'envoy.filters.network.tcp_proxy', typedConfig };
}

function httpFilter(routeConfigName: string): Filter {
  const router = any('envoy.extensions.filters.http.router.v3.Router', Router, {});
  const manager = {
    statPrefix: routeConfigName,
    rds: { configSource: ADS, routeConfigName },
    httpFilters: [{ name: 'envoy.filters.http.router', typedConfig: router }],
  };
  const name = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typedConfig: any(name, HttpConnectionManager, manager),
  };
}

function routes(name: string, cluster: string): RouteConfiguration {
  const route = { match: { prefix: '/' }, route: { cluster } };
  return { name, virtualHosts: [{ name, domains: ['*'], routes: [route] }] };
}

function socket(address: string, portValue: number) {
  return { socketAddress: { address, portValue } };
}

interface Codec<M> {
  encode(message: M): { finish(): Uint8Array };
}

function any<M>(name: string, codec: Codec<M>, message: M): Any {
  return { typeUrl: ANY + name, value: codec.encode(message).finish() };
}

function written<T extends XdsType>(
  type: T,
  name: string,
  message: Parameters<(typeof MESSAGES)[T]['codec']['encode']>[0],
): XdsResource {
  const { name: messageName, codec } = MESSAGES[type];
  const body = any(messageName, codec as Codec<typeof message>, message);
  return { name, version: sha256(body.value), body };
}
