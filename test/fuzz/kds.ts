import { gzipSync } from 'node:zlib';
import { startWiredLab, type WiredLab } from '@koguma/testkit';
import fc from 'fast-check';
import { clusterId, dataplaneNamed, globalSecret, meshNamed, toWire } from '../peer/items.js';
import { KDS_SYNC } from '../peer/kds-methods.js';
import {
  type DiscoveryResponse,
  discoveryRequest,
  discoveryResponse,
  healthCheckRequest,
  toStruct,
} from '../peer/messages.js';
import { RawConnection, type RawStream } from '../peer/raw-connection.js';
import type { Fuzzer } from './fuzzer.js';
import { type FieldMutation, fieldMutation, mutate, readFields, writeFields } from './protobuf-tree.js';

/** How long a stream may take to end once its client has said all, on a busy machine. */
const DEADLINE_MS = 10_000;
/** What the process may hold: a message is 10 MiB at most, and there are a few at a time. */
const MOST_MEMORY = 1_500 * 1024 * 1024;
const ZONE = 'fuzz';
const UNKNOWN = 2;
/** Turns of the event loop in which nothing comes. */
const QUIET_TURNS = 30;

const PATHS = {
  globalToZone: KDS_SYNC.globalToZone.path,
  zoneToGlobal: KDS_SYNC.zoneToGlobal.path,
  heartbeat: '/koguma.v1.SyncService/Heartbeat',
  healthCheck: '/kuma.mesh.v1alpha1.GlobalKDSService/HealthCheck',
} as const;

interface Frame {
  /** Which good message it is of. */
  readonly message: number;
  readonly mutations: readonly FieldMutation[];
  readonly compression: 'none' | 'gzip' | 'said, and not done' | 'done, and not said';
  /** What its head says more or less than there is. */
  readonly lie: number;
}

/** One stream, from its opening to its end. */
export interface Session {
  readonly path: keyof typeof PATHS;
  readonly headers: Readonly<Record<string, string>>;
  readonly frames: readonly Frame[];
}

const frame: fc.Arbitrary<Frame> = fc.record({
  message: fc.nat(),
  mutations: fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    { weight: 3, arbitrary: fc.array(fieldMutation, { minLength: 1, maxLength: 2 }) },
  ),
  compression: fc.oneof(
    { weight: 20, arbitrary: fc.constant('none' as const) },
    {
      weight: 3,
      arbitrary: fc.constantFrom('gzip' as const, 'said, and not done' as const, 'done, and not said' as const),
    },
  ),
  lie: fc.oneof(
    { weight: 40, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.constantFrom(-1, 1, 5, 2 ** 24, 2 ** 31) },
  ),
});
const odd = fc.constantFrom('', 'a'.repeat(300), 'other', 'Ü', '{"a":1}', 'true', '-1');
const headers = fc.record(
  {
    'client-id': fc.oneof({ weight: 20, arbitrary: fc.constant(ZONE) }, { weight: 1, arbitrary: odd }),
    'grpc-encoding': fc.constantFrom('gzip', 'identity'),
    features: fc.oneof(fc.constant('zone-token-hash,hash-suffix,zone-ping-health'), odd),
    'koguma-instance-id': fc.oneof(fc.constant('one'), odd),
    'koguma-store-id': fc.oneof(fc.constant('store'), odd),
    'grpc-timeout': fc.constantFrom('1S', '100m'),
  },
  { requiredKeys: ['client-id'] },
);
const session: fc.Arbitrary<Session> = fc.record({
  path: fc.constantFrom(
    'globalToZone' as const,
    'zoneToGlobal' as const,
    'zoneToGlobal' as const,
    'heartbeat' as const,
    'healthCheck' as const,
  ),
  headers: headers as fc.Arbitrary<Record<string, string>>,
  frames: fc.array(frame, { minLength: 1, maxLength: 6 }),
});

const NETWORKING = { address: '10.0.0.1', inbound: [{ port: 80, tags: { 'kuma.io/service': 'web' } }] };
const NODE = { id: ZONE, metadata: toStruct({ version: { kumaCp: { version: '2.14.3' } } }) };
const TYPES = ['Mesh', 'Secret', 'GlobalSecret', 'Config'] as const;

/** What a zone of good faith says. */
const GOOD: Readonly<Record<Session['path'], readonly Uint8Array[]>> = {
  globalToZone: [
    ...TYPES.map((typeUrl) => discoveryRequest.encode({ node: NODE, typeUrl, resourceNamesSubscribe: ['*'] })),
    discoveryRequest.encode({ node: NODE, typeUrl: 'Mesh', initialResourceVersions: { 'default.': 'a' } }),
    discoveryRequest.encode({ node: NODE, typeUrl: 'Mesh', responseNonce: 'Mesh@1' }),
    discoveryRequest.encode({
      node: NODE,
      typeUrl: 'Secret',
      responseNonce: 'Secret@1',
      errorDetail: { message: 'no' },
    }),
  ],
  zoneToGlobal: [
    response('Dataplane', { resources: ['a', 'b'].map((name) => toWire(dataplaneNamed('default', name, NETWORKING))) }),
    response('Dataplane', { resources: [], removedResources: ['a.default'] }),
    response('Dataplane', { resources: [toWire(dataplaneNamed('default', 'c', NETWORKING))] }),
    // What is not a zone's to say.
    response('GlobalSecret', { resources: [toWire(globalSecret('zone-token-signing-key-9', 'x'))] }),
    response('Mesh', { resources: [toWire(meshNamed('taken'))] }),
    response('Config', { resources: [toWire(clusterId('another'))] }),
  ],
  // A report of koguma.v1 has maps and times: what is read of a request will do to begin with.
  heartbeat: [discoveryRequest.encode({ node: NODE, typeUrl: 'Mesh' }), new Uint8Array()],
  healthCheck: [healthCheckRequest.encode({})],
};

function response(typeUrl: string, more: Partial<DiscoveryResponse>): Uint8Array {
  return discoveryResponse.encode({ typeUrl, nonce: '1', controlPlane: { identifier: ZONE }, ...more });
}

/** Streams of zones that speak protobuf, gRPC and KDS nearly right, to a real global over loopback. */
export async function kdsFuzzer(): Promise<Fuzzer<Session>> {
  const lab = await startWiredLab({ zones: [] });
  const wild = new WildErrors();
  const isReady = () => ofGlobal(lab).some((line) => line.includes('admin-user-token'));
  await lab.until(isReady, 'global has made all that it makes at first start');
  let before = ofGlobal(lab);
  const seen: Record<string, number> = {};
  let connection: RawConnection | undefined;
  const connected = () => {
    if (!connection || connection.isClosed) connection = new RawConnection(`127.0.0.1:${lab.global.served.ports.kds}`);
    return connection;
  };
  return {
    made: session,
    check: async (made) => {
      let answers = 0;
      const stream = connected().open(PATHS[made.path], made.headers);
      stream.read((message, isCompressed) => {
        answers++;
        if (made.path === 'zoneToGlobal' && !isCompressed) count(seen, whatIsSaid(message));
      });
      for (const sent of made.frames) send(stream, sent, GOOD[made.path]);
      await quiet(() => answers);
      const end = await ended(stream);
      count(seen, end);
      if (end === `status ${UNKNOWN}`) throw new Error(`global does not know what is wrong: ${stream.statusText}`);
      wild.throwAny();
      const now = ofGlobal(lab);
      const changed = now.filter((line) => !before.includes(line));
      const isSame = changed.length === 0 && now.length === before.length;
      before = now; // or what is shrunk would always fail
      if (!isSame) throw new Error(`what global owns was changed by a zone: ${changed.join(', ')}`);
      for (const { type, name, labels } of lab.global.served.view.list('Dataplane'))
        if (labels['kuma.io/zone'] === undefined) throw new Error(`${type} ${name} is of no zone`);
      if (process.memoryUsage().rss > MOST_MEMORY) throw new Error('the process holds more and more memory');
    },
    seen: () => ({ ...seen, proxies: lab.global.served.view.list('Dataplane').length }),
    close: async () => {
      connection?.destroy();
      wild.stop();
      await lab.stop();
    },
  };
}

function send(stream: RawStream, { message, mutations, compression, lie }: Frame, good: readonly Uint8Array[]): void {
  const bytes = good[message % good.length] ?? new Uint8Array();
  const changed = mutations.reduce((fields, mutation) => mutate(fields, mutation), readFields(bytes) ?? []);
  const plain = writeFields(changed);
  const body = compression === 'gzip' || compression === 'done, and not said' ? gzipSync(plain) : plain;
  const isCompressed = compression === 'gzip' || compression === 'said, and not done';
  stream.send(body, { isCompressed, length: Math.max(0, Math.min(2 ** 32 - 1, body.length + lie)) });
}

function whatIsSaid(message: Uint8Array): string {
  const { responseNonce, errorDetail } = discoveryRequest.decode(message);
  return responseNonce === '' ? 'asked' : errorDetail ? 'refused' : 'applied';
}

/** Lets global, which runs in this process, do what it has to: until nothing more comes of it. */
async function quiet(answers: () => number): Promise<void> {
  for (let turns = 0, before = -1; turns < QUIET_TURNS; turns++) {
    if (answers() !== before) turns = 0;
    before = answers();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Says that nothing more comes, and waits for the end. @throws Error when there is none */
async function ended(stream: RawStream): Promise<string> {
  stream.end();
  const isOver = await Promise.race([
    stream.closed().then(() => true),
    new Promise<false>((resolve) => setTimeout(resolve, DEADLINE_MS, false).unref()),
  ]);
  if (!isOver) throw new Error('the stream has no end');
  if (stream.status !== undefined) return `status ${stream.status}`;
  return `reset ${stream.closedWith}`;
}

/** What zones may not touch. */
function ofGlobal(lab: WiredLab): readonly string[] {
  const { view } = lab.global.served;
  return TYPES.flatMap((type) =>
    view.list(type).map(({ name, mesh, version }) => `${type} ${mesh} ${name} version ${version}`),
  );
}

function count(seen: Record<string, number>, what: string): void {
  seen[what] = (seen[what] ?? 0) + 1;
}

/** Errors that nobody caught: a control plane would be dead. */
class WildErrors {
  readonly #found: unknown[] = [];
  readonly #take = (error: unknown) => void this.#found.push(error);

  constructor() {
    process.on('uncaughtException', this.#take);
    process.on('unhandledRejection', this.#take);
  }

  throwAny(): void {
    const [first] = this.#found.splice(0);
    if (first !== undefined) throw new Error('an error that nobody caught', { cause: first });
  }

  stop(): void {
    process.off('uncaughtException', this.#take);
    process.off('unhandledRejection', this.#take);
  }
}
