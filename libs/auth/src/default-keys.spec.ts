import { describe, expect, it } from 'vitest';
import { type ControlPlaneOptions, controlPlane, globalSecret, keyName } from './control-plane.contract.js';
import { KEY, OTHER_KEY } from './keys.contract.js';

const MESH = { type: 'Mesh', mesh: '', name: 'default' } as const;
const USER = '/user-token-signing-key-1';
const ZONE = '/zone-token-signing-key-1';
const ZONE_INGRESS = '/zone-ingress-token-signing-key-1';
const DATAPLANE = 'default/dataplane-token-signing-key-default-1';
const OFF = { enableIssuer: false, useSecrets: false };

describe('the first start', () => {
  it.each<[string, ControlPlaneOptions, string[]]>([
    ['of global', {}, [USER, ZONE_INGRESS, ZONE]],
    ['of a zone that stands alone', { federated: false }, [USER, ZONE_INGRESS, ZONE]],
    ['of a zone with a global', { federated: true }, [USER]],
    ['of one that neither issues nor uses secrets', { closed: true }, []],
    ['of a zone with a global that neither issues nor uses secrets', { federated: true, closed: true }, []],
    ['of one with no user tokens', { switches: { userToken: OFF } }, [ZONE_INGRESS, ZONE]],
    ['of one with no zone tokens', { switches: { zoneToken: OFF } }, [USER]],
    ['of one that only issues', { closed: true, switches: { userToken: { enableIssuer: true } } }, [USER]],
    ['of one that only checks', { closed: true, switches: { zoneToken: { useSecrets: true } } }, [ZONE_INGRESS, ZONE]],
  ])('%s makes the keys that the table names', async (_, options, names) => {
    const cp = await controlPlane(options);
    await cp.start();
    expect(cp.secrets()).toEqual(names);
    expect(cp.view.revision.n).toBe(names.length === 0 ? 0 : 1);
  });

  it('makes keys that sign', async () => {
    const cp = await controlPlane();
    await cp.start();
    for (const kind of ['zone-ingress', 'zone', 'user'] as const) {
      expect(await cp.verify(await cp.issue(kind), kind)).toMatchObject({ accepted: true });
    }
  });

  it('keeps them as PKCS#1 PEM, and logs their names alone', async () => {
    const cp = await controlPlane();
    await cp.start();
    expect(cp.textOf(keyName('user'))).toMatch(/^-----BEGIN RSA PRIVATE KEY-----\n/);
    expect(cp.logged).toContainEqual({
      level: 'info',
      message: 'made the first signing key',
      name: USER.slice(1),
      mesh: '',
    });
    expect(JSON.stringify(cp.logged)).not.toContain('PRIVATE');
  });

  it('makes none of a kind that has one, whatever its serial or state', async () => {
    const cp = await controlPlane();
    await cp.put(keyName('user', 7), KEY.pem, { 'koguma.io/phase': 'prepared' });
    await cp.arrive(keyName('zone', '0002'), 'not a key');
    await cp.start();
    expect(cp.secrets()).toEqual(['/user-token-signing-key-7', ZONE_INGRESS, '/zone-token-signing-key-0002']);
  });

  it('is not misled by names that only look like keys', async () => {
    const cp = await controlPlane();
    await cp.arrive(globalSecret('user-token-signing-keys'), 'x');
    await cp.arrive(globalSecret('user-token-revocations'), 'x');
    await cp.arrive(globalSecret('zone-token-signing-public-key-1'), KEY.publicPem);
    await cp.start();
    expect(cp.secrets()).toEqual(expect.arrayContaining([USER, ZONE]));
  });
});

describe('any later start', () => {
  it('makes no second key', async () => {
    const first = await controlPlane();
    await first.start();
    await first.createMesh('default');
    const kept = first.secrets().map((name) => [name, first.textOf(globalSecret(name.slice(1)))]);
    const { store } = first;
    const second = await controlPlane({ store });
    await second.start();
    await second.start();
    expect(second.secrets().map((name) => [name, second.textOf(globalSecret(name.slice(1)))])).toEqual(kept);
    expect(second.view.revision.n).toBe(first.view.revision.n);
  });

  it('makes what is missing: a kind, or a mesh, whose keys were all deleted', async () => {
    const cp = await controlPlane();
    await cp.start();
    await cp.createMesh('default');
    for (const key of [keyName('zone'), keyName('dataplane')]) await cp.manager.delete(key);
    await cp.start();
    expect(cp.secrets()).toEqual([DATAPLANE, USER, ZONE_INGRESS, ZONE]);
  });

  it('makes no key of a mesh on a zone with a global, which will send it', async () => {
    const { store, createMesh, manager } = await controlPlane();
    await createMesh('default');
    await manager.delete(keyName('dataplane'));
    const zone = await controlPlane({ store, federated: true });
    await zone.start();
    expect(zone.secrets()).toEqual([USER]);
  });

  it('makes one key when two control planes with one store start at once', async () => {
    const one = await controlPlane();
    const two = await controlPlane({ store: one.store });
    await Promise.all([one.start(), two.start()]);
    expect((await one.store.list('GlobalSecret')).map(({ name, version }) => [name, version])).toEqual(
      [USER, ZONE_INGRESS, ZONE].map((name) => [name.slice(1), 1]),
    );
  });
});

describe('the creation of a mesh', () => {
  it('makes its key in the same transaction', async () => {
    const cp = await controlPlane();
    const { revision } = await cp.createMesh('default');
    expect([revision.n, cp.secrets()]).toEqual([1, [DATAPLANE]]);
    expect(cp.view.get(keyName('dataplane'))?.labels).toEqual({ 'kuma.io/mesh': 'default' });
  });

  it('gives each mesh a key of its own', async () => {
    const cp = await controlPlane();
    await cp.createMesh('default');
    await cp.createMesh('payments');
    const token = await cp.issue('dataplane');
    expect(await cp.verify(token, 'dataplane')).toMatchObject({ accepted: true });
    expect(await cp.verify(token, 'dataplane', 'payments')).toMatchObject({ reason: 'bad_signature' });
  });

  it('makes none when the mesh is only written again, even if its key is gone', async () => {
    const cp = await controlPlane();
    await cp.createMesh('default');
    await cp.manager.delete(keyName('dataplane'));
    await cp.createMesh('default');
    expect(cp.secrets()).toEqual([]);
  });

  it('makes none where one is there already', async () => {
    const cp = await controlPlane();
    await cp.arrive(keyName('dataplane', 3), OTHER_KEY.pem);
    await cp.createMesh('default');
    expect(cp.secrets()).toEqual(['default/dataplane-token-signing-key-default-3']);
  });

  it('makes none in a dry run', async () => {
    const cp = await controlPlane();
    await cp.manager.put(MESH, {}, {}, { dryRun: true });
    expect([cp.secrets(), cp.view.revision.n]).toEqual([[], 0]);
  });

  it.each<[string, ControlPlaneOptions]>([
    ['a zone with a global', { federated: true }],
    ['one without proxy tokens', { switches: { dpToken: OFF } }],
  ])('makes none on %s', async (_, options) => {
    const cp = await controlPlane(options);
    await cp.createMesh('default');
    expect(cp.secrets()).toEqual([]);
  });

  it('fails whole when no key can be made', async () => {
    const cp = await controlPlane({ crypto: { makeKey: () => Promise.reject(new Error('no entropy')) } });
    await expect(cp.createMesh('default')).rejects.toThrow('no entropy');
    expect(await cp.store.get(MESH)).toBeUndefined();
  });

  it('comes with a key again after its deletion, and with another one', async () => {
    const cp = await controlPlane();
    await cp.createMesh('default');
    const token = await cp.issue('dataplane');
    await cp.manager.delete(MESH);
    expect(cp.secrets()).toEqual([]);
    await cp.createMesh('default');
    expect(await cp.verify(token, 'dataplane')).toMatchObject({ reason: 'bad_signature' });
  });
});
