import { startStandalone, startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const PRIVATE = /^-----BEGIN RSA PRIVATE KEY-----\n[\s\S]+\n-----END RSA PRIVATE KEY-----\n$/;
const PUBLIC = /^-----BEGIN RSA PUBLIC KEY-----\n[\s\S]+\n-----END RSA PUBLIC KEY-----\n$/;

describe('the first start', () => {
  let lab: WiredLab;
  beforeAll(async () => {
    lab = await startWiredLab();
  });
  afterAll(() => lab.stop());

  /** The admin token is made in the background, since it needs a key first. */
  const hasAdminToken = async (name?: string) => {
    const node = name === undefined ? lab.global : lab.zone(name);
    await lab.until(
      async () => (await node.secretNames()).includes('admin-user-token'),
      `${node.name} has made its admin token`,
    );
    return node;
  };

  it('makes the keys of global on global, and no others', async () => {
    const global = await hasAdminToken();
    expect(await global.secretNames()).toEqual([
      'admin-user-token',
      'user-token-signing-key-1',
      'zone-ingress-token-signing-key-1',
      'zone-token-signing-key-1',
    ]);
    for (const name of ['user-token-signing-key-1', 'zone-ingress-token-signing-key-1', 'zone-token-signing-key-1']) {
      expect(await global.secretText(name)).toMatch(PRIVATE);
    }
  });

  it('makes the mesh default together with its key', async () => {
    expect((await lab.global.get('/meshes/default')).status).toBe(200);
    expect(await lab.global.secretNames('default')).toEqual(['dataplane-token-signing-key-default-1']);
    expect(await lab.global.secretText('dataplane-token-signing-key-default-1', 'default')).toMatch(PRIVATE);
  });

  it('gives each zone the keys of global, and lets it make a user key and an admin token of its own', async () => {
    for (const name of ['east', 'west']) {
      const zone = await hasAdminToken(name);
      expect(await zone.secretNames()).toEqual([
        'admin-user-token',
        'user-token-signing-key-1',
        'zone-ingress-token-signing-key-1',
        'zone-token-signing-public-key-1',
      ]);
      expect(await zone.secretNames('default')).toEqual(['dataplane-token-signing-key-default-1']);
    }
  });

  it('gives zones the private half of the zone-ingress and dataplane keys, so that they can issue', async () => {
    for (const [name, mesh] of [
      ['zone-ingress-token-signing-key-1', undefined],
      ['dataplane-token-signing-key-default-1', 'default'],
    ] as const) {
      const onGlobal = await lab.global.secretText(name, mesh);
      for (const zone of ['east', 'west']) expect(await lab.zone(zone).secretText(name, mesh)).toBe(onGlobal);
    }
  });

  it('gives zones the public half of the zone key alone', async () => {
    const text = await lab.zone('east').secretText('zone-token-signing-public-key-1');
    expect(text).toMatch(PUBLIC);
    const stored = await Promise.all(
      (await lab.zone('east').secretNames()).map((name) => lab.zone('east').secretText(name)),
    );
    const line = (await lab.global.secretText('zone-token-signing-key-1')).split('\n')[10] ?? '';
    expect(line).toHaveLength(64);
    expect(stored.filter((secret) => secret.includes(line))).toEqual([]);
  });

  it('makes a user key and an admin token that differ on each control plane', async () => {
    const nodes = [lab.global, lab.zone('east'), lab.zone('west')];
    for (const name of ['user-token-signing-key-1', 'admin-user-token']) {
      const texts = await Promise.all(nodes.map((node) => node.secretText(name)));
      expect(new Set(texts).size).toBe(3);
    }
  });

  it('makes an admin token for the user and the group mesh-system:admin, with which its control plane is administered', async () => {
    for (const node of [lab.global, lab.zone('east')]) {
      const token = await node.secretText('admin-user-token');
      expect((await node.get('/who-am-i', { token })).body).toEqual({
        name: 'mesh-system:admin',
        groups: ['mesh-system:admin', 'mesh-system:authenticated'],
      });
      expect((await node.get('/global-secrets', { token })).status).toBe(200);
    }
    const elsewhere = await lab.global.secretText('admin-user-token');
    expect((await lab.zone('east').get('/global-secrets', { token: elsewhere })).status).toBe(401);
  });

  it('is the only one that makes keys: a later start leaves them as they are', async () => {
    await Promise.all([hasAdminToken(), hasAdminToken('east')]);
    const secrets = async () =>
      Promise.all([lab.global, lab.zone('east')].map(async (node) => (await node.get('/global-secrets')).text));
    const before = await secrets();
    await Promise.all([lab.global.restart(), lab.zone('east').restart()]);
    await lab.synced();
    expect(await secrets()).toEqual(before);
  });
});

describe('a mesh', () => {
  let lab: WiredLab;
  beforeAll(async () => {
    lab = await startWiredLab();
  });
  afterAll(() => lab.stop());

  it('gets a key of its own when it is created, in the zones too', async () => {
    await lab.global.createMesh('payments');
    await lab.synced();
    for (const node of [lab.global, lab.zone('east'), lab.zone('west')]) {
      expect(await node.secretNames('payments')).toEqual(['dataplane-token-signing-key-payments-1']);
    }
    const token = await lab.zone('east').issue('dataplane', { mesh: 'payments' });
    expect(await lab.zone('west').verify(token, 'dataplane', 'payments')).toMatchObject({ accepted: true });
    expect(await lab.zone('west').verify(token, 'dataplane', 'default')).toMatchObject({ accepted: false });
  });

  it('is deleted with all its secrets everywhere, also those that somebody put there', async () => {
    await lab.global.createMesh('short-lived');
    await lab.global.putSecret('database-password', 'hunter2', { mesh: 'short-lived' });
    await lab.synced();
    const token = await lab.zone('east').issue('dataplane', { mesh: 'short-lived' });
    expect(await lab.zone('west').secretText('database-password', 'short-lived')).toBe('hunter2');

    expect((await lab.global.call('DELETE', '/meshes/short-lived')).status).toBe(200);
    await lab.synced();
    for (const node of [lab.global, lab.zone('east'), lab.zone('west')]) {
      expect((await node.get('/meshes/short-lived')).status).toBe(404);
      const { items } = (await node.get<{ items: { mesh: string }[] }>('/secrets')).body;
      expect(items.filter(({ mesh }) => mesh === 'short-lived')).toEqual([]);
      expect(await node.verify(token, 'dataplane', 'short-lived')).toMatchObject({ reason: 'unknown_kid' });
    }
    expect((await lab.zone('east').call('POST', '/tokens/dataplane', { mesh: 'short-lived' })).status).toBe(404);
  });

  it('gets another key when it is created again, which refuses the tokens of the first', async () => {
    await lab.global.createMesh('phoenix');
    await lab.synced();
    const old = await lab.zone('east').issue('dataplane', { mesh: 'phoenix' });
    await lab.global.call('DELETE', '/meshes/phoenix');
    await lab.global.createMesh('phoenix');
    await lab.synced();
    const verdict = await lab.zone('west').verify(old, 'dataplane', 'phoenix');
    expect(verdict).toMatchObject({ accepted: false, reason: 'bad_signature' });
    expect(verdict.steps.at(-1)?.detail).toContain('the kid is the same and the key is not');
  });

  it('named default stays away once it was deleted', async () => {
    await lab.global.call('DELETE', '/meshes/default');
    await lab.global.restart();
    await lab.synced();
    for (const node of [lab.global, lab.zone('east')]) expect((await node.get('/meshes/default')).status).toBe(404);
  });
});

describe('a stand-alone zone', () => {
  let zone: Awaited<ReturnType<typeof startStandalone>>;
  beforeAll(async () => {
    zone = await startStandalone();
  });
  afterAll(() => zone.stop());

  it('makes its mesh and all its keys itself', async () => {
    expect(await zone.secretNames('default')).toEqual(['dataplane-token-signing-key-default-1']);
    expect((await zone.secretNames()).filter((name) => name !== 'admin-user-token')).toEqual([
      'user-token-signing-key-1',
      'zone-ingress-token-signing-key-1',
      'zone-token-signing-key-1',
    ]);
    expect(await zone.readiness()).toBe(200);
  });

  it('issues every kind of token', async () => {
    const requests = [
      ['dataplane', { mesh: 'default' }, 'default'],
      ['zone-ingress', { zone: 'default' }, undefined],
      ['zone', { zone: 'default', scope: ['egress'] }, undefined],
      ['user', { name: 'john', validFor: '1h' }, undefined],
    ] as const;
    for (const [kind, request, mesh] of requests) {
      expect(await zone.verify(await zone.issue(kind, request), kind, mesh)).toMatchObject({ accepted: true });
    }
  });

  it('takes writes of everything, since nobody else owns it', async () => {
    await zone.createMesh('own');
    await zone.revoke('zone-token-revocations', []);
    expect(await zone.secretNames('own')).toEqual(['dataplane-token-signing-key-own-1']);
    expect((await zone.get('/koguma/sync')).body).toMatchObject({ state: 'stand-alone', global: null });
  });

  it('keeps its keys over a restart', async () => {
    const before = await zone.secretText('zone-ingress-token-signing-key-1');
    await zone.restart();
    expect(await zone.secretText('zone-ingress-token-signing-key-1')).toBe(before);
  });
});

describe('a control plane that may neither issue user tokens nor take keys for them from secrets', () => {
  let lab: WiredLab;
  afterEach(() => lab.stop());

  it('makes no user key and no admin token', async () => {
    const off = {
      KUMA_API_SERVER_AUTHN_TOKENS_ENABLE_ISSUER: 'false',
      KUMA_API_SERVER_AUTHN_TOKENS_VALIDATOR_USE_SECRETS: 'false',
    };
    lab = await startWiredLab({ zones: ['east'], env: off });
    expect(await lab.global.secretNames()).toEqual(['zone-ingress-token-signing-key-1', 'zone-token-signing-key-1']);
    expect(await lab.zone('east').secretNames()).toEqual([
      'zone-ingress-token-signing-key-1',
      'zone-token-signing-public-key-1',
    ]);
  });
});
