import type { Any } from '@koguma/protobuf';
import { Cluster } from '../gen/envoy/config/cluster/v3/cluster.js';
import type { Node } from '../gen/envoy/config/core/v3/base.js';
import { ClusterLoadAssignment } from '../gen/envoy/config/endpoint/v3/endpoint.js';
import { Listener } from '../gen/envoy/config/listener/v3/listener.js';
import { RouteConfiguration } from '../gen/envoy/config/route/v3/route.js';
import { HttpConnectionManager } from '../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.js';
import type { DiscoveryRequest, DiscoveryResponse } from '../gen/envoy/service/discovery/v3/discovery.js';
import { typeUrlOf, type XdsType, xdsTypeOf } from './snapshot.js';

/** How much a proxy has of each type. */
export type Holdings = Readonly<Record<XdsType, number>>;

/**
 * The proxy's side of a conversation about the state of the world: it asks for clusters and listeners, then for what
 * these name, and takes all that can be read. It does with it nothing at all.
 */
export class Follower {
  readonly #node: Node;
  readonly #send: (request: DiscoveryRequest) => void;
  readonly #names: Record<XdsType, readonly string[]> = { cds: [], eds: [], lds: [], rds: [] };
  readonly #asked: Partial<Record<XdsType, readonly string[]>> = {};

  constructor(node: Node, send: (request: DiscoveryRequest) => void) {
    this.#node = node;
    this.#send = send;
  }

  /** Asks for the first time; the node goes with it. */
  start(): void {
    this.#ask('cds', [], { node: this.#node });
    this.#ask('lds', []);
  }

  /** Takes a response, answers it, and asks for what it names. */
  take({ typeUrl, versionInfo, nonce, resources }: DiscoveryResponse): void {
    const type = xdsTypeOf(typeUrl);
    if (!type) return;
    const answer = { responseNonce: nonce, versionInfo };
    let read: Read[];
    try {
      read = resources.map((resource) => READERS[type](resource));
    } catch (error) {
      const errorDetail = { code: INVALID_ARGUMENT, message: (error as Error).message, details: [] };
      this.#send({ ...this.#request(type), ...answer, errorDetail });
      return;
    }
    this.#names[type] = read.map(({ name }) => name);
    this.#send({ ...this.#request(type), ...answer });
    const named = read.flatMap(({ names }) => names);
    if (type === 'cds') this.#askFor('eds', named);
    if (type === 'lds') this.#askFor('rds', named);
  }

  /** What it has now. */
  get holdings(): Holdings {
    const { cds, eds, lds, rds } = this.#names;
    return { cds: cds.length, eds: eds.length, lds: lds.length, rds: rds.length };
  }

  /** Everything that it knows of has come. */
  get isComplete(): boolean {
    return (['eds', 'rds'] as const).every((type) =>
      (this.#asked[type] ?? []).every((name) => this.#names[type].includes(name)),
    );
  }

  #askFor(type: XdsType, names: readonly string[]): void {
    const before = this.#asked[type] ?? [];
    if (names.length === before.length && names.every((name) => before.includes(name))) return;
    this.#ask(type, names);
  }

  #ask(type: XdsType, names: readonly string[], more: Partial<DiscoveryRequest> = {}): void {
    this.#asked[type] = names;
    this.#send({ ...this.#request(type), ...more });
  }

  #request(type: XdsType): DiscoveryRequest {
    const resourceNames = [...(this.#asked[type] ?? [])];
    return { versionInfo: '', resourceNames, typeUrl: typeUrlOf(type), responseNonce: '' };
  }
}

const INVALID_ARGUMENT = 3;

/** The name of a resource, and those that it names. */
interface Read {
  readonly name: string;
  readonly names: readonly string[];
}

const READERS: Readonly<Record<XdsType, (resource: Any) => Read>> = {
  cds: ({ value }) => {
    const { name, edsClusterConfig } = Cluster.decode(value);
    return { name, names: edsClusterConfig ? [edsClusterConfig.serviceName || name] : [] };
  },
  eds: ({ value }) => ({ name: ClusterLoadAssignment.decode(value).clusterName, names: [] }),
  lds: ({ value }) => {
    const { name, filterChains } = Listener.decode(value);
    const filters = filterChains.flatMap(({ filters }) => filters);
    return { name, names: filters.flatMap(({ typedConfig }) => routesNamedBy(typedConfig)) };
  },
  rds: ({ value }) => ({ name: RouteConfiguration.decode(value).name, names: [] }),
};

function routesNamedBy(config: Any | undefined): string[] {
  if (!config?.typeUrl.endsWith('.HttpConnectionManager')) return [];
  const { rds } = HttpConnectionManager.decode(config.value);
  return rds ? [rds.routeConfigName] : [];
}
