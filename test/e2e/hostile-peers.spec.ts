import { randomUUID } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { freePort } from '@koguma/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { KDS_SYNC } from '../peer/kds-methods.js';
import { type DiscoveryRequest, discoveryRequest, discoveryResponse, toStruct } from '../peer/messages.js';
import { RawConnection, type RawStream } from '../peer/raw-connection.js';
import { ControlPlaneProcess } from '../support/control-plane-process.js';
import { eventually } from '../support/processes.js';

const MIB = 1024 * 1024;
const LIST = 'zone-token-revocations';
const TYPES = ['Config', 'GlobalSecret', 'Mesh', 'Secret'];
/** MiB at the peak. What the deaf below ask for is 2,300, and garbage is not collected at once. */
const MOST_MEMORY = 1_500;
const STREAMS = 32;

interface Sync {
  readonly zones: readonly {
    readonly zone: string;
    readonly state: string;
    readonly types: readonly { readonly type: string; readonly sent: number }[];
  }[];
}

let port: number;
let global: ControlPlaneProcess;
let east: ControlPlaneProcess;
let inSyncSince: unknown;
const peers: RawConnection[] = [];
const sockets: Socket[] = [];

beforeAll(async () => {
  port = await freePort();
  global = await ControlPlaneProcess.of('global', {
    KUMA_STORE_TYPE: 'memory',
    KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT: String(port),
    KUMA_MULTIZONE_GLOBAL_KDS_ZONE_INSIGHT_FLUSH_INTERVAL: '5ms',
    KUMA_MULTIZONE_GLOBAL_KDS_MSG_SEND_TIMEOUT: '2s',
    KOGUMA_MULTIZONE_GLOBAL_KDS_IDLE_TIMEOUT: '500ms',
  });
  east = await ControlPlaneProcess.of('zone', {
    KUMA_STORE_TYPE: 'memory',
    KUMA_MULTIZONE_ZONE_NAME: 'east',
    KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: `grpc://127.0.0.1:${port}`,
  });
  await global.start();
  await east.start();
  await eventually(async () => (await linkOf(east)).state === 'in-sync', 'east is in sync');
  inSyncSince = (await linkOf(east)).since;
});
afterAll(async () => {
  console.log(`peak memory of global: ${Math.round(global.peakMemory ?? 0)} MiB`);
  await Promise.all([east.end('SIGKILL'), global.end('SIGKILL')]);
});

/** Whatever a peer did: the zone that behaves has noticed nothing, and global has not grown. */
afterEach(async () => {
  await othersGoOn();
  for (const peer of peers.splice(0)) peer.destroy();
  for (const socket of sockets.splice(0)) socket.destroy();
  expect(global.peakMemory ?? 0).toBeLessThan(MOST_MEMORY);
});

async function othersGoOn(): Promise<void> {
  const id = randomUUID();
  await global.revoke(LIST, [id]);
  await eventually(async () => (await east.secretText(LIST).catch(() => '')) === id, 'east has what global wrote');
  expect(await linkOf(east)).toMatchObject({ state: 'in-sync', since: inSyncSince });
}

const linkOf = async (zone: ControlPlaneProcess) =>
  (await zone.get<{ state: string; since: string }>('/koguma/sync')).body;
const rowOf = async (zone: string) =>
  (await global.get<Sync & object>('/koguma/sync')).body.zones.find((row) => row.zone === zone);
const isOffline = async (zone: string) => (await rowOf(zone))?.state === 'Offline';

function peer(): RawConnection {
  const connection = new RawConnection(`127.0.0.1:${port}`);
  peers.push(connection);
  return connection;
}

/** A stream of a zone; whoever does not call `read` on it does not read. */
function stream(name: string, method: keyof typeof KDS_SYNC = 'globalToZone', headers = {}, on = peer()): RawStream {
  const metadata = { 'client-id': name, version: '2.14.3', 'kds-version': 'v3' };
  return on.open(KDS_SYNC[method].path, { ...metadata, ...headers });
}

function ask(on: RawStream, typeUrl: string, more: Partial<DiscoveryRequest> = {}): void {
  on.send(discoveryRequest.encode({ node: { id: 'x' }, typeUrl, resourceNamesSubscribe: ['*'], ...more }));
}

async function ended(on: RawStream): Promise<[number | undefined, string]> {
  await eventually(() => on.status !== undefined, 'the stream is ended with a status');
  return [on.status, on.statusText];
}

/** A request whose node has metadata of `depth` structures, each in another: no library writes that. */
function nestedRequest(depth: number): Buffer {
  let struct: Buffer = Buffer.of();
  for (let level = 0; level < depth; level++) struct = field(1, field(2, field(5, struct)));
  return field(1, field(3, struct));
}

/** A field of protobuf that holds bytes. */
function field(number: number, bytes: Buffer): Buffer {
  const length: number[] = [];
  for (let rest = bytes.length; rest > 0 || length.length === 0; rest >>>= 7)
    length.push((rest & 127) | (rest > 127 ? 128 : 0));
  return Buffer.concat([Buffer.of((number << 3) | 2, ...length), bytes]);
}

describe('a peer on the KDS port that speaks something else', () => {
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

  it.each<[string, string | Buffer]>([
    ['HTTP/1.1', 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['TLS', Buffer.from('16030100a5010000a10303', 'hex')],
    ['garbage', Buffer.alloc(10_000, 7)],
    ['garbage after the preface of HTTP/2', Buffer.concat([Buffer.from(preface), Buffer.alloc(10_000, 0xff)])],
    ['half a preface', preface.slice(0, 10)],
  ])('is cut off: %s', async (_, bytes) => {
    const socket = tcp();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(bytes);
    await closed;
  });
});

describe('a peer on the KDS port that speaks gRPC badly', () => {
  it('is told that it must say which zone it is', async () => {
    for (const name of ['', 'Not A Zone', 'x'.repeat(64)]) {
      const bad = stream(name);
      expect(await ended(bad)).toEqual([3, expect.stringContaining('client-id')]);
    }
  });

  it('is told that there is no such method', async () => {
    expect(await ended(peer().open('/kuma.mesh.v1alpha1.KDSSyncService/Nothing'))).toEqual([12, expect.any(String)]);
  });

  it('is told that its content type is none', async () => {
    const bad = stream('mallory', 'globalToZone', { 'content-type': 'text/plain' });
    await eventually(() => bad.headers !== undefined, 'it is answered');
    expect(bad.headers?.[':status']).toBe(415);
  });

  const zeros = gzipSync(Buffer.alloc(64 * MIB));
  const bad: [string, number, string, (on: RawStream) => void][] = [
    ['bytes that are no message', 13, 'Error deserializing', (on) => on.send(Buffer.alloc(20, 0xff))],
    ['a message that is cut short', 13, 'Error deserializing', (on) => on.send(Buffer.of(0x0a, 0x7f, 0x0a))],
    ['a message of 11 MiB', 8, 'larger than max', (on) => on.send(Buffer.alloc(11 * MIB))],
    ['the word that 4 GiB follow', 8, 'larger than max', (on) => on.send(Buffer.alloc(9), { length: 2 ** 32 - 1 })],
    ['64 MiB, compressed', 8, 'decompresses to a size larger', (on) => on.send(zeros, { isCompressed: true })],
    ['what only says that it is compressed', 13, 'decompress', (on) => on.send(Buffer.of(1), { isCompressed: true })],
  ];
  describe.each(['globalToZone', 'zoneToGlobal'] as const)('on %s', (method) => {
    it.each(bad)('is told what is wrong with %s', async (_, code, text, send) => {
      const on = stream('mallory', method, { 'grpc-encoding': 'gzip' }).read();
      send(on);
      expect(await ended(on)).toEqual([code, expect.stringContaining(text)]);
    });
  });

  it('is told what is wrong with a node that is nested a thousand times', async () => {
    const on = stream('mallory').read();
    on.send(nestedRequest(1_000));
    expect(await ended(on)).toEqual([13, expect.stringContaining('Error deserializing')]);
  });

  it('is told that its compression is not known', async () => {
    const on = stream('mallory', 'globalToZone', { 'grpc-encoding': 'snappy' });
    on.send(Buffer.from('x'), { isCompressed: true });
    expect(await ended(on)).toEqual([12, expect.stringContaining('snappy')]);
  });

  it('is told to wait for answers when it sends without', async () => {
    const on = stream('mallory', 'zoneToGlobal').read();
    for (let count = 0; count < 100; count++)
      on.send(discoveryResponse.encode({ typeUrl: 'Dataplane', nonce: String(count) }));
    expect(await ended(on)).toEqual([8, 'the peer sends without waiting for answers']);
  });

  it('fills no page with what it tells of itself', async () => {
    const config = 'x'.repeat(9 * MIB);
    const version = { kumaCp: { version: 'x'.repeat(100_000) } };
    const on = stream('wordy').read();
    ask(on, 'Mesh', { node: { id: 'wordy', metadata: toStruct({ config, version }) } });
    await eventually(async () => (await rowOf('wordy'))?.types.length === 1, 'it is served');
    await eventually(async () => (await global.get('/zones/wordy/_overview')).text.includes('Mesh'), 'it is seen');
    expect((await global.get('/zones/wordy/_overview')).text.length).toBeLessThan(2_000);
  });

  it('cannot fill the log, or an answer, with what is refused of it', async () => {
    const logged = global.log.length;
    const answers: DiscoveryRequest[] = [];
    const on = stream('liar', 'zoneToGlobal').read((message) => answers.push(discoveryRequest.decode(message)));
    const resources = Array.from({ length: 5_000 }, (_, n) => ({
      name: `${n}-${'x'.repeat(150)}.`,
      version: '',
      resource: null,
    }));
    on.send(discoveryResponse.encode({ typeUrl: 'Dataplane', nonce: 'bad', resources }));
    await eventually(() => answers.some(({ errorDetail }) => errorDetail), 'it is told what is refused');
    const told = answers.find(({ errorDetail }) => errorDetail)?.errorDetail?.message ?? '';
    expect(told).toContain('and 4900 more');
    expect([told.length < 100_000, global.log.length - logged < 100_000]).toEqual([true, true]);
  });
});

describe('a peer on the KDS port that does not read', () => {
  const big = 'x'.repeat(4_500_000);
  beforeAll(async () => {
    await global.putSecret('big', big, { mesh: 'default' });
  });
  afterAll(async () => {
    await global.deleteSecret('big', 'default');
  });

  it('is cut off after a while, which is logged, and is offline', async () => {
    const connection = peer();
    const on = stream('deaf', 'globalToZone', {}, connection);
    for (const type of TYPES) ask(on, type);
    await eventually(async () => (await rowOf('deaf'))?.types.length === TYPES.length, 'it is served');
    await othersGoOn();
    await connection.closed();
    const line = /"bytes":4\d{6},.*"a peer that does not read was cut off"/;
    await eventually(() => line.test(global.log), 'it is logged');
    await eventually(() => isOffline('deaf'), 'it is known to be gone');
  });

  it('gives way sooner when many like it are there, and is not held in memory', async () => {
    const before = global.log.length;
    const connections = Array.from({ length: 16 }, peer);
    for (const [index, connection] of connections.entries()) {
      for (let count = 0; count < STREAMS; count++) {
        const on = stream(`deaf-${index}-${count}`, 'globalToZone', {}, connection);
        for (const type of TYPES) ask(on, type);
      }
    }
    await Promise.race(connections.map((connection) => connection.closed()));
    await othersGoOn();
    await Promise.all(connections.map((connection) => connection.closed()));
    const waits = [...global.log.slice(before).matchAll(/"waitedMs":(\d+)/g)].map(([, ms]) => Number(ms));
    expect(Math.min(...waits)).toBeLessThan(2_000); // what one is given when there is room
  });

  it('is cut off when it acknowledges what it has not read', async () => {
    const connection = peer();
    const on = stream('guesser', 'globalToZone', {}, connection);
    ask(on, 'GlobalSecret');
    const sent = async () => (await rowOf('guesser'))?.types[0]?.sent;
    await eventually(async () => (await sent()) !== undefined, 'it is served');
    while (!connection.isClosed) {
      ask(on, 'GlobalSecret', { resourceNamesSubscribe: [], responseNonce: `GlobalSecret@${await sent()}` });
      await global.putSecret(LIST, `${randomUUID()},${'y'.repeat(100_000)}`);
    }
    expect(global.log).toContain('"zone":"guesser","reason":"the peer does not read what it is sent"');
  });

  it('is cut off when it sends on and on, and reads no answer', async () => {
    const connection = peer();
    const on = stream('talker', 'zoneToGlobal', {}, connection);
    const resources = Array.from({ length: 100 }, (_, n) => ({
      name: `${n}-${'x'.repeat(250)}.`,
      version: '',
      resource: null,
    }));
    let count = 0;
    while (!connection.isClosed) {
      on.send(discoveryResponse.encode({ typeUrl: 'Dataplane', nonce: String(count++), resources }));
      await global.get('/koguma/sync'); // about as fast as it is answered
    }
    await eventually(() => global.log.includes('"zone":"talker"'), 'what it sends is refused');
  });
});

describe('a crowd on the KDS port', () => {
  it.each([
    ['that never says anything', () => void tcp()],
    ['that opens no stream', () => void peer()],
  ])('of 1,000 connections %s is sent away, while others come and go', async (_, connectOne) => {
    for (let count = 0; count < 1_000; count++) connectOne();
    await othersGoOn();
    const late = stream('latecomer').read();
    ask(late, 'Mesh');
    await eventually(async () => (await rowOf('latecomer'))?.types.length === 1, 'a zone that comes now is served');
    const crowd = peers.slice(0, -1);
    await eventually(
      () => sockets.every(({ closed }) => closed) && crowd.every(({ isClosed }) => isClosed),
      'the crowd is gone',
    );
    // It never answers, so it is not up to date; but it is there.
    expect((await rowOf('latecomer'))?.state).toBe('Stale');
  });

  it('of 1,000 streams on one connection gets no more than a zone may need', async () => {
    const connection = peer();
    const streams = Array.from({ length: 1_000 }, (_, n) =>
      stream(`crowd-${n}`, 'globalToZone', {}, connection).read(),
    );
    for (const on of streams) ask(on, 'Mesh');
    const isServed = (on: RawStream) => on.headers !== undefined;
    await eventually(() => streams.filter(isServed).length >= STREAMS, 'the first are served');
    await othersGoOn();
    expect(connection.streamLimit).toBe(STREAMS);
    const open = streams.filter((on) => isServed(on) && on.closedWith === undefined);
    expect(open.length).toBeLessThanOrEqual(STREAMS);
  });

  it('of streams under the name of a zone does not come between it and global', async () => {
    for (const answer of [{ errorDetail: { message: 'no' } }, { responseNonce: 'never sent' }, undefined]) {
      const impostor = stream('east');
      impostor.read((message) => {
        const { typeUrl, nonce } = discoveryResponse.decode(message);
        if (answer) ask(impostor, typeUrl, { responseNonce: nonce, ...answer });
      });
      for (const type of TYPES) ask(impostor, type);
      await eventually(() => impostor.headers !== undefined, 'it is served');
      await othersGoOn();
    }
    for (const connection of peers.splice(0)) connection.destroy();
    await eventually(async () => {
      const row = (await global.get<{ zones: Progress[] }>('/koguma/sync')).body.zones.find(
        ({ zone }) => zone === 'east',
      );
      return row?.state === 'Online' && row.types.every(({ written, applied }) => applied === written);
    }, 'the zone alone is there, with everything');
  });
});

interface Progress {
  readonly zone: string;
  readonly state: string;
  readonly types: readonly { readonly written: number; readonly applied: number | null }[];
}

function tcp(): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.resume(); // or it would never notice that it was closed
  sockets.push(socket);
  return socket;
}
