import { readFileSync } from 'node:fs';
import {
  Client,
  type ClientDuplexStream,
  type ClientOptions,
  credentials,
  Metadata,
  type StatusObject,
} from '@grpc/grpc-js';
import { LOCALHOST_CERT_FILE } from '@koguma/testkit';
import { ENVOY, unpacked } from './envoy-protos.js';

type Message = Readonly<Record<string, unknown>>;
export type Dialect = 'state of the world' | 'incremental';
export type EnvoyType = 'cds' | 'eds' | 'lds' | 'rds';

export interface EnvoyOptions {
  /** Of the proxy port. */
  readonly port: number;
  readonly id: string;
  readonly type?: 'dataplane' | 'ingress' | 'egress';
  /** What it brings along. */
  readonly resource?: object;
  /** None is shown when it is left out. */
  readonly token?: string | undefined;
  readonly dialect?: Dialect;
  /** Metadata of the call beside its token. */
  readonly metadata?: readonly (readonly [string, string])[];
  /** Says why it does not take a response. */
  readonly objection?: (type: EnvoyType, resources: readonly Message[]) => string | undefined;
  /** Never answers and never reads on by itself. */
  readonly silent?: boolean;
  readonly channel?: Partial<ClientOptions>;
}

/** A response as it came, with everything in it read by Envoy's own definitions. */
export interface Received {
  readonly type: EnvoyType;
  readonly version: string;
  readonly nonce: string;
  readonly resources: readonly Message[];
  readonly removed: readonly string[];
}

const DISCOVERY = 'envoy.service.discovery.v3';
const METHODS = {
  'state of the world': { path: 'StreamAggregatedResources', prefix: '' },
  incremental: { path: 'DeltaAggregatedResources', prefix: 'Delta' },
} as const;
const NAMES: Readonly<Record<EnvoyType, string>> = {
  cds: 'envoy.config.cluster.v3.Cluster',
  eds: 'envoy.config.endpoint.v3.ClusterLoadAssignment',
  lds: 'envoy.config.listener.v3.Listener',
  rds: 'envoy.config.route.v3.RouteConfiguration',
};
const ANY = 'type.googleapis.com/';

/** Envoy, as far as a control plane can tell: it asks for what it lacks, and answers each response. */
export class Envoy {
  readonly responses: Received[] = [];
  /** How its stream ended, once it has. */
  end: Pick<StatusObject, 'code' | 'details'> | undefined;
  /** When it ended, by `performance.now()`. */
  endedAt = 0;
  readonly #options: EnvoyOptions;
  readonly #client: Client;
  readonly #call: ClientDuplexStream<Message, Message>;
  readonly #has = new Map<EnvoyType, Map<string, Message>>();
  readonly #asked = new Map<EnvoyType, readonly string[]>();

  constructor(options: EnvoyOptions) {
    this.#options = options;
    const { dialect = 'state of the world', port, channel, metadata: more = [] } = options;
    const { path, prefix } = METHODS[dialect];
    const request = ENVOY.lookupType(`${DISCOVERY}.${prefix}DiscoveryRequest`);
    const response = ENVOY.lookupType(`${DISCOVERY}.${prefix}DiscoveryResponse`);
    const authority = credentials.createSsl(readFileSync(LOCALHOST_CERT_FILE));
    this.#client = new Client(`localhost:${port}`, authority, { 'grpc.use_local_subchannel_pool': 1, ...channel });
    const metadata = new Metadata();
    if (options.token !== undefined) metadata.add('authorization', options.token);
    for (const [name, value] of more) metadata.add(name, value);
    this.#call = this.#client.makeBidiStreamRequest<Message, Message>(
      `/${DISCOVERY}.AggregatedDiscoveryService/${path}`,
      (message) => Buffer.from(request.encode(request.fromObject(message)).finish()),
      (bytes) => response.decode(bytes) as unknown as Message,
      metadata,
    );
    this.#call.on('error', () => undefined);
    this.#call.on('status', ({ code, details }: StatusObject) => {
      this.end = { code, details };
      this.endedAt = performance.now();
      this.#client.close();
    });
    if (!options.silent) this.#call.on('data', (message: Message) => this.#take(message));
    this.ask('cds', []);
    this.ask('lds', []);
  }

  /** What it has of a type, by name. */
  has(type: EnvoyType): ReadonlyMap<string, Message> {
    return this.#has.get(type) ?? new Map();
  }

  /** It has everything that it knows of: it would start its listeners now. */
  get isReady(): boolean {
    const came = (type: EnvoyType) => this.responses.some((response) => response.type === type);
    const complete = (type: EnvoyType) => (this.#asked.get(type) ?? []).every((name) => this.has(type).has(name));
    return came('cds') && came('lds') && complete('eds') && complete('rds');
  }

  ask(type: EnvoyType, names: readonly string[], more: Message = {}): void {
    const isFirst = this.#asked.size === 0;
    const before = this.#asked.get(type);
    this.#asked.set(type, names);
    const asked =
      this.#options.dialect === 'incremental'
        ? {
            resourceNamesSubscribe: names.filter((name) => !before?.includes(name)),
            resourceNamesUnsubscribe: before?.filter((name) => !names.includes(name)) ?? [],
          }
        : { resourceNames: names };
    this.send({ typeUrl: ANY + NAMES[type], ...asked, ...(isFirst ? { node: this.#node() } : {}), ...more });
  }

  /** Sends a request as it is. */
  send(request: Message): void {
    this.#call.write(request);
  }

  /** Leaves. */
  close(): void {
    this.#call.cancel();
    this.#client.close();
  }

  #node(): Message {
    const { id, type = 'dataplane', resource } = this.#options;
    const fields: Record<string, Message> = { 'dataplane.proxyType': { stringValue: type } };
    if (resource) fields['dataplane.resource'] = { stringValue: JSON.stringify(resource) };
    return { id, cluster: 'web', metadata: { fields } };
  }

  #take(message: Message): void {
    const {
      typeUrl,
      nonce,
      versionInfo = '',
      resources,
      removedResources = [],
    } = message as never as {
      typeUrl: string;
      nonce: string;
      versionInfo?: string;
      resources: ({ type_url: string; value: Uint8Array } & { resource: never })[];
      removedResources?: string[];
    };
    const type = (Object.keys(NAMES) as EnvoyType[]).find((name) => typeUrl === ANY + NAMES[name]) as EnvoyType;
    const bodies = resources.map((resource) => unpacked(resource.resource ?? resource));
    this.responses.push({ type, version: versionInfo, nonce, resources: bodies, removed: removedResources });
    const why = this.#options.objection?.(type, bodies);
    const answer = { typeUrl, responseNonce: nonce, ...(why === undefined ? {} : { errorDetail: { message: why } }) };
    if (this.#options.dialect === 'incremental') this.send(answer);
    else this.send({ ...answer, versionInfo, resourceNames: this.#asked.get(type) ?? [] });
    if (why !== undefined) return;
    this.#store(type, bodies, removedResources);
    if (type === 'cds') this.#askFor('eds', [...this.has('cds').keys()]);
    if (type === 'lds') this.#askFor('rds', [...this.has('lds').values()].flatMap(routesOf));
  }

  #store(type: EnvoyType, bodies: readonly Message[], removed: readonly string[]): void {
    const isWhole = this.#options.dialect !== 'incremental';
    const all = new Map(isWhole ? [] : this.has(type));
    for (const name of removed) all.delete(name);
    for (const body of bodies) all.set(String(body.name ?? body.clusterName), body);
    this.#has.set(type, all);
  }

  #askFor(type: EnvoyType, names: readonly string[]): void {
    const before = this.#asked.get(type) ?? [];
    if (names.length === before.length && names.every((name) => before.includes(name))) return;
    this.ask(type, names);
  }
}

interface ReadListener {
  readonly filterChains?: { filters?: { typedConfig?: { rds?: { routeConfigName?: string } } }[] }[];
}

function routesOf(listener: Message): string[] {
  const { filterChains = [] } = listener as ReadListener;
  const filters = filterChains.flatMap(({ filters = [] }) => filters);
  return filters.flatMap(({ typedConfig }) => typedConfig?.rds?.routeConfigName ?? []);
}
