import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { FIXTURE_KEYS, type WiredLab } from '@koguma/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { clusterId, globalSecret, meshNamed, meshSecret } from '../peer/items.js';
import { KumaGlobal } from '../peer/kuma-global.js';
import { KumaKey } from '../peer/kuma-keys.js';
import { inSync, labOf, settle } from './peer-lab.js';

const MESH = 'default';
const KEY = 'dataplane-token-signing-key-default-1';
const CLUSTER_ID = randomUUID();
const [meshKey, zoneKey] = FIXTURE_KEYS.slice(-2).map((der) => new KumaKey(der)) as [KumaKey, KumaKey];
const WHOLE = [
  clusterId(CLUSTER_ID),
  meshNamed(MESH),
  meshSecret(MESH, KEY, meshKey.pem),
  globalSecret('zone-token-signing-key-1', zoneKey.pem),
];

async function start(options?: ConstructorParameters<typeof KumaGlobal>[0]) {
  const global = await new KumaGlobal(options).start();
  global.put(...WHOLE);
  const lab = labOf(global);
  await lab.zone('east').start();
  return { global, lab };
}
async function stop({ global, lab }: { global: KumaGlobal; lab: WiredLab }) {
  await lab.stop();
  global.stop();
  expect(global.crashes).toEqual([]);
}
const stateOf = (lab: WiredLab) => lab.zone('east').served.link?.state;
const meshesOf = async (lab: WiredLab) => {
  const { body } = await lab.zone('east').get<{ items: { name: string }[] }>('/meshes');
  return body.items.map(({ name }) => name);
};

describe('a zone of ours', () => {
  let global: KumaGlobal;
  let lab: WiredLab;
  beforeAll(async () => {
    ({ global, lab } = await start());
    await inSync(lab, global);
  });
  afterAll(() => stop({ global, lab }));

  /** What the zone is for, whatever its link is like. */
  const expectToWork = async () => {
    const token = await lab.zone('east').issue('dataplane', { mesh: MESH });
    expect(meshKey.hasSigned(token)).toBe(true);
    expect(await lab.zone('east').verify(token, 'dataplane', MESH)).toMatchObject({ accepted: true });
  };
  /** The zone has noticed the loss, and is in sync again on one more stream, with one more first response of each type. */
  const isBack = async (sessions: number) => {
    await lab.until(() => global.sessions.length > sessions && global.session !== undefined, 'it has connected again');
    await inSync(lab, global);
    await settle();
    expect(global.sessions).toHaveLength(sessions + 1);
    expect(global.session?.responses.map(({ typeUrl }) => typeUrl).sort()).toEqual([
      'Config',
      'GlobalSecret',
      'Mesh',
      'Secret',
    ]);
    expect(global.session?.requests).toHaveLength(8);
  };

  const codes = Object.entries(status).filter((entry): entry is [string, status] => typeof entry[1] === 'number');

  it.each(codes)('comes back when the global ends both streams with %s', async (_, code) => {
    const { length } = global.sessions;
    global.endStreams(code, 'stream failed');
    await expectToWork();
    await isBack(length);
    await expectToWork();
  });

  it.each([
    ['to-zone', status.CANCELLED, 'stream canceled - zone hc failed'],
    ['from-zone', status.CANCELLED, 'stream canceled - stream stopped'],
    ['to-zone', status.OK, ''],
    ['from-zone', status.OK, ''],
    ['from-zone', status.UNAVAILABLE, 'stream unavailable'],
  ] as const)('comes back when the global ends the stream %s alone, with code %d', async (which, code, details) => {
    const { length } = global.sessions;
    global.endStreams(code, details, which);
    await isBack(length);
  });

  it('says why it lost the global', async () => {
    global.stop();
    await lab.until(() => stateOf(lab) === 'cut-off', 'it is cut off');
    const { body } = await lab.zone('east').get('/koguma/sync');
    expect(body).toMatchObject({ state: 'cut-off', clusterId: CLUSTER_ID, reason: expect.stringMatching(/[A-Z]{5}/) });
    await expectToWork();
  });

  it('is back when the global is, and holds then what the global holds: what is gone is gone, what is new is there', async () => {
    const { length } = global.sessions;
    expect(await lab.zone('east').secretNames(MESH)).toEqual([KEY]);
    global.put(meshSecret(MESH, 'new', 'x'), meshNamed('second'));
    global.put(globalSecret('zone-token-revocations', randomUUID()));
    await global.start();
    await isBack(length);
    expect(await lab.zone('east').secretNames(MESH)).toEqual([KEY, 'new']);
    expect(await meshesOf(lab)).toEqual([MESH, 'second']);

    global.stop();
    global.delete(meshSecret(MESH, 'new', ''), meshNamed('second'), globalSecret('zone-token-revocations', ''));
    await lab.until(() => stateOf(lab) === 'cut-off', 'it is cut off');
    expect(await lab.zone('east').secretNames(MESH)).toEqual([KEY, 'new']);
    await global.start();
    await isBack(length + 1);
    expect(await lab.zone('east').secretNames(MESH)).toEqual([KEY]);
    expect(await meshesOf(lab)).toEqual([MESH]);
    expect(await lab.zone('east').secretNames()).not.toContain('zone-token-revocations');
  });

  it('keeps what is its own through each first response', async () => {
    const { length } = global.sessions;
    await lab.until(async () => (await lab.zone('east').secretNames()).length === 3, 'it has an admin token');
    const names = await lab.zone('east').secretNames();
    expect(names).toEqual(['admin-user-token', 'user-token-signing-key-1', 'zone-token-signing-public-key-1']);
    const own = await Promise.all(names.slice(0, 2).map((name) => lab.zone('east').secretText(name)));
    global.endStreams(status.UNAVAILABLE, 'stream unavailable');
    await isBack(length);
    expect(await lab.zone('east').secretNames()).toEqual(names);
    expect(await Promise.all(names.slice(0, 2).map((name) => lab.zone('east').secretText(name)))).toEqual(own);
  });

  it('takes an empty first response for what it says: it has no mesh and no key any more', async () => {
    const { length } = global.sessions;
    global.stop();
    global.delete(meshNamed(MESH), meshSecret(MESH, KEY, ''));
    await lab.until(() => stateOf(lab) === 'cut-off', 'it is cut off');
    expect(await meshesOf(lab)).toEqual([MESH]);
    await global.start();
    await isBack(length);
    expect(await meshesOf(lab)).toEqual([]);
    expect((await lab.zone('east').call('POST', '/tokens/dataplane', { mesh: MESH })).status).toBe(404);
    global.put(...WHOLE);
    await inSync(lab, global);
    await expectToWork();
  });

  it('loses the mesh alone when the global sends its secrets on', async () => {
    global.delete(meshNamed(MESH));
    await inSync(lab, global);
    expect(await meshesOf(lab)).toEqual([]);
    const { items } = (await lab.zone('east').get<{ items: { name: string }[] }>('/secrets')).body;
    expect(items.map(({ name }) => name)).toEqual([KEY]);
    global.put(meshNamed(MESH));
    await inSync(lab, global);
    await expectToWork();
  });

  it('refuses a global of another cluster, tells it why, and keeps what it has', async () => {
    const { length } = global.sessions;
    const other = randomUUID();
    global.stop();
    global.put(clusterId(other));
    global.delete(meshSecret(MESH, KEY, ''));
    await global.start();
    await lab.until(() => stateOf(lab) === 'refused', 'it has refused the other global');
    const requests = () => global.sessions.slice(length).flatMap((session) => session.requests);
    const refusal = () => requests().find(({ errorDetail }) => errorDetail !== null);
    await lab.until(() => refusal() !== undefined, 'it has told so');
    expect(refusal()).toMatchObject({
      typeUrl: 'Config',
      node: { id: 'east' },
      errorDetail: { message: expect.stringContaining(other) },
    });
    expect(new Set(requests().map(({ typeUrl }) => typeUrl))).toEqual(new Set(['Config']));
    await expectToWork();

    global.stop();
    global.put(...WHOLE);
    await global.start();
    await lab.until(() => stateOf(lab) === 'in-sync', 'it is with its own global again');
  });

  it('does not hammer a global that ends each stream at once', async () => {
    const { length } = global.sessions;
    global.endsAtOnce = status.INTERNAL;
    global.endStreams(status.INTERNAL, 'stream failed');
    await lab.until(() => global.sessions.length >= length + 6, 'six more streams were ended');
    const tries = global.sessions.slice(length).map(({ at }) => at);
    const waits = tries.slice(1).map((at, index) => at - (tries[index] ?? at));
    expect(waits.at(-1)).toBeGreaterThan(50); // the longest that this lab waits is 100 ms, and some chance
    await expectToWork();

    global.endsAtOnce = undefined;
    await lab.until(() => stateOf(lab) === 'in-sync', 'it is in sync once it is let');
  });
});

describe('a global that sets no labels, as Kuma’s did before 2.6', () => {
  let global: KumaGlobal;
  let lab: WiredLab;
  beforeAll(async () => {
    ({ global, lab } = await start({ stamps: false }));
    await inSync(lab, global);
  });
  afterAll(() => stop({ global, lab }));
  afterEach(() => expect(global.sessions).toHaveLength(1));
  const refusals = () => global.session?.requests.filter(({ errorDetail }) => errorDetail !== null) ?? [];

  it('is taken for what it is: what comes over its stream is global’s', async () => {
    expect(refusals()).toEqual([]);
    expect(await lab.zone('east').secretNames(MESH)).toEqual([KEY]);
    const { body } = await lab.zone('east').get(`/meshes/${MESH}/secrets/${KEY}`);
    expect(body.labels).toMatchObject({ 'kuma.io/origin': 'global' });
  });

  it('can change what it sent', async () => {
    global.put(meshSecret(MESH, KEY, zoneKey.pem));
    await inSync(lab, global);
    expect(refusals()).toEqual([]);
    expect(zoneKey.hasSigned(await lab.zone('east').issue('dataplane', { mesh: MESH }))).toBe(true);
  });

  it('can take away what it sent', async () => {
    global.put(globalSecret('zone-token-revocations', randomUUID()));
    await inSync(lab, global);
    expect(await lab.zone('east').secretNames()).toContain('zone-token-revocations');
    global.delete(globalSecret('zone-token-revocations', ''));
    await inSync(lab, global);
    expect(await lab.zone('east').secretNames()).not.toContain('zone-token-revocations');
  });
});
