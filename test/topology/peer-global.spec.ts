import { randomUUID } from 'node:crypto';
import { decodeToken, FIXTURE_KEYS, type WiredLab } from '@koguma/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { clusterId, globalSecret, type Item, meshNamed, meshSecret } from '../peer/items.js';
import { KumaGlobal } from '../peer/kuma-global.js';
import { KumaKey } from '../peer/kuma-keys.js';
import { hashedName, PROXY_TYPES } from '../peer/kuma-types.js';
import { dataplane, fromStruct } from '../peer/messages.js';
import { inSync, labOf, settle } from './peer-lab.js';
import { zoneReport } from './reports.js';

const OURS = ['Config', 'GlobalSecret', 'Mesh', 'Secret'];
const MESH = 'default';
const DATAPLANE = 'dataplane-token-signing-key-default';
const CLUSTER_ID = randomUUID();

/** Keys that no control plane of the lab has. */
const [meshKey, zoneKey, nextMeshKey, nextZoneKey, userKey] = FIXTURE_KEYS.slice(-5).map((der) => new KumaKey(der)) as [
  KumaKey,
  KumaKey,
  KumaKey,
  KumaKey,
  KumaKey,
];

let global: KumaGlobal;
let lab: WiredLab;
beforeAll(async () => {
  global = await new KumaGlobal().start();
  global.put(
    clusterId(CLUSTER_ID),
    meshNamed(MESH),
    meshSecret(MESH, `${DATAPLANE}-1`, meshKey.pem),
    meshSecret(MESH, 'default.ca-builtin-cert-ca-1', 'a certificate'),
    globalSecret('zone-token-signing-key-1', zoneKey.pem),
    globalSecret('user-token-signing-key-1', userKey.pem),
    globalSecret('admin-user-token', 'of the global'),
    globalSecret('licence', 'anything else crosses'),
    policy('default-timeout'),
  );
  lab = labOf(global);
  await lab.zone('east').start();
  await inSync(lab, global);
});
afterAll(async () => {
  await lab.stop();
  global.stop();
});
/** Whatever a test is about, a real global lives through it, and there was one stream all the time. */
afterEach(() => {
  expect(global.crashes).toEqual([]);
  expect(global.sessions).toHaveLength(1);
});

function policy(name: string): Item {
  const spec = Buffer.from(JSON.stringify({ to: [{ targetRef: { kind: 'Mesh' }, default: {} }] }));
  return { type: 'MeshTimeout', mesh: MESH, name, labels: { 'kuma.io/mesh': MESH }, spec };
}
const zone = () => lab.zone('east');
const claims = {
  dataplane: { Name: 'dp-1', Mesh: MESH, Tags: {}, Type: '', Workload: '' },
  zone: { Zone: 'east', Scope: ['ingress', 'egress'] },
};
const verdict = async (kind: 'dataplane' | 'zone', key: KumaKey, kid: string, jti = randomUUID()) => {
  const token = key.sign(claims[kind], { kid, jti, now: lab.clock.wall() });
  const { accepted, reason } = await zone().verify(token, kind, kind === 'dataplane' ? MESH : undefined);
  return accepted ? 'accepted' : reason;
};

describe('a zone of ours with a Kuma global', () => {
  it('has what the global sends, and keys for users of its own', async () => {
    await lab.until(async () => (await zone().secretNames()).includes('admin-user-token'), 'there is a token');
    expect(await zone().secretNames()).toEqual([
      'admin-user-token',
      'licence',
      'user-token-signing-key-1',
      'zone-token-signing-public-key-1',
    ]);
    expect(await zone().secretNames(MESH)).toEqual([`${DATAPLANE}-1`, 'default.ca-builtin-cert-ca-1']);
    expect(await zone().secretText(`${DATAPLANE}-1`, MESH)).toBe(meshKey.pem);
    expect(await zone().secretText('zone-token-signing-public-key-1')).toBe(zoneKey.publicPem);
    expect(await zone().secretText('user-token-signing-key-1')).not.toBe(userKey.pem);
    expect((await zone().get('/koguma/sync')).body).toMatchObject({ state: 'in-sync', clusterId: CLUSTER_ID });
    expect(await zone().readiness()).toBe(200);
  });

  it('shows where a public key is from', async () => {
    const { body } = await zone().get('/global-secrets/zone-token-signing-public-key-1');
    expect(body.labels).toEqual({
      'kuma.io/origin': 'global',
      'kuma.io/display-name': 'zone-token-signing-key-1',
    });
  });

  it('issues dataplane tokens that are signed with the key of the global', async () => {
    const token = await zone().issue('dataplane', { mesh: MESH, name: 'dp-1' });
    expect(decodeToken(token).kid).toBe('1');
    expect(meshKey.hasSigned(token)).toBe(true);
    expect(await zone().verify(token, 'dataplane', MESH)).toMatchObject({ accepted: true });
  });

  it('issues no zone tokens, and says which key is missing', async () => {
    const { status, text } = await zone().call('POST', '/tokens/zone', { zone: 'east', scope: ['ingress'] });
    expect(status).toBe(404);
    expect(text).toContain('zone-token-signing-key-1');
  });

  it('accepts what the global has signed, and nobody else', async () => {
    expect([await verdict('dataplane', meshKey, '1'), await verdict('zone', zoneKey, '1')]).toEqual([
      'accepted',
      'accepted',
    ]);
    expect([await verdict('dataplane', userKey, '1'), await verdict('zone', userKey, '1')]).toEqual([
      'bad_signature',
      'bad_signature',
    ]);
  });

  it('refuses zone tokens that the global revokes, until it takes that back', async () => {
    const [bad, good] = [randomUUID(), randomUUID()];
    global.put(globalSecret('zone-token-revocations', `${bad}\n`));
    await inSync(lab, global);
    expect([await verdict('zone', zoneKey, '1', bad), await verdict('zone', zoneKey, '1', good)]).toEqual([
      'revoked',
      'accepted',
    ]);
    global.put(globalSecret('zone-token-revocations', ''));
    await inSync(lab, global);
    expect(await verdict('zone', zoneKey, '1', bad)).toBe('accepted');
  });

  it('refuses dataplane tokens that the global revokes, in either of the places that Kuma has for that', async () => {
    const NAME = 'dataplane-token-revocations-default';
    const [one, other] = [randomUUID(), randomUUID()];
    global.put(meshSecret(MESH, NAME, one), globalSecret(NAME, other));
    await inSync(lab, global);
    expect([await verdict('dataplane', meshKey, '1', one), await verdict('dataplane', meshKey, '1', other)]).toEqual([
      'revoked',
      'revoked',
    ]);
    global.delete(meshSecret(MESH, NAME, ''), globalSecret(NAME, ''));
    await inSync(lab, global);
    expect([await verdict('dataplane', meshKey, '1', one), await verdict('dataplane', meshKey, '1', other)]).toEqual([
      'accepted',
      'accepted',
    ]);
  });

  it('follows a rotation from its first step to its last', async () => {
    global.put(
      meshSecret(MESH, `${DATAPLANE}-2`, nextMeshKey.pem),
      globalSecret('zone-token-signing-key-2', nextZoneKey.pem),
    );
    await inSync(lab, global);
    expect(nextMeshKey.hasSigned(await zone().issue('dataplane', { mesh: MESH }))).toBe(true);
    expect([await verdict('zone', zoneKey, '1'), await verdict('zone', nextZoneKey, '2')]).toEqual([
      'accepted',
      'accepted',
    ]);
    global.delete(meshSecret(MESH, `${DATAPLANE}-1`, ''), globalSecret('zone-token-signing-key-1', ''));
    await inSync(lab, global);
    expect([await verdict('dataplane', meshKey, '1'), await verdict('zone', zoneKey, '1')]).toEqual([
      'unknown_kid',
      'unknown_kid',
    ]);
    expect([await verdict('dataplane', nextMeshKey, '2'), await verdict('zone', nextZoneKey, '2')]).toEqual([
      'accepted',
      'accepted',
    ]);
  });

  it('takes a mesh with settings that it does not know', async () => {
    const unknown = Buffer.from('fa07026869', 'hex'); // field 127, the text "hi"
    global.put({ ...meshNamed('newer'), spec: unknown });
    await inSync(lab, global);
    expect((await zone().get('/meshes/newer')).status).toBe(200);
    global.delete(meshNamed('newer'));
    await inSync(lab, global);
    expect((await zone().get('/meshes/newer')).status).toBe(404);
  });

  it('names what it refuses, takes the rest, and is not asked again', async () => {
    const NAME = `${DATAPLANE}-3`;
    global.put(meshSecret(MESH, NAME, 'this is not a key'), meshSecret(MESH, 'beside-it', 'x'));
    await inSync(lab, global);
    const session = global.session;
    const nack = session?.requests.find(({ errorDetail }) => errorDetail !== null);
    expect(nack).toMatchObject({
      node: { id: 'east', metadata: null },
      typeUrl: 'Secret',
      responseNonce: session?.responses.findLast(({ typeUrl }) => typeUrl === 'Secret')?.nonce,
      errorDetail: { message: expect.stringMatching(/^user error\nSecret "dataplane-token-signing-key-default-3"/) },
    });
    expect(await zone().secretText('beside-it', MESH)).toBe('x');
    expect((await zone().get(`/meshes/${MESH}/secrets/${NAME}`)).status).toBe(404);
    expect(nextMeshKey.hasSigned(await zone().issue('dataplane', { mesh: MESH }))).toBe(true);
    const sent = session?.responses.length;
    await settle();
    expect(session?.responses.length).toBe(sent);

    global.put(meshSecret(MESH, NAME, meshKey.pem));
    await inSync(lab, global);
    expect(meshKey.hasSigned(await zone().issue('dataplane', { mesh: MESH }))).toBe(true);
    expect(session?.requests.at(-1)?.errorDetail).toBeNull();
  });

  it('takes the rest of every type when a part of it cannot be read', async () => {
    const unreadable = (item: Item): Item => ({ ...item, spec: Buffer.alloc(9, 0xff) });
    const bad = [
      unreadable(meshNamed('no-mesh')),
      unreadable(globalSecret('no-global-secret', '')),
      unreadable(meshSecret(MESH, 'no-secret', '')),
      meshSecret(MESH, 'x'.repeat(300), 'its name is too long for any store'),
      meshSecret('', 'in-no-mesh', 'x'),
    ];
    const good = [meshNamed('beside'), globalSecret('beside', 'a'), meshSecret(MESH, 'beside', 'b')];
    global.put(...bad, ...good);
    await inSync(lab, global);
    const refusals = global.session?.requests.flatMap(({ errorDetail }) => errorDetail?.message ?? []).join('\n');
    for (const name of ['no-mesh.', 'no-global-secret.', `no-secret.${MESH}`, 'x'.repeat(200), 'in-no-mesh.'])
      expect(refusals).toContain(`"${name}`);
    expect((await zone().get('/meshes/beside')).status).toBe(200);
    expect(await zone().secretText('beside')).toBe('a');
    expect(await zone().secretText('beside', MESH)).toBe('b');
    expect((await zone().get('/meshes/no-mesh')).status).toBe(404);
    const { types } = await zoneReport(zone());
    for (const type of ['Mesh', 'GlobalSecret', 'Secret'])
      expect(types.find((row) => row.type === type)?.lastError).toContain('"no-');
    global.delete(...bad, ...good);
    await inSync(lab, global);
    expect((await zoneReport(zone())).types.filter(({ lastError }) => lastError !== null)).toEqual([]);
  });

  it('leaves alone what it did not ask for', async () => {
    const before = global.session?.requests.length;
    global.push('MeshTimeout', [policy('pushed')]);
    global.push('Dragon', []);
    global.push('', []);
    global.put(globalSecret('after', 'x'));
    await inSyncExceptFor(['MeshTimeout', 'Dragon', '']);
    expect(global.session?.requests.length).toBe((before ?? 0) + 1);
    expect((await zone().get('/koguma/sync')).body).toMatchObject({ state: 'in-sync' });
    expect(await zone().secretNames()).toContain('after');
  });
});

/** As {@link inSync}, for a global that sent things which no zone answers. */
async function inSyncExceptFor(types: readonly string[]): Promise<void> {
  const { requests = [], responses = [] } = global.session ?? {};
  await lab.until(() => {
    const answered = new Set(requests.map(({ responseNonce }) => responseNonce));
    return responses.every(({ typeUrl, nonce }) => types.includes(typeUrl ?? '') || answered.has(nonce ?? ''));
  }, 'the zone has answered what it asked for');
}

describe('the proxies of a zone of ours', () => {
  const SPEC = {
    networking: { address: '10.0.0.1', inbound: [{ port: 8080, servicePort: 80, tags: { 'kuma.io/service': 'web' } }] },
  };
  const reported = (type: string) => global.reports.filter((report) => report.type === type && report.zone === 'east');
  const put = async (path: string, body: object) => {
    const name = path.split('/').at(-1);
    const mesh = path.includes('/meshes/') ? { mesh: MESH } : {};
    expect((await zone().call('PUT', path, { name, ...mesh, ...body })).status).toBeLessThan(300);
  };

  it('are told to a Kuma global, under names that no other zone’s have', async () => {
    await put(`/meshes/${MESH}/dataplanes/web-1`, { type: 'Dataplane', ...SPEC });
    await put('/zoneingresses/in-1', { type: 'ZoneIngress', networking: { address: '10.0.0.2', port: 10_001 } });
    await put('/zoneegresses/out-1', { type: 'ZoneEgress', networking: { address: '10.0.0.3', port: 10_002 } });
    const newest = (type: string) => reported(type).at(-1)?.items[0];
    for (const [type, mesh, name] of [
      ['Dataplane', MESH, 'web-1'],
      ['ZoneIngress', '', 'in-1'],
      ['ZoneEgress', '', 'out-1'],
    ] as const) {
      await lab.until(() => newest(type) !== undefined, `the global has the ${type}`);
      const origin = { 'kuma.io/origin': 'zone', 'kuma.io/zone': 'east' };
      expect(newest(type)).toMatchObject({
        mesh,
        name: hashedName({ mesh, name, labels: { 'kuma.io/zone': 'east' } }),
        labels: { ...origin, 'kuma.io/display-name': name },
      });
      expect(reported(type).at(-1)?.identifier).toBe('east');
    }
    expect(dataplane.decode(newest('Dataplane')?.spec ?? Buffer.of())).toMatchObject(SPEC);
  });

  it('are told as they change and go', async () => {
    const name = hashedName({ mesh: MESH, name: 'web-1', labels: { 'kuma.io/zone': 'east' } });
    const { length } = reported('Dataplane');
    await put(`/meshes/${MESH}/dataplanes/web-1`, {
      type: 'Dataplane',
      networking: { ...SPEC.networking, address: '10.9.9.9' },
    });
    await lab.until(() => reported('Dataplane').length === length + 1, 'the global has the change');
    expect(reported('Dataplane')[length]?.items.map((item) => item.name)).toEqual([name]);
    expect((await zone().call('DELETE', `/meshes/${MESH}/dataplanes/web-1`)).status).toBe(200);
    await lab.until(() => reported('Dataplane').length === length + 2, 'the global knows that it is gone');
    expect(reported('Dataplane')[length + 1]).toMatchObject({ items: [], removed: [`${name}.${MESH}`] });
  });

  it('are all that it tells: it leaves unanswered what else a Kuma global asks for', () => {
    expect(new Set(global.reports.map(({ type }) => type))).toEqual(new Set(PROXY_TYPES));
    expect(global.failures).toEqual([]);
  });
});

describe('what a zone of ours says to a Kuma global', () => {
  const requests = () => global.session?.requests ?? [];

  it('is its name, its version and what it can do, in the metadata of its streams', () => {
    const metadata = global.session?.metadata.getMap();
    expect(metadata).toMatchObject({ 'client-id': 'east', 'kds-version': 'v3' });
    expect(metadata?.version).toMatch(/^\d+\.\d+\.\d+/);
    expect(String(metadata?.features).split(/, */)).toContain('hash-suffix');
  });

  it('has its name in the node of every message, or a real global would crash', () => {
    expect(requests().map(({ node }) => node?.id)).toEqual(requests().map(() => 'east'));
  });

  it('asks for each type once, for all of it, and tells of itself each time', () => {
    const first = requests().filter(({ responseNonce }) => responseNonce === '');
    expect(first.map(({ typeUrl }) => typeUrl).sort()).toEqual(OURS);
    for (const request of first) {
      expect(request.resourceNamesSubscribe).toEqual(['*']);
      expect(request.node?.metadata && fromStruct(request.node.metadata)).toMatchObject({
        version: { kumaCp: { version: expect.stringMatching(/^\d+\.\d+\.\d+/) } },
        config: expect.stringContaining('"multizone"'),
        'control-plane-id': expect.any(String),
        features: expect.arrayContaining(['hash-suffix']),
      });
    }
  });

  it('answers each response of those types once, with its nonce, and nothing more', () => {
    const answers = requests().filter(({ responseNonce }) => responseNonce !== '');
    const asked = global.session?.responses.filter(({ typeUrl }) => OURS.includes(typeUrl ?? '')) ?? [];
    const pairs = (of: readonly { typeUrl?: string; nonce?: string }[]) =>
      of.map(({ typeUrl, nonce }) => `${nonce} ${typeUrl}`).sort();
    expect(pairs(answers.map(({ typeUrl, responseNonce }) => ({ typeUrl, nonce: responseNonce })))).toEqual(
      pairs(asked),
    );
    for (const { node, errorDetail, resourceNamesSubscribe, ...answer } of answers) {
      expect(node?.metadata).toBeNull();
      expect(resourceNamesSubscribe).toEqual(errorDetail === null ? [] : ['*']);
      expect(answer).toMatchObject({ resourceNamesUnsubscribe: [], initialResourceVersions: {} });
    }
  });

  it('is nothing at all while nothing changes', async () => {
    const before = requests().length;
    await settle();
    expect(requests().length).toBe(before);
    expect(global.sessions).toHaveLength(1);
  });
});
