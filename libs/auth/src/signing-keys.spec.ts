import { LABEL, MemoryStore } from '@koguma/resources';
import { describe, expect, it } from 'vitest';
import { controlPlane, globalSecret, keyName, NOW, NOW_SECONDS, signed, told } from './control-plane.contract.js';
import { KEY, OTHER_KEY } from './keys.contract.js';
import { type StaticKey, StaticKeys } from './signing-keys.js';

const HEADER = { alg: 'RS256', kid: '1' };
const CLAIMS = { Name: 'john', exp: NOW_SECONDS + 60, jti: 'a' };
const PUBLIC = globalSecret('zone-token-signing-public-key-1');

describe('the keys kept as secrets', () => {
  it('are known by kind, mesh and kid, with where they were found', async () => {
    const cp = await controlPlane();
    await cp.start();
    await cp.createMesh('default');
    const [found] = cp.auth.keys.find('dataplane', 'default', '1');
    expect(found).toMatchObject({ kid: '1', foundIn: 'Secret "dataplane-token-signing-key-default-1"' });
    expect(cp.auth.keys.find('dataplane', 'payments', '1')).toEqual([]);
    expect(cp.auth.keys.find('user', '', '2')).toEqual([]);
  });

  it('are listed by rising serial, with their phase and when they were made', async () => {
    const cp = await controlPlane();
    await cp.put(keyName('user', 10), KEY.pem, { [LABEL.phase]: 'prepared' });
    cp.clock.skew(5_000);
    await cp.put(keyName('user', 9), OTHER_KEY.pem, { [LABEL.phase]: 'anything else' });
    expect(cp.auth.keys.list('user', '')).toMatchObject([
      { serial: 9, kid: '9', kind: 'user', mesh: '', phase: 'active', creationTime: NOW + 5_000 },
      { serial: 10, kid: '10', kind: 'user', mesh: '', phase: 'prepared', creationTime: NOW },
    ]);
  });

  it.each(['01', '1.0', ' 1', '1e0', '+1', 'NaN', ''])('do not go by the kid %j', async (kid) => {
    const cp = await controlPlane();
    await cp.put(keyName('user'), KEY.pem);
    expect(cp.auth.keys.find('user', '', kid)).toEqual([]);
  });

  it('are the same for every mesh where the kind knows none', async () => {
    const cp = await controlPlane();
    await cp.put(keyName('user'), KEY.pem);
    expect(cp.auth.keys.find('user', 'any-mesh', '1')).toHaveLength(1);
  });

  it('follow what happens to the secrets: replaced, gone, back', async () => {
    const cp = await controlPlane();
    const thumbprints = () => cp.auth.keys.list('user', '').map(({ key }) => key.thumbprint);
    await cp.put(keyName('user'), KEY.pem);
    await cp.put(keyName('user'), OTHER_KEY.pem);
    expect(thumbprints()).toEqual([OTHER_KEY.thumbprint]);
    await cp.manager.delete(keyName('user'));
    expect([thumbprints(), cp.auth.keys.latest('user', '')]).toEqual([[], undefined]);
    await cp.put(keyName('user'), KEY.pem);
    expect(thumbprints()).toEqual([KEY.thumbprint]);
  });

  it('are told of when they come, are replaced and go, after they count', async () => {
    const cp = await controlPlane();
    const told: unknown[] = [];
    cp.auth.keys.onMoved(({ kind, mesh, kid }) => told.push([kid, cp.auth.keys.find(kind, mesh, kid).length]));
    await cp.put(keyName('user', 7), KEY.pem);
    await cp.put(keyName('user', 7), OTHER_KEY.pem);
    await cp.manager.delete(keyName('user', 7));
    await cp.put(globalSecret('something-else'), 'x');
    expect(told).toEqual([
      ['7', 1],
      ['7', 1],
      ['7', 0],
    ]);
  });

  it('leave with their mesh', async () => {
    const cp = await controlPlane();
    await cp.createMesh('default');
    await cp.manager.delete({ type: 'Mesh', mesh: '', name: 'default' });
    expect(cp.auth.keys.list('dataplane', 'default')).toEqual([]);
  });

  it('lose one that becomes unreadable, and the others go on', async () => {
    const cp = await controlPlane();
    await cp.put(keyName('user', 1), KEY.pem);
    await cp.put(keyName('user', 2), OTHER_KEY.pem);
    await cp.arrive(keyName('user', 2), `${OTHER_KEY.pem.slice(0, 100)}…`);
    expect(cp.auth.keys.latest('user', '')).toMatchObject({ serial: 1 });
    const line = cp.logged.find(({ level }) => level === 'error');
    expect(line).toMatchObject({ name: 'user-token-signing-key-2' });
    expect(JSON.stringify(cp.logged)).not.toContain(OTHER_KEY.pem.slice(60, 90));
  });

  it('of zones are private halves on global, which does not read the public ones', async () => {
    const cp = await controlPlane();
    await cp.arrive(PUBLIC, KEY.publicPem);
    expect(cp.auth.keys.list('zone', '')).toEqual([]);
    await cp.arrive(keyName('zone'), OTHER_KEY.pem);
    expect(cp.auth.keys.find('zone', '', '1')).toMatchObject([{ key: { thumbprint: OTHER_KEY.thumbprint } }]);
  });

  it('of zones are public halves on a zone, which trusts no private one', async () => {
    const cp = await controlPlane({ federated: true });
    await cp.arrive(keyName('zone'), OTHER_KEY.pem);
    expect(cp.auth.keys.list('zone', '')).toEqual([]);
    await cp.arrive(PUBLIC, KEY.publicPem);
    expect(cp.auth.keys.find('zone', '', '1')).toMatchObject([
      { key: { thumbprint: KEY.thumbprint, isPrivate: false } },
    ]);
    expect(cp.auth.keys.latest('zone', '')).toBeUndefined();
    const token = signed(HEADER, { Zone: 'east', Scope: ['cp'], exp: NOW_SECONDS + 60 });
    expect(await cp.verify(token, 'zone')).toMatchObject({ accepted: true, identity: { Zone: 'east', Scope: ['cp'] } });
  });

  it('that are prepared verify, and do not sign', async () => {
    const cp = await controlPlane();
    await cp.put(keyName('user'), KEY.pem, { [LABEL.phase]: 'prepared' });
    expect(cp.auth.keys.latest('user', '')).toBeUndefined();
    expect(await cp.verify(signed(HEADER, CLAIMS), 'user')).toMatchObject({ accepted: true });
  });

  it('are those that there are, when the store tells all from the beginning', async () => {
    const cp = await controlPlane({ store: new MemoryStore('short memory', { logLimit: 1 }) });
    await cp.put(keyName('user', 1), KEY.pem);
    await cp.put(keyName('user', 2), OTHER_KEY.pem);
    await cp.manager.system(async (tx) => {
      for (const serial of [1, 2]) await tx.delete(keyName('user', serial));
    });
    expect(cp.auth.keys.list('user', '')).toEqual([]);
  });

  it('are known from the start on', async () => {
    const before = await controlPlane();
    await before.start();
    const after = await controlPlane({ store: before.store });
    expect(await after.verify(await before.issue('user'), 'user')).toMatchObject({ accepted: true });
  });
});

describe('the keys of the configuration', () => {
  const key = (kid: string, mesh?: string, rsa = KEY): StaticKey => ({ kid, kind: 'dataplane', mesh, key: rsa });

  it('go by kind, kid and mesh; without a mesh they go for every mesh', () => {
    const keys = new StaticKeys([key('a', 'default'), key('b')]);
    const kids = (mesh: string, kid: string) => keys.find('dataplane', mesh, kid).map((found) => found.kid);
    expect([kids('default', 'a'), kids('payments', 'a')]).toEqual([['a'], []]);
    expect([kids('default', 'b'), kids('payments', 'b')]).toEqual([['b'], ['b']]);
    expect([kids('default', 'c'), keys.find('user', 'default', 'b')]).toEqual([[], []]);
  });

  it('with one kid are all tried', () => {
    const keys = new StaticKeys([key('a'), key('a', 'default', OTHER_KEY), key('a', 'payments')]);
    const found = keys.find('dataplane', 'default', 'a');
    expect(found.map((one) => [one.foundIn, one.key.thumbprint])).toEqual([
      ['configuration', KEY.thumbprint],
      ['configuration', OTHER_KEY.thumbprint],
    ]);
  });

  it('and a secret with the same kid do not hide each other', async () => {
    const cp = await controlPlane({ staticKeys: [{ kid: '1', kind: 'user', mesh: undefined, key: KEY }] });
    await cp.put(keyName('user'), OTHER_KEY.pem);
    const [offline, online] = [signed(HEADER, CLAIMS, KEY), signed(HEADER, CLAIMS, OTHER_KEY)];
    const first = await cp.verify(offline, 'user');
    expect([first.accepted, told(first, 'key')]).toEqual([true, `configuration, thumbprint ${KEY.thumbprint}`]);
    const second = await cp.verify(online, 'user');
    expect([second.accepted, told(second, 'key')]).toEqual([
      true,
      `GlobalSecret "user-token-signing-key-1", thumbprint ${OTHER_KEY.thumbprint}`,
    ]);
    await cp.manager.delete(keyName('user'));
    expect([(await cp.verify(offline, 'user')).accepted, (await cp.verify(online, 'user')).reason]).toEqual([
      true,
      'bad_signature',
    ]);
  });

  it('without a mesh check proxies of every mesh, and the mesh in the token must still fit', async () => {
    const cp = await controlPlane({ staticKeys: [key('ci')] });
    const token = (Mesh?: string) => signed({ alg: 'RS256', kid: 'ci' }, { Mesh, exp: NOW_SECONDS + 60 });
    const verify = async (mesh: string, claim?: string) => (await cp.verify(token(claim), 'dataplane', mesh)).reason;
    expect(await verify('default')).toBeUndefined();
    expect(await verify('payments', 'payments')).toBeUndefined();
    expect(await verify('payments', 'default')).toBe('identity_mismatch');
  });

  it('may have any text for a kid', async () => {
    const kid = 'ci/2026 🐻';
    const cp = await controlPlane({ staticKeys: [{ kid, kind: 'user', mesh: undefined, key: KEY }] });
    expect(await cp.verify(signed({ alg: 'RS256', kid }, CLAIMS), 'user')).toMatchObject({ accepted: true });
  });

  it('never sign', async () => {
    const cp = await controlPlane({ staticKeys: [{ kid: '1', kind: 'user', mesh: undefined, key: KEY }] });
    await expect(cp.issue('user')).rejects.toMatchObject({ code: 'signing_key_not_found' });
  });

  it('are the only ones where secrets are not used; revocations count all the same', async () => {
    const cp = await controlPlane({
      staticKeys: [{ kid: 'ci', kind: 'user', mesh: undefined, key: KEY }],
      switches: { userToken: { useSecrets: false } },
    });
    await cp.put(keyName('user'), KEY.pem);
    expect(await cp.verify(signed(HEADER, CLAIMS), 'user')).toMatchObject({ reason: 'unknown_kid' });
    const token = signed({ alg: 'RS256', kid: 'ci' }, CLAIMS);
    expect(await cp.verify(token, 'user')).toMatchObject({ accepted: true });
    await cp.put(globalSecret('user-token-revocations'), 'a');
    expect(await cp.verify(token, 'user')).toMatchObject({ reason: 'revoked' });
  });
});
