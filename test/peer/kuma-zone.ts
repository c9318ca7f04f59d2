import { Client, type ClientDuplexStream, credentials, Metadata, type StatusObject, status } from '@grpc/grpc-js';
import { DeltaServer } from './delta-server.js';
import { fromWire, type Item, toWire } from './items.js';
import { GLOBAL_KDS, KDS_SYNC, MESSAGE_LIMITS } from './kds-methods.js';
import { hashedName } from './kuma-types.js';
import { type KumaVersion, KumaZoneStore, PROFILES, type Profile } from './kuma-zone-store.js';
import { type DiscoveryRequest, type DiscoveryResponse, type Node, toStruct } from './messages.js';
import { shuffled } from './shuffled.js';

type Request = Partial<DiscoveryRequest>;

export interface KumaZoneOptions {
  readonly name: string;
  readonly version: KumaVersion;
  /** `host:port` of global's KDS. */
  readonly address: string;
  /** Decides the order of what Kuma does in the order of a Go map. */
  readonly seed?: number;
  /** What it tells of its configuration. */
  readonly config?: string;
  /** Why the zone refuses an item that came; it takes all when left out. */
  readonly objection?: (item: Item) => string | undefined;
  /** Sends what answers a response; left out, the answer that Kuma gives. */
  readonly answer?: (usual: Request, send: (request: Request) => void, response: DiscoveryResponse) => void;
}

/** A response as it came. */
export interface Received {
  readonly type: string;
  readonly nonce: string;
  readonly identifier: string | undefined;
  readonly names: readonly string[];
  readonly removed: readonly string[];
  readonly items: readonly Item[];
  readonly initial: boolean;
}

type SyncStream = 'globalToZone' | 'zoneToGlobal';
type AdminStream = 'xdsConfigs' | 'stats' | 'clusters';

const SYNC_STREAMS: readonly SyncStream[] = ['globalToZone', 'zoneToGlobal'];
const ADMIN_STREAMS: readonly AdminStream[] = ['xdsConfigs', 'stats', 'clusters'];
/** Kuma waits 5 s and more; a test has not the time. */
const RESTART_MS = 30;
const DEFAULT_HEALTH_CHECK_S = 300;
const GZIP = 2;

/** A zone control plane of Kuma, as far as global can tell: scripted, and with a memory of all that came. */
export class KumaZone {
  readonly name: string;
  readonly store: KumaZoneStore;
  readonly responses: Received[] = [];
  /** How the streams ended, in order. */
  readonly ends: { readonly stream: SyncStream | AdminStream; readonly code: status; readonly details: string }[] = [];
  /** Why it had to give a connection up because of what came. */
  readonly failures: string[] = [];
  /** What would have ended the process. */
  readonly crashes: string[] = [];
  /** All that it answered to global. */
  readonly told: Partial<DiscoveryResponse>[] = [];
  /** All that global said on the stream on which it asks. */
  readonly heard: DiscoveryRequest[] = [];
  connections = 0;
  healthChecks = 0;
  readonly #options: KumaZoneOptions;
  readonly #profile: Profile;
  #connection: Connection | undefined;
  #restart: NodeJS.Timeout | undefined;

  constructor(options: KumaZoneOptions) {
    this.#options = options;
    this.name = options.name;
    this.#profile = PROFILES[options.version];
    this.store = new KumaZoneStore(this.#profile);
  }

  connect(): this {
    this.connections++;
    const connection: Connection = new Connection(this, this.#profile, this.#options, (why) => {
      if (why !== undefined) this.failures.push(why);
      // Not in this turn: to cancel compressed streams while their connection is torn down never ends in Node's HTTP/2.
      setImmediate(() => connection === this.#connection && this.#again());
    });
    this.#connection = connection;
    return this;
  }

  /** Goes away for good, in good order. */
  stop(): void {
    clearTimeout(this.#restart);
    this.#connection?.close();
    this.#connection = undefined;
  }

  /** Sends a request that Kuma would not send. */
  send(request: Request): void {
    this.#connection?.send(request);
  }

  /** Ends its own side of GlobalToZoneSync and goes on listening. */
  halfClose(): void {
    this.#connection?.halfClose();
  }

  /** Puts what this zone made itself, and tells global when it has asked for it. */
  putOwn(item: Item): void {
    this.store.putOwn(item);
    this.#connection?.changed(item.type);
  }

  deleteOwn(item: Item): void {
    this.store.deleteOwn(item);
    this.#connection?.changed(item.type);
  }

  /** The responses of a type, oldest first. */
  of(type: string): readonly Received[] {
    return this.responses.filter((response) => response.type === type);
  }

  #again(): void {
    this.stop();
    this.#restart = setTimeout(() => this.connect(), RESTART_MS);
  }
}

/** One life of the zone's client: five streams and the health checks on one HTTP/2 connection. */
class Connection {
  readonly #zone: KumaZone;
  readonly #profile: Profile;
  readonly #options: KumaZoneOptions;
  readonly #restart: (why?: string) => void;
  readonly #client: Client;
  readonly #calls: { cancel(): void }[] = [];
  readonly #answered = new Set<string>();
  readonly #outgoing: DeltaServer;
  #requests: ClientDuplexStream<Request, DiscoveryResponse> | undefined;
  #responses: ClientDuplexStream<Partial<DiscoveryResponse>, DiscoveryRequest> | undefined;
  #healthCheck: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(zone: KumaZone, profile: Profile, options: KumaZoneOptions, restart: (why?: string) => void) {
    this.#zone = zone;
    this.#profile = profile;
    this.#options = options;
    this.#restart = restart;
    this.#client = new Client(options.address, credentials.createInsecure(), {
      ...MESSAGE_LIMITS,
      'grpc.primary_user_agent': `kds/${profile.version} (linux; amd64; Kuma/0123456)`,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.keepalive_time_ms': 15_000,
      'grpc.keepalive_timeout_ms': 15_000,
      'grpc.keepalive_permit_without_calls': 1,
      ...(profile.gzip ? { 'grpc.default_compression_algorithm': GZIP } : {}),
    });
    this.#outgoing = new DeltaServer({
      snapshot: (type) => this.#snapshot(type),
      send: (response) => {
        this.#zone.told.push(response);
        this.#responses?.write(response);
      },
      identifier: zone.name,
    });
    for (const open of shuffled([...SYNC_STREAMS, ...ADMIN_STREAMS, 'healthCheck'] as const, this.#seed)) {
      if (open === 'globalToZone') this.#openGlobalToZone();
      else if (open === 'zoneToGlobal') this.#openZoneToGlobal();
      else if (open === 'healthCheck') this.#checkHealth();
      else this.#openAdmin(open);
    }
  }

  send(request: Request): void {
    if (!this.#closed && this.#requests?.writable) this.#requests.write(request);
  }

  halfClose(): void {
    this.#requests?.end();
  }

  changed(type: string): void {
    this.#outgoing.changed(type);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#healthCheck);
    for (const call of this.#calls) call.cancel();
    this.#client.close();
  }

  get #seed(): number {
    return (this.#options.seed ?? 1) + this.#zone.connections;
  }

  #openGlobalToZone(): void {
    const { path, requestSerialize, responseDeserialize } = KDS_SYNC.globalToZone;
    this.#requests = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, this.#metadata());
    this.#watch('globalToZone', this.#requests);
    this.#requests.on('data', (response: DiscoveryResponse) => this.#receive(response));
    for (const typeUrl of shuffled(this.#profile.types, this.#seed)) {
      this.send({ node: this.#node(true), typeUrl, resourceNamesSubscribe: ['*'] });
    }
  }

  #receive(response: DiscoveryResponse): void {
    const { typeUrl: type, nonce } = response;
    if (this.#closed) return;
    try {
      if (!this.#profile.types.includes(type)) throw new Error(`global sent the type "${type}"`);
      const initial = !this.#answered.has(type);
      const items = response.resources.map((resource) => fromWire(type, resource));
      this.#zone.responses.push({
        type,
        nonce,
        initial,
        items,
        identifier: response.controlPlane?.identifier,
        names: response.resources.map(({ name }) => name),
        removed: response.removedResources,
      });
      const refusal = this.#zone.store.apply(
        { type, items, initial, removed: response.removedResources },
        this.#options.objection ?? (() => undefined),
      );
      this.#answered.add(type);
      this.#answer(response, refusal);
    } catch (error) {
      this.#restart((error as Error).message);
    }
  }

  #answer(response: DiscoveryResponse, refusal: string | undefined): void {
    const acceptance: Request = { node: this.#node(), typeUrl: response.typeUrl, responseNonce: response.nonce };
    const usual =
      refusal === undefined
        ? acceptance
        : { ...acceptance, resourceNamesSubscribe: ['*'], errorDetail: { message: refusal } };
    const send = (request: Request) => this.send(request);
    if (this.#options.answer) this.#options.answer(usual, send, response);
    else send(usual);
  }

  #openZoneToGlobal(): void {
    const { path, requestSerialize, responseDeserialize } = KDS_SYNC.zoneToGlobal;
    this.#responses = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, this.#metadata());
    this.#watch('zoneToGlobal', this.#responses);
    this.#responses.on('data', (request: DiscoveryRequest) => {
      this.#zone.heard.push(request);
      if (!request.node) {
        this.#zone.crashes.push(`global asked for ${request.typeUrl} without a node`);
        return void setImmediate(() => this.#zone.stop());
      }
      this.#outgoing.request(request);
    });
  }

  /** What global gets of a type: the zone's own items, under names that are unique over all zones. */
  #snapshot(type: string) {
    if (!this.#profile.provides.includes(type)) return [];
    const own = this.#zone.store.list(type).filter(({ labels }) => labels['kuma.io/origin'] !== 'global');
    return own.map((item) => {
      const labels = { ...item.labels, 'kuma.io/origin': 'zone', 'kuma.io/zone': this.#zone.name };
      return toWire({
        ...item,
        name: hashedName({ ...item, labels }),
        labels: { 'kuma.io/display-name': item.name, ...labels },
      });
    });
  }

  #openAdmin(stream: AdminStream): void {
    const { path, requestSerialize, responseDeserialize } = GLOBAL_KDS[stream];
    const call = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, this.#metadata());
    this.#watch(stream, call);
    call.on('data', ({ requestId }) => call.write({ requestId, error: 'this zone has no proxies' }));
  }

  /** At once, then as often as global says; a global that has no such method is left alone. */
  #checkHealth(): void {
    const { path, requestSerialize, responseDeserialize } = GLOBAL_KDS.healthCheck;
    const metadata = this.#metadata();
    this.#client.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, metadata, (error, answer) => {
      if (this.#closed || error?.code === status.UNIMPLEMENTED) return;
      if (error) return this.#restart();
      this.#zone.healthChecks++;
      const seconds = answer?.interval?.seconds ?? 0;
      this.#healthCheck = setTimeout(
        () => this.#checkHealth(),
        (seconds === 0 ? DEFAULT_HEALTH_CHECK_S : seconds) * 1000,
      );
    });
  }

  #watch(stream: SyncStream | AdminStream, call: ClientDuplexStream<never, unknown>): void {
    this.#calls.push(call);
    call.on('error', () => undefined); // the status says it too
    call.on('status', ({ code, details }: StatusObject) => {
      if (this.#closed) return;
      this.#zone.ends.push({ stream, code, details });
      const isAdmin = (ADMIN_STREAMS as readonly string[]).includes(stream);
      if (isAdmin && (code === status.UNIMPLEMENTED || code === status.CANCELLED)) return;
      if (code === status.OK && !this.#profile.noticesEnd) return;
      this.#restart();
    });
  }

  #metadata(): Metadata {
    const metadata = new Metadata();
    metadata.set('client-id', this.#zone.name);
    metadata.set('version', this.#profile.version);
    metadata.set('kds-version', 'v3');
    metadata.add('features', 'zone-ping-health');
    metadata.add('features', 'hash-suffix');
    return metadata;
  }

  /** @param introduce with all that the zone tells of itself, in the first request of each type */
  #node(introduce = false): Node {
    if (!introduce) return { id: this.#zone.name };
    const { version, nodeFeatures } = this.#profile;
    const kumaCp = { version, gitTag: version, gitCommit: '0123456789abcdef', buildDate: '2025-06-01T00:00:00Z' };
    const metadata = toStruct({
      version: { kumaCp },
      config: this.#options.config ?? JSON.stringify({ mode: 'zone', multizone: { zone: { name: this.#zone.name } } }),
      'control-plane-id': `${this.#zone.name}-1`,
      features: nodeFeatures,
    });
    return { id: this.#zone.name, metadata };
  }
}
