import { status } from '@grpc/grpc-js';
import { pinoLog } from '@koguma/core';
import { startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { GzipOnlyZone } from '../peer/gzip-only-zone.js';
import { textOf } from '../peer/items.js';
import { KDS_SYNC } from '../peer/kds-methods.js';
import { KumaZone, type KumaZoneOptions } from '../peer/kuma-zone.js';
import { RawConnection } from '../peer/raw-connection.js';
import { SeverableWire } from '../peer/severable-wire.js';
import { globalReport, zoneOverviews } from './reports.js';

const OURS = ['Config', 'GlobalSecret', 'Mesh', 'Secret'];
const LIST = 'zone-token-revocations';

let lab: WiredLab;
let address: string;
const peers: { stop(): void }[] = [];
const logged: string[] = [];
beforeAll(async () => {
  const log = pinoLog('debug', 'lab', { write: (line) => void logged.push(line) });
  const env = { KUMA_MULTIZONE_GLOBAL_KDS_ZONE_INSIGHT_FLUSH_INTERVAL: '5ms' };
  lab = await startWiredLab({ zones: ['own'], log, env });
  address = `127.0.0.1:${lab.global.served.ports.kds}`;
});
afterEach(async () => {
  for (const peer of peers.splice(0)) peer.stop();
  // Whatever a peer did, others go on.
  await lab.global.revoke(LIST, [crypto.randomUUID()]);
  await lab.synced();
});
afterAll(() => lab.stop());

function connect(name: string, options: Partial<KumaZoneOptions> = {}): KumaZone {
  const zone = new KumaZone({ name, version: '2.14.3', address, ...options }).connect();
  peers.push(zone);
  return zone;
}
const hasAll = (zone: KumaZone) => OURS.every((type) => zone.of(type).length > 0);
const rowOf = async (zone: string) => (await globalReport(lab.global)).zones.find((row) => row.zone === zone);
const typeOf = async (zone: string, type: string) => (await rowOf(zone))?.types.find((row) => row.type === type);
const isInSync = async (zone: string) => {
  const types = (await rowOf(zone))?.types ?? [];
  return types.length === OURS.length && types.every(({ applied, written }) => applied === written);
};
const isOnline = async (zone: string) => {
  const overview = (await zoneOverviews(lab.global)).find(({ name }) => name === zone);
  return overview?.zoneInsight?.subscriptions.some(({ disconnectTime }) => disconnectTime === undefined);
};
/** Long enough for whatever is under way to arrive. */
const settle = async () => {
  for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
};

describe('a zone that', () => {
  it('acknowledges what was never sent is not taken at its word, and is not sent more until it does it right', async () => {
    const real: string[] = [];
    const zone = connect('wrong-nonce', {
      answer: (usual, send) => {
        real.push(usual.responseNonce ?? '');
        send({ ...usual, responseNonce: 'never sent' });
      },
    });
    await lab.until(() => hasAll(zone), 'it has the first responses');
    await lab.global.revoke(LIST, [crypto.randomUUID()]);
    await settle();
    expect(zone.responses).toHaveLength(OURS.length);
    expect(await typeOf('wrong-nonce', 'GlobalSecret')).toMatchObject({ applied: null });

    const nonce = zone.of('GlobalSecret')[0]?.nonce ?? '';
    expect(real).toContain(nonce);
    zone.send({ node: { id: zone.name }, typeUrl: 'GlobalSecret', responseNonce: nonce });
    await lab.until(() => zone.of('GlobalSecret').length === 2, 'it gets what changed meanwhile');
    expect(zone.of('GlobalSecret')[1]?.names).toEqual([`${LIST}.`]);
  });

  it('shows a token that no header can hold finds it in no log, and not on the standard error', async () => {
    const written = vi.spyOn(console, 'error');
    const connection = new RawConnection(address);
    peers.push({ stop: () => connection.destroy() });
    const headers = { 'client-id': 'odd', authorization: 'Bearer unspeakable\u00dc' };
    const stream = connection.open(KDS_SYNC.globalToZone.path, headers).read();
    stream.end();
    await stream.closed();
    expect(stream.status).toBeDefined();
    expect(written).not.toHaveBeenCalled();
    const text = logged.join('');
    expect(text).toContain('"zone":"odd"');
    expect(text).not.toContain('unspeakable');
  });

  it('acknowledges twice is counted once', async () => {
    const zone = connect('twice', {
      answer: (usual, send) => {
        send(usual);
        send(usual);
      },
    });
    await lab.until(() => isInSync('twice'), 'it is in sync');
    await lab.global.revoke(LIST, [crypto.randomUUID()]);
    await lab.until(() => isInSync('twice'), 'it is in sync again');
    await settle();
    expect(zone.of('GlobalSecret')).toHaveLength(2);
  });

  it('says who it is in its first requests only is served like others', async () => {
    const zone = connect('no-node', { answer: ({ node: _, ...rest }, send) => send(rest) });
    await lab.until(() => isInSync('no-node'), 'it is in sync');
    await lab.global.revoke(LIST, [crypto.randomUUID()]);
    await lab.until(() => isInSync('no-node'), 'it is in sync again');
    expect(zone.connections).toBe(1);
  });

  it('never says who it is in a node is known by the metadata of its stream', async () => {
    const zone = new GzipOnlyZone('nameless', address);
    peers.push(zone);
    for (const typeUrl of OURS) zone.send({ typeUrl, resourceNamesSubscribe: ['*'] });
    await lab.until(() => isInSync('nameless'), 'it is in sync');
  });

  it('subscribes twice gets one answer', async () => {
    const zone = connect('subscriber');
    await lab.until(() => isInSync('subscriber'), 'it is in sync');
    for (const typeUrl of OURS) {
      for (const resourceNamesSubscribe of [['*'], [], ['a', 'b']]) {
        zone.send({ node: { id: zone.name }, typeUrl, resourceNamesSubscribe });
      }
    }
    await settle();
    expect(zone.responses).toHaveLength(OURS.length);
    await lab.global.revoke(LIST, [crypto.randomUUID()]);
    await lab.until(() => isInSync('subscriber'), 'it still gets what changes');
  });

  it('answers without a nonce does not make global send over and over', async () => {
    const zone = connect('no-nonce', { answer: (usual, send) => send({ ...usual, responseNonce: '' }) });
    await lab.until(() => hasAll(zone), 'it has the first responses');
    await settle();
    expect(zone.responses).toHaveLength(OURS.length);
    expect(await typeOf('no-nonce', 'Mesh')).toMatchObject({ applied: null });
  });

  it('never answers is not sent more, however much changes', async () => {
    const zone = connect('silent', { answer: () => undefined });
    await lab.until(() => hasAll(zone), 'it has the first responses');
    for (let count = 0; count < 5; count++) await lab.global.revoke(LIST, [crypto.randomUUID()]);
    await settle();
    expect(zone.responses).toHaveLength(OURS.length);
  });

  it('refuses everything, with and without words, is offered it again after a while only', async () => {
    const zone = connect('refuser', {
      answer: (usual, send, { typeUrl }) =>
        send({ ...usual, resourceNamesSubscribe: ['*'], errorDetail: { message: typeUrl === 'Mesh' ? '' : 'no' } }),
    });
    await lab.until(async () => {
      const types = (await rowOf('refuser'))?.types ?? [];
      return types.length === OURS.length && types.every(({ lastError }) => lastError !== null);
    }, 'global knows that all is refused');
    await settle();
    expect(zone.responses).toHaveLength(OURS.length);
    for (const type of OURS) {
      expect(await typeOf('refuser', type)).toMatchObject({ applied: null, lastError: type === 'Mesh' ? '' : 'no' });
    }
    lab.clock.hurry(2_000);
    await lab.until(() => zone.responses.length === 2 * OURS.length, 'all was offered again');
    for (const type of OURS) expect(zone.of(type)[1]?.names).toEqual(zone.of(type)[0]?.names);
  });

  it('asks for types that nobody knows, or for none, is left without an answer and keeps its stream', async () => {
    const zone = connect('curious');
    await lab.until(() => isInSync('curious'), 'it is in sync');
    for (const typeUrl of ['', 'Dragon', 'Zone', 'ZoneInsight', 'toString', 'type.googleapis.com/envoy.Cluster']) {
      zone.send({ node: { id: zone.name }, typeUrl, resourceNamesSubscribe: ['*'] });
      zone.send({ node: { id: zone.name }, typeUrl, responseNonce: 'x' });
    }
    await settle();
    expect(zone.responses).toHaveLength(OURS.length);
    expect(zone.connections).toBe(1);
  });

  it('ends its side is told that all is well, and is offline', async () => {
    const zone = connect('half-closed');
    await lab.until(() => isInSync('half-closed'), 'it is in sync');
    zone.halfClose();
    const ended = () => zone.ends.find(({ stream }) => stream === 'globalToZone');
    await lab.until(() => ended() !== undefined, 'global has ended its side too');
    expect(ended()).toMatchObject({ code: status.OK });
    zone.stop();
    await lab.until(async () => (await isOnline('half-closed')) === false, 'it is offline');
  });

  it('disappears is offline', async () => {
    const wire = await SeverableWire.to(lab.global.served.ports.kds);
    const zone = connect('lost', { address: wire.address });
    await lab.until(async () => (await isOnline('lost')) ?? false, 'it is online');
    wire.sever();
    await lab.until(async () => (await isOnline('lost')) === false, 'it is offline');
    expect((await rowOf('lost'))?.state).toBe('Offline');
    zone.stop();
  });

  it('connects again before its old connection is gone stays online when that one goes', async () => {
    const wire = await SeverableWire.to(lab.global.served.ports.kds);
    const first = connect('double', { address: wire.address });
    await lab.until(() => isInSync('double'), 'the first is in sync');
    const second = connect('double', { seed: 9 });
    await lab.until(() => hasAll(second), 'the second has everything');
    wire.sever();
    first.stop();
    await lab.until(async () => {
      const overview = (await zoneOverviews(lab.global)).find(({ name }) => name === 'double');
      return overview?.zoneInsight?.subscriptions.filter(({ disconnectTime }) => disconnectTime).length === 1;
    }, 'the first is known to be gone');
    expect(await isOnline('double')).toBe(true);
    await lab.until(async () => (await rowOf('double'))?.state === 'Online', 'it is online, with all that there is');
    const { length } = second.of('GlobalSecret');
    await lab.global.revoke(LIST, [crypto.randomUUID()]);
    await lab.until(() => second.of('GlobalSecret').length > length, 'the second gets what changes');
  });

  it('takes gzip only reads all that it is sent', async () => {
    const zone = new GzipOnlyZone('gzip-only', address);
    peers.push(zone);
    for (const type of OURS) zone.subscribe(type);
    await lab.until(() => isInSync('gzip-only'), 'it is in sync');
    expect(['identity', 'gzip', undefined]).toContain(zone.headers?.['grpc-encoding']);
    expect(zone.responses.map(({ typeUrl }) => typeUrl).sort()).toEqual(OURS);
    expect((await rowOf('gzip-only'))?.state).toBe('Online');
  });

  it.each(['', 'not a label', 'x'.repeat(64)])('calls itself %j is refused, and told why', async (name) => {
    const zone = new GzipOnlyZone(name, address);
    peers.push(zone);
    await lab.until(() => zone.status !== undefined, 'global has ended the stream');
    expect(zone.status).toBe(status.INVALID_ARGUMENT);
    expect(zone.statusText).toContain('client-id');
  });

  it('sends a long configuration with each first request is served', async () => {
    const zone = connect('wordy', { config: JSON.stringify({ filler: 'x'.repeat(200_000) }) });
    await lab.until(() => isInSync('wordy'), 'it is in sync');
    expect(zone.connections).toBe(1);
  });

  it('is sent more than four megabytes gets them in one piece', async () => {
    const text = 'x'.repeat(4_500_000);
    await lab.global.putSecret('long', text, { mesh: 'default' });
    const zone = connect('patient');
    await lab.until(() => isInSync('patient'), 'it is in sync');
    const stored = zone.store.get({ type: 'Secret', mesh: 'default', name: 'long' });
    expect(stored && textOf(stored) === text).toBe(true);
    await lab.global.deleteSecret('long', 'default');
  });
});
