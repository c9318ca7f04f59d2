import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { DeltaServer } from './delta-server.js';
import { fromWire, type Item, keyOf, textOf, toWire } from './items.js';
import { GLOBAL_KDS, KDS_SYNC, MESSAGE_LIMITS } from './kds-methods.js';
import { publicHalf } from './kuma-keys.js';
import { DISPLAY_NAME, GLOBAL_TO_ZONE, hashedName, KEEPS_NAME, ORIGIN, ZONE_TO_GLOBAL } from './kuma-types.js';
import { type DiscoveryRequest, type DiscoveryResponse, secret, toStruct } from './messages.js';
import { shuffled } from './shuffled.js';

type Response = Partial<DiscoveryResponse>;
type Request = Partial<DiscoveryRequest>;
type ToZone = ServerDuplexStream<DiscoveryRequest, Response>;
type FromZone = ServerDuplexStream<DiscoveryResponse, Request>;

/** One GlobalToZoneSync stream, with all that the zone asked on it. */
interface Session {
  readonly zone: string;
  readonly metadata: Metadata;
  readonly requests: DiscoveryRequest[];
  readonly responses: Response[];
  readonly server: DeltaServer;
  readonly stream: ToZone;
  /** When it was opened, in milliseconds. */
  readonly at: number;
  open: boolean;
}

/** What a zone answered when it was asked. */
interface Report {
  readonly zone: string;
  readonly type: string;
  readonly identifier: string | undefined;
  readonly items: readonly Item[];
  readonly removed: readonly string[];
}

type Method = 'healthCheck' | 'xdsConfigs' | 'stats' | 'clusters';

const PRIVATE_KEY = 'zone-token-signing-key';
const PUBLIC_KEY = 'zone-token-signing-public-key';
/** GlobalSecrets that stay on global. */
const STAYS = ['user-token-signing-key', 'user-token-revocations', 'admin-user-token', 'envoy-admin-ca', 'inter-cp-ca'];

/** A global control plane of Kuma 2.14.3, as far as a zone can tell. It lives in this process; `start` binds a port. */
export class KumaGlobal {
  /** All streams that zones have opened, oldest first. */
  readonly sessions: Session[] = [];
  readonly reports: Report[] = [];
  /** Why it had to end a stream because of what came. */
  readonly failures: string[] = [];
  /** What would have ended the process. */
  readonly crashes: string[] = [];
  /** Methods that were called and are not there. */
  readonly unimplemented: Method[] = [];
  /** What HealthCheck answers: the seconds until the next one, or an error; left out, it is not there. */
  healthCheck: { readonly seconds: number } | { readonly code: status } | undefined;
  healthChecks = 0;
  /** Set, it takes streams and requests, and answers nothing. */
  isMute = false;
  /** Set, each new stream to a zone is ended at once with this code. */
  endsAtOnce: status | undefined;
  readonly #items = new Map<string, Item>();
  readonly #fromZones = new Set<FromZone>();
  readonly #stamps: boolean;
  #server: Server | undefined;
  #port = 0;

  /** @param stamps whether items are labelled with their origin, as Kuma does since 2.6 */
  constructor({ stamps = true }: { readonly stamps?: boolean } = {}) {
    this.#stamps = stamps;
  }

  async start(): Promise<this> {
    const server = new Server(MESSAGE_LIMITS);
    server.addService(KDS_SYNC, {
      globalToZone: (stream: ToZone) => this.#toZone(stream),
      zoneToGlobal: (stream: FromZone) => this.#fromZone(stream),
    } as UntypedServiceImplementation);
    server.addService(GLOBAL_KDS, {
      healthCheck: (_: unknown, answer: (error: object | null, interval?: object) => void) => {
        this.healthChecks++;
        if (!this.healthCheck) answer(this.#missing('healthCheck'));
        else if ('code' in this.healthCheck) answer({ code: this.healthCheck.code, details: 'not now' });
        else answer(null, { interval: this.healthCheck });
      },
      ...Object.fromEntries(
        (['xdsConfigs', 'stats', 'clusters'] as const).map((name) => [
          name,
          (stream: FromZone) => stream.emit('error', this.#missing(name)),
        ]),
      ),
    } as UntypedServiceImplementation);
    this.#port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${this.#port}`, ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      );
    });
    this.#server = server;
    return this;
  }

  /** Gone without a word; `start` brings it back at the same place. */
  stop(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
    for (const session of this.sessions) session.open = false;
    this.#fromZones.clear();
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get session(): Session | undefined {
    return this.sessions.findLast(({ open }) => open);
  }

  put(...items: readonly Item[]): void {
    for (const item of items) this.#items.set(keyOf(item), item);
    this.#changed(items);
  }

  delete(...items: readonly Pick<Item, 'type' | 'mesh' | 'name'>[]): void {
    for (const item of items) this.#items.delete(keyOf(item));
    this.#changed(items);
  }

  /** Sends what no zone asked for, as it is. */
  push(type: string, items: readonly Item[]): void {
    this.session?.server.push(type, items.map(toWire));
  }

  /** Ends streams in one way or another: with OK, a zone sees no error, only the end. */
  endStreams(code: status, details: string, which: 'both' | 'to-zone' | 'from-zone' = 'both'): void {
    const toZones = this.sessions.filter(({ open }) => open).map(({ stream }) => stream);
    const ending = [...(which === 'from-zone' ? [] : toZones), ...(which === 'to-zone' ? [] : this.#fromZones)];
    for (const stream of ending) {
      if (code === status.OK) stream.end();
      else stream.emit('error', { code, details });
    }
  }

  #toZone(stream: ToZone): void {
    const zone = clientId(stream);
    if (zone === undefined) return;
    const { metadata } = stream;
    const responses: Response[] = [];
    const server = new DeltaServer({
      snapshot: (type) => this.#snapshot(type),
      send: (response) => {
        responses.push(response);
        stream.write(response);
      },
      identifier: 'global',
    });
    const session: Session = {
      zone,
      metadata,
      requests: [],
      responses,
      server,
      stream,
      at: performance.now(),
      open: true,
    };
    this.sessions.push(session);
    const over = () => {
      session.open = false;
    };
    if (this.endsAtOnce !== undefined) {
      over();
      return void stream.emit('error', { code: this.endsAtOnce, details: 'stream failed' });
    }
    stream.on('data', (request: DiscoveryRequest) => {
      session.requests.push(request);
      if (!request.node) return this.#crash(`a request for ${request.typeUrl} without a node`);
      if (this.isMute) return;
      server.request(request);
    });
    stream.on('error', over);
    stream.on('cancelled', over);
    stream.on('end', () => {
      over();
      stream.end();
    });
  }

  /** What zones get of a type. */
  #snapshot(type: string) {
    if (!GLOBAL_TO_ZONE.includes(type)) return [];
    const crossing = [...this.#items.values()].filter((item) => item.type === type && crosses(item));
    return crossing.map((item) => toWire(mapped(item, this.#stamps ? { [ORIGIN]: 'global' } : {})));
  }

  #fromZone(stream: FromZone): void {
    const zone = clientId(stream);
    if (zone === undefined) return;
    this.#fromZones.add(stream);
    stream.on('data', (response: DiscoveryResponse) => {
      const { typeUrl, nonce, removedResources: removed, controlPlane } = response;
      try {
        const items = response.resources.map((resource) => fromWire(typeUrl, resource));
        this.reports.push({ zone, type: typeUrl, identifier: controlPlane?.identifier, items, removed });
        stream.write({ node: { id: zone }, typeUrl, responseNonce: nonce });
      } catch (error) {
        this.failures.push((error as Error).message);
        stream.emit('error', { code: status.INTERNAL, details: 'stream failed' });
      }
    });
    const over = () => this.#fromZones.delete(stream);
    stream.on('error', over);
    stream.on('cancelled', over);
    stream.on('end', () => {
      over();
      stream.end();
    });
    const version = { kumaCp: { version: '2.14.3', gitTag: '2.14.3', gitCommit: '0123456', buildDate: '2025-06-01' } };
    const features = ['zone-token', 'hash-suffix', 'hg-mz-selector', 'producer-policy-flow'];
    const metadata = toStruct({ version, config: '', 'control-plane-id': 'global-1', features });
    for (const typeUrl of shuffled(ZONE_TO_GLOBAL, this.sessions.length)) {
      stream.write({ node: { id: zone, metadata }, typeUrl, resourceNamesSubscribe: ['*'] });
    }
  }

  #missing(name: Method) {
    this.unimplemented.push(name);
    return { code: status.UNIMPLEMENTED, details: `unknown method ${name}` };
  }

  #crash(why: string): void {
    this.crashes.push(why);
    setImmediate(() => this.stop());
  }

  #changed(items: readonly Pick<Item, 'type'>[]): void {
    for (const type of new Set(items.map((item) => item.type))) {
      for (const { server } of this.sessions.filter(({ open }) => open)) server.changed(type);
    }
  }
}

function clientId(stream: ToZone | FromZone): string | undefined {
  const [id] = stream.metadata.get('client-id');
  if (id !== undefined) return String(id);
  stream.emit('error', { code: status.UNKNOWN, details: '"client-id" is not present in metadata' });
  return undefined;
}

function crosses({ type, name, labels }: Item): boolean {
  if (labels['kuma.io/kds-sync'] === 'disabled') return false;
  if (type === 'Config') return name === 'kuma-cluster-id';
  return type !== 'GlobalSecret' || !STAYS.some((prefix) => name.startsWith(prefix));
}

/** The label of origin, the public half of a zone key, a unique name: in Kuma's order. */
function mapped(item: Item, stamp: Item['labels']): Item {
  const stamped = { ...item, labels: { ...item.labels, ...stamp } };
  if (item.type === 'GlobalSecret' && item.name.startsWith(PRIVATE_KEY)) return withPublicHalf(stamped);
  return KEEPS_NAME.includes(item.type) ? stamped : renamed(stamped, hashedName(stamped));
}

function withPublicHalf(item: Item): Item {
  const spec = secret.encode({ data: { value: Buffer.from(publicHalf(textOf(item))) } });
  return { ...renamed(item, item.name.replace(PRIVATE_KEY, PUBLIC_KEY)), spec };
}

function renamed(item: Item, name: string): Item {
  return { ...item, name, labels: { [DISPLAY_NAME]: item.name, ...item.labels } };
}
