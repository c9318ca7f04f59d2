import { execFile } from 'node:child_process';
import { type ClientHttp2Session, connect as connectHttp2, constants } from 'node:http2';
import { request } from 'node:https';
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { makeSelfSigned, type TlsIdentity } from '@koguma/core';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { doorCertificate } from '../adapters/door-certificate.js';
import { BootstrapServer } from '../bootstrap.js';
import { DiscoveryRequest } from '../gen/envoy/service/discovery/v3/discovery.js';
import { typeUrlOf } from '../xds/snapshot.js';
import { dataplane, until, type ZoneUnderTest, zoneUnderTest } from '../zone-under-test.contract.js';
import { type DoorLimits, openDpDoor } from './dp-door.js';

const ADS = '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources';
const LIMITS: DoorLimits = {
  messageBytes: 100_000,
  streamsOfAConnection: 3,
  handshakeMs: 10_000,
  requestMs: 10_000,
  idleMs: 10_000,
  pingMs: 10_000,
};

let tls: TlsIdentity;
let ca: string;
beforeAll(async () => {
  const { cert, key } = await makeSelfSigned({
    commonName: 'x',
    names: ['localhost'],
    use: 'server',
    keyType: 'ecdsa',
  });
  ca = cert;
  tls = { context: { cert, key }, authority: cert, follow: () => () => undefined };
});

/** A proxy port, until the test ends. */
async function opened(limits: Partial<DoorLimits> = {}) {
  const zone = await zoneUnderTest();
  const { ads, admission } = zone.dp;
  const bootstrap = new BootstrapServer({
    admission,
    settings: zone.settings,
    certificate: doorCertificate(tls),
    port: () => 5678,
  });
  const log = { info: () => {}, warn: () => {}, error: () => {}, scope: () => log };
  const address = { host: '127.0.0.1', port: 0, name: 'proxies', tls };
  const door = await openDpDoor({ ads, bootstrap, log }, address, { ...LIMITS, ...limits });
  onTestFinished(() => door.close(0));
  return { zone, door };
}

/** HTTP/2 as a peer speaks it that is up to something. */
function session(port: number, options: { initialWindowSize?: number; through?: Socket } = {}): ClientHttp2Session {
  const { initialWindowSize = 65_535, through } = options;
  const connected = connectHttp2(`https://localhost:${port}`, {
    ca,
    settings: { initialWindowSize },
    maxSessionMemory: 100,
    ...(through
      ? { createConnection: () => connectTls({ socket: through, ca, servername: 'localhost', ALPNProtocols: ['h2'] }) }
      : {}),
  });
  connected.on('error', () => undefined);
  onTestFinished(() => connected.destroy());
  return connected;
}

/** A gRPC call on it, and how it ended. */
function call(connected: ClientHttp2Session, headers: Record<string, string> = {}) {
  const stream = connected.request({
    ':method': 'POST',
    ':path': ADS,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  const ended = { status: undefined as string | undefined, message: '', closed: false, rstCode: 0, bytes: 0 };
  const take = ({ 'grpc-status': status, 'grpc-message': message = '' }: Record<string, unknown>) => {
    if (typeof status !== 'string' || typeof message !== 'string') return;
    ended.status = status;
    ended.message = decodeURIComponent(message);
  };
  stream.on('response', take);
  stream.on('trailers', take);
  stream.on('error', () => undefined);
  stream.on('close', () => {
    ended.closed = true;
    ended.rstCode = stream.rstCode ?? 0;
  });
  return { stream, ended };
}

function framed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function firstRequest(name = 'web-1'): Buffer {
  const metadata = { 'dataplane.proxyType': 'dataplane', 'dataplane.resource': JSON.stringify(dataplane(name)) };
  const node = { id: `default.${name}`, cluster: 'web', metadata };
  const request = { versionInfo: '', node, resourceNames: [], typeUrl: typeUrlOf('cds'), responseNonce: '' };
  return framed(DiscoveryRequest.encode(request).finish());
}

const meshToken = (zone: ZoneUnderTest) => zone.issue('dataplane', { mesh: 'default' });

/** A proxy that does everything right gets its first answer. */
async function stillServes(zone: ZoneUnderTest, port: number): Promise<void> {
  const { stream } = call(session(port), { authorization: await meshToken(zone) });
  let came = 0;
  stream.on('data', (chunk: Buffer) => {
    came += chunk.length;
  });
  stream.write(firstRequest('good-1'));
  await until(() => came > 0);
  stream.close(constants.NGHTTP2_CANCEL);
}

describe('the proxy port goes on serving', () => {
  it('and refuses a call with two authorization fields', async () => {
    const { zone, door } = await opened();
    const token = await meshToken(zone);
    const fields = [
      'content-type: application/grpc',
      'te: trailers',
      `authorization: ${token}`,
      'authorization: other',
    ];
    const answer = await curl(`https://localhost:${door.port}${ADS}`, fields, firstRequest());
    expect(answer).toContain('grpc-status: 16');
    expect(decodeURIComponent(answer)).toContain('request must have exactly 1 "authorization" header, got 2');
    await stillServes(zone, door.port);
  });

  it('beside one who sends more than a message may hold', async () => {
    const { zone, door } = await opened();
    const { stream, ended } = call(session(door.port), { authorization: await meshToken(zone) });
    stream.write(framed(Buffer.alloc(10 * 1024 * 1024)));
    await until(() => ended.status !== undefined || ended.closed);
    expect([ended.status, ended.bytes]).toEqual(['8', 0]);
    await stillServes(zone, door.port);
  });

  it('beside one who sends bytes that are no message, and one who says nothing at all', async () => {
    const { zone, door } = await opened();
    const connected = session(door.port);
    const [noise, silence] = [call(connected), call(connected)];
    noise.stream.write(framed(Buffer.alloc(1_000, 0xff)));
    await until(() => noise.ended.status !== undefined);
    expect(noise.ended.status).toBe('13');
    await stillServes(zone, door.port);
    zone.pass(10_000);
    await until(() => silence.ended.status !== undefined);
    expect([silence.ended.status, silence.ended.message]).toEqual(['3', 'no request came within 10 s']);
  });

  it('beside one who opens more streams than a proxy needs', async () => {
    const { zone, door } = await opened();
    const connected = session(door.port);
    await new Promise((resolve) => connected.once('remoteSettings', resolve));
    expect(connected.remoteSettings.maxConcurrentStreams).toBe(3);
    for (let count = 0; count < 50; count++) call(connected).stream.write(firstRequest());
    await stillServes(zone, door.port);
    expect(zone.dp.ads.streams).toBeLessThanOrEqual(4);
  });

  it('and is rid of one who never reads as soon as its right has ended', async () => {
    const { zone, door } = await opened();
    const token = await meshToken(zone);
    const { stream, ended } = call(session(door.port, { initialWindowSize: 0 }), { authorization: token });
    stream.write(firstRequest());
    await until(() => zone.dp.sessions.size === 1);
    await until(() => zone.logged.some(({ message }) => message === 'created'));
    const { jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { jti: string };
    const began = performance.now();
    await zone.putSecret('dataplane-token-revocations-default', jti, 'default');
    expect(zone.dp.sessions.size).toBe(0);
    await until(() => ended.closed);
    expect(ended.rstCode).toBe(constants.NGHTTP2_CANCEL);
    expect(performance.now() - began).toBeLessThan(1_000);
    await stillServes(zone, door.port);
  });

  it('and asks no more of one who never reads than one answer of each type', async () => {
    const { zone, door } = await opened();
    const { stream } = call(session(door.port, { initialWindowSize: 0 }), { authorization: await meshToken(zone) });
    stream.write(firstRequest());
    await until(
      () => zone.dp.sessions.size === 1 && zone.stored({ type: 'Dataplane', mesh: 'default', name: 'web-1' }),
    );
    const before = process.memoryUsage().heapUsed;
    for (let count = 0; count < 200; count++) {
      const tags = { 'kuma.io/service': `web-${count}`, much: 'x'.repeat(10_000) };
      await zone.putDataplane('web-1', { networking: dataplane('web-1', tags).networking });
    }
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(50_000_000);
    await stillServes(zone, door.port);
  });

  it('beside a peer that is gone without a word, which is noticed by its silence', async () => {
    const { zone, door } = await opened({ pingMs: 150 });
    const wire = await severableWire(door.port);
    const { stream } = call(session(door.port, { through: wire.socket }), { authorization: await meshToken(zone) });
    stream.write(firstRequest());
    await until(() => zone.dp.sessions.size === 1);
    wire.sever();
    await until(() => zone.dp.sessions.size === 0);
    await until(() => door.connections === 0);
    await stillServes(zone, door.port);
  });

  const silent: [string, number, (port: number) => Socket][] = [
    ['before TLS', 2_000, (port) => connectTcp(port, '127.0.0.1')],
    ['on HTTP/1.1', 200, (port) => connectTls({ port, host: 'localhost', ca, ALPNProtocols: ['http/1.1'] })],
    ['on HTTP/2', 200, (port) => connectTls({ port, host: 'localhost', ca, ALPNProtocols: ['h2'] })],
  ];
  it.each(silent)('beside connections that never speak %s, %i of them, and shows them out', async (_, count, open) => {
    const { zone, door } = await opened({ handshakeMs: 5_000, requestMs: 3_000, idleMs: 3_000 });
    const before = process.memoryUsage().rss;
    const idle: Socket[] = [];
    onTestFinished(() => {
      for (const socket of idle) socket.destroy();
    });
    // In parts that the queue of the kernel holds.
    while (idle.length < count) {
      const some = Array.from({ length: 200 }, () => open(door.port));
      idle.push(...some);
      for (const socket of some) socket.on('error', () => undefined);
      await until(() => door.connections === idle.length);
    }
    await stillServes(zone, door.port);
    // Both ends of them, in this one process.
    expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000);
    await until(() => door.connections <= 1);
  });

  it('on both protocols, and closes with what is open on both', async () => {
    const { zone, door } = await opened();
    const { ended, stream } = call(session(door.port), { authorization: await meshToken(zone) });
    stream.write(firstRequest());
    await until(() => zone.dp.sessions.size === 1);
    const asked = request({ host: 'localhost', port: door.port, path: '/bootstrap', method: 'POST', ca });
    asked.on('error', () => undefined);
    asked.flushHeaders();
    await until(() => door.connections === 2);
    await door.close(100);
    await until(() => door.connections === 0);
    await until(() => ended.closed);
    expect([ended.status, ended.message]).toEqual(['14', 'this zone control plane is stopping']);
  });

  it('cannot be opened twice, and says what needed the port', async () => {
    const { door } = await opened();
    const { ads, admission } = (await zoneUnderTest()).dp;
    const log = { info: () => {}, warn: () => {}, error: () => {}, scope: () => log };
    const bootstrap = { answer: () => Promise.reject(new Error('unused')), admission } as never;
    const again = openDpDoor({ ads, bootstrap, log }, { host: '127.0.0.1', port: door.port, name: 'proxies', tls });
    await expect(again).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('for the proxies'),
    });
  });
});

/** A wire to a port that can be cut so that neither end is told. */
async function severableWire(port: number): Promise<{ socket: Socket; sever(): void }> {
  let isCut = false;
  const sockets: Socket[] = [];
  const relay = createServer((near) => {
    const far = connectTcp(port, '127.0.0.1');
    sockets.push(near, far);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (chunk) => isCut || to.write(chunk));
      from.on('error', () => undefined);
    }
  });
  await new Promise<void>((resolve) => relay.listen({ host: '127.0.0.1', port: 0 }, resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    relay.close();
  });
  const socket = connectTcp((relay.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined);
  return {
    socket,
    sever: () => {
      isCut = true;
    },
  };
}

/** What another client gets, with its headers and trailers: Node's own send no field of this name twice. */
function curl(url: string, fields: readonly string[], body: Buffer): Promise<string> {
  const args = ['-s', '-k', '--http2', '-D', '-', '--max-time', '5', '--data-binary', '@-'];
  const child = execFile('curl', [...args, ...fields.flatMap((field) => ['-H', field]), url]);
  child.stdin?.end(body);
  return new Promise((resolve) => {
    let text = '';
    child.stdout?.on('data', (chunk: string) => {
      text += chunk;
    });
    child.on('close', () => resolve(text));
  });
}
