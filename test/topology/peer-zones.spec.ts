import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { decodeToken, startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { dataplaneNamed, globalSecret, type Item, meshSecret, textOf } from '../peer/items.js';
import { publicHalf } from '../peer/kuma-keys.js';
import { hashedName, PROXY_TYPES } from '../peer/kuma-types.js';
import { KumaZone } from '../peer/kuma-zone.js';
import { globalReport, zoneOverviews } from './reports.js';

const OURS = ['Config', 'GlobalSecret', 'Mesh', 'Secret'];
const VERSIONS = ['2.14.3', '2.8.8'] as const;
const REVOCATIONS = 'zone-ingress-token-revocations';
/** Longer than any wait before a refused resource is offered again. */
const LONG = 100_000;

let lab: WiredLab;
let newer: KumaZone;
let older: KumaZone;
beforeAll(async () => {
  lab = await startWiredLab({ zones: ['own'], env: { KUMA_MULTIZONE_GLOBAL_KDS_ZONE_INSIGHT_FLUSH_INTERVAL: '5ms' } });
  const address = `127.0.0.1:${lab.global.served.ports.kds}`;
  newer = new KumaZone({ name: 'newer', version: '2.14.3', address, seed: 7 }).connect();
  older = new KumaZone({ name: 'older', version: '2.8.8', address, seed: 8 }).connect();
  await synced();
});
afterAll(async () => {
  newer.stop();
  older.stop();
  await lab.stop();
});
/** Whatever a test is about, nothing that global sends may break a Kuma zone or its streams. */
afterEach(() => {
  for (const zone of [newer, older]) {
    expect([zone.failures, zone.crashes]).toEqual([[], []]);
    expect(zone.responses.map(({ identifier }) => identifier).filter((name) => name !== 'global')).toEqual([]);
  }
});

/** All zones, Kuma's and ours, have acknowledged all that global has. */
async function synced(): Promise<void> {
  await lab.until(async () => {
    const { zones } = await globalReport(lab.global);
    const isSynced = ({ types }: (typeof zones)[number]) =>
      types.length === OURS.length && types.every(({ applied, written }) => applied !== null && applied >= written);
    return zones.length === 3 && zones.every(isSynced);
  }, 'all three zones are in sync');
}
const named = (items: readonly Item[]) => items.map(({ name }) => name).sort();
const labelsOf = (zone: KumaZone, type: string, mesh: string, name: string) =>
  zone.store.get({ type, mesh, name })?.labels;
const overviewOf = async (zone: string) => (await zoneOverviews(lab.global)).find(({ name }) => name === zone);
/** What came after this moment. */
const since = (zone: KumaZone) => {
  const before = zone.responses.length;
  return () => zone.responses.slice(before);
};

describe('Kuma zones and a zone of ours on one global', () => {
  it.each(VERSIONS)('are shown online with their version: %s', async (version) => {
    const zone = version === '2.14.3' ? newer : older;
    await lab.until(async () => {
      const subscription = (await overviewOf(zone.name))?.zoneInsight?.subscriptions.at(-1);
      return JSON.stringify(subscription?.status ?? {}).includes('"responsesAcknowledged":"4"');
    }, `${zone.name} is shown with what it acknowledged`);
    const overview = await overviewOf(zone.name);
    expect(overview).toMatchObject({ name: zone.name, zone: { enabled: true } });
    const [subscription] = overview?.zoneInsight?.subscriptions ?? [];
    expect(subscription).not.toHaveProperty('disconnectTime');
    expect(subscription).toMatchObject({
      zoneInstanceId: `${zone.name}-1`,
      version: {
        kumaCp: { version, gitTag: version, gitCommit: '0123456789abcdef', buildDate: '2025-06-01T00:00:00Z' },
      },
      config: JSON.stringify({ mode: 'zone', multizone: { zone: { name: zone.name } } }),
    });
    const { zones } = await globalReport(lab.global);
    expect(zones.find((row) => row.zone === zone.name)?.state).toBe('Online');
  });

  it('get answers for the four types that global holds, and none for the others that they ask for', () => {
    for (const zone of [newer, older]) {
      expect([...new Set(zone.responses.map(({ type }) => type))].sort()).toEqual(OURS);
      for (const type of OURS) expect(zone.of(type).map(({ initial }) => initial)).toEqual([true]);
    }
  });

  it('keep all their streams: what global does not serve it calls unimplemented, and the rest stays open', () => {
    for (const zone of [newer, older]) {
      expect(zone.connections).toBe(1);
      expect(zone.ends.map(({ stream }) => stream).sort()).toEqual(['clusters', 'stats', 'xdsConfigs']);
      expect(new Set(zone.ends.map(({ code }) => code))).toEqual(new Set([status.UNIMPLEMENTED]));
    }
  });

  it('have the mesh, its secrets and the identity of global', async () => {
    const { body } = await lab.global.get<{ clusterId: string }>('/koguma/sync');
    for (const zone of [newer, older]) {
      expect(named(zone.store.list('Mesh'))).toEqual(['default']);
      expect(named(zone.store.list('Secret'))).toEqual(['dataplane-token-signing-key-default-1']);
      expect(named(zone.store.list('Config'))).toEqual(['kuma-cluster-id']);
      expect(labelsOf(zone, 'Config', '', 'kuma-cluster-id')).toEqual({ 'kuma.io/origin': 'global' });
    }
    expect(body).toBeDefined();
  });

  it('have the signing key of a mesh as PKCS#1 PEM with its private half', async () => {
    const key = { type: 'Secret', mesh: 'default', name: 'dataplane-token-signing-key-default-1' };
    for (const zone of [newer, older]) {
      const text = textOf(zone.store.get(key) as Item);
      expect(text).toBe(await lab.global.secretText(key.name, key.mesh));
      expect(text).toMatch(/^-----BEGIN RSA PRIVATE KEY-----\n/);
      expect(zone.store.get(key)?.labels['kuma.io/origin']).toBe('global');
    }
  });

  it('have the zone key as its public half under its public name, which also tells where it is from', async () => {
    const expected = publicHalf(await lab.global.secretText('zone-token-signing-key-1'));
    expect(expected).toMatch(/^-----BEGIN RSA PUBLIC KEY-----\n/);
    for (const zone of [newer, older]) {
      const name = 'zone-token-signing-public-key-1';
      const item = zone.store.get({ type: 'GlobalSecret', mesh: '', name }) as Item;
      expect(textOf(item)).toBe(expected);
      expect(item.labels).toEqual({
        'kuma.io/origin': 'global',
        'kuma.io/display-name': 'zone-token-signing-key-1',
      });
    }
  });

  it('store of the GlobalSecrets what their version takes', () => {
    expect(named(newer.store.list('GlobalSecret'))).toEqual([
      'zone-ingress-token-signing-key-1',
      'zone-token-signing-public-key-1',
    ]);
    expect(named(older.store.list('GlobalSecret'))).toEqual(['zone-token-signing-public-key-1']);
  });

  it('are never sent a key of users, an admin token, or the private half of a zone key', async () => {
    await lab.until(async () => (await lab.global.secretNames()).includes('admin-user-token'), 'there is a token');
    await lab.global.putSecret('user-token-signing-key-2', await lab.makeKey(), {
      labels: { 'kuma.io/kds-sync': 'enabled' },
    });
    await lab.global.revoke('user-token-revocations', [randomUUID()]);
    await lab.global.putSecret('inter-cp-ca', 'of global');
    await lab.global.createMesh('canary');
    await synced();
    const own = [
      'admin-user-token',
      'user-token-signing-key-1',
      'user-token-signing-key-2',
      'zone-token-signing-key-1',
    ];
    const texts = await Promise.all(own.map((name) => lab.global.secretText(name)));
    for (const zone of [newer, older]) {
      const sent = zone.responses.flatMap(({ items }) => items);
      expect(named(sent).filter((name) => name.startsWith('user-') || [...own, 'inter-cp-ca'].includes(name))).toEqual(
        [],
      );
      const sentTexts = sent.filter(({ type }) => type.endsWith('Secret')).map(textOf);
      expect(sentTexts.filter((text) => texts.includes(text))).toEqual([]);
    }
    for (const name of ['user-token-signing-key-2', 'user-token-revocations', 'inter-cp-ca']) {
      await lab.global.deleteSecret(name);
    }
  });

  it('get a new mesh together with its key, and lose both when it is deleted', async () => {
    await lab.global.createMesh('short-lived');
    await synced();
    for (const zone of [newer, older]) {
      expect(named(zone.store.list('Mesh'))).toContain('short-lived');
      expect(named(zone.store.list('Secret'))).toContain('dataplane-token-signing-key-short-lived-1');
    }
    await lab.global.call('DELETE', '/meshes/short-lived');
    await synced();
    for (const zone of [newer, older]) {
      expect(named(zone.store.list('Mesh'))).not.toContain('short-lived');
      expect(named(zone.store.list('Secret'))).not.toContain('dataplane-token-signing-key-short-lived-1');
    }
  });

  it('get a revocation as the one thing that changed', async () => {
    const news = [newer, older].map(since);
    const token = await lab.global.issue('zone-ingress', { zone: 'own' });
    await lab.global.revoke(REVOCATIONS, [decodeToken(token).jti]);
    await synced();
    for (const came of news) {
      expect(came().map(({ type, initial, names, removed }) => [type, initial, names, removed])).toEqual([
        ['GlobalSecret', false, [`${REVOCATIONS}.`], []],
      ]);
    }
    const stored = newer.store.get({ type: 'GlobalSecret', mesh: '', name: REVOCATIONS }) as Item;
    expect(textOf(stored)).toBe(decodeToken(token).jti);
    expect(named(older.store.list('GlobalSecret'))).not.toContain(REVOCATIONS);
    expect(await lab.zone('own').verify(token, 'zone-ingress')).toMatchObject({ reason: 'revoked' });
  });

  it('get the revocations of dataplanes in both places where Kuma has looked for them', async () => {
    const NAME = 'dataplane-token-revocations-default';
    const id = randomUUID();
    await lab.global.putSecret(NAME, id, { mesh: 'default' });
    await lab.global.putSecret(NAME, id);
    await synced();
    for (const zone of [newer, older]) {
      expect(textOf(zone.store.get({ type: 'Secret', mesh: 'default', name: NAME }) as Item)).toBe(id);
    }
    expect(textOf(newer.store.get({ type: 'GlobalSecret', mesh: '', name: NAME }) as Item)).toBe(id);
  });

  it('get a rotation of the zone key: the second public half, then the first one taken away', async () => {
    const news = [newer, older].map(since);
    await lab.global.putSecret('zone-token-signing-key-2', await lab.makeKey());
    await synced();
    const expected = publicHalf(await lab.global.secretText('zone-token-signing-key-2'));
    await lab.global.deleteSecret('zone-token-signing-key-1');
    await synced();
    for (const came of news) {
      expect(came().map(({ initial, names, removed }) => [initial, names, removed])).toEqual([
        [false, ['zone-token-signing-public-key-2.'], []],
        [false, [], ['zone-token-signing-public-key-1.']],
      ]);
      expect(textOf(came()[0]?.items[0] as Item)).toBe(expected);
    }
    for (const zone of [newer, older]) {
      const keys = named(zone.store.list('GlobalSecret')).filter((name) => name.includes('public-key'));
      expect(keys).toEqual(['zone-token-signing-public-key-2']);
    }
  });

  it('get a deletion by the name of what is gone: in its mesh, or with a dot at the end', async () => {
    await lab.global.putSecret('note', 'of the mesh', { mesh: 'default' });
    await lab.global.revoke(REVOCATIONS, []);
    await synced();
    const came = since(newer);
    await lab.global.deleteSecret('note', 'default');
    await lab.global.deleteSecret(REVOCATIONS);
    await synced();
    expect(
      came()
        .flatMap(({ removed }) => removed)
        .sort(),
    ).toEqual(['note.default', `${REVOCATIONS}.`]);
    expect(came().flatMap(({ names }) => names)).toEqual([]);
    expect(named(newer.store.list('Secret'))).not.toContain('note');
    expect(named(newer.store.list('GlobalSecret'))).not.toContain(REVOCATIONS);
  });

  it('keep what they made themselves, as their version does', async () => {
    newer.putOwn(meshSecret('default', 'of-the-zone', 'x', { 'kuma.io/origin': 'zone' }));
    newer.putOwn(globalSecret('user-token-signing-key-1', 'its own'));
    older.putOwn(globalSecret('user-token-signing-key-1', 'its own'));
    await lab.global.putSecret('another', 'x', { mesh: 'default' });
    await synced();
    expect(named(newer.store.list('Secret'))).toEqual(expect.arrayContaining(['another', 'of-the-zone']));
    for (const zone of [newer, older]) {
      expect(named(zone.store.list('GlobalSecret'))).toContain('user-token-signing-key-1');
    }
  });
});

describe('what Kuma zones have for global', () => {
  const networking = {
    address: '10.0.0.1',
    inbound: [{ port: 8080, servicePort: 80, tags: { 'kuma.io/service': 'web', 'kuma.io/zone': 'newer' } }],
    admin: { port: 9901 },
  };
  const web = (address = networking.address) => dataplaneNamed('default', 'web-1', { ...networking, address });
  const onGlobal = async () => {
    const { body } = await lab.global.get<{ items: { name: string; labels: object; networking: object }[] }>(
      '/meshes/default/dataplanes',
    );
    return body.items;
  };

  it('is asked of them type by type, with their name in each message', () => {
    for (const zone of [newer, older]) {
      const asked = zone.heard.filter(({ responseNonce }) => responseNonce === '');
      expect(asked.map(({ typeUrl }) => typeUrl).sort()).toEqual(PROXY_TYPES);
      expect(asked.map(({ resourceNamesSubscribe }) => resourceNamesSubscribe)).toEqual(asked.map(() => ['*']));
      expect(zone.heard.map(({ node }) => node?.id)).toEqual(zone.heard.map(() => zone.name));
      expect(asked.every(({ node }) => node?.metadata)).toBe(true);
    }
  });

  it('is on global under the names that they gave it, as theirs', async () => {
    newer.putOwn(web());
    older.putOwn(web());
    await lab.until(async () => (await onGlobal()).length === 2, 'global has both');
    const stampOf = (zone: string) => ({ 'kuma.io/origin': 'zone', 'kuma.io/zone': zone, 'kuma.io/mesh': 'default' });
    const expected = ['newer', 'older'].map((zone) => ({
      name: hashedName({ mesh: 'default', name: 'web-1', labels: { 'kuma.io/zone': zone } }),
      labels: { ...stampOf(zone), 'kuma.io/display-name': 'web-1' },
      networking,
    }));
    const items = [...(await onGlobal())].sort((a, b) =>
      JSON.stringify(a.labels).localeCompare(JSON.stringify(b.labels)),
    );
    expect(items).toMatchObject(expected);
  });

  it('changes and goes as they say, and is not what another zone says', async () => {
    newer.putOwn(web('10.9.9.9'));
    await lab.until(async () => JSON.stringify(await onGlobal()).includes('10.9.9.9'), 'global has the change');
    newer.deleteOwn(web());
    await lab.until(async () => (await onGlobal()).length === 1, 'it is gone from global');
    expect(await onGlobal()).toMatchObject([{ labels: { 'kuma.io/zone': 'older' } }]);
    older.deleteOwn(web());
    await lab.until(async () => (await onGlobal()).length === 0, 'both are gone');
  });

  it('is acknowledged once a response, by its nonce', async () => {
    for (const zone of [newer, older]) {
      const told = zone.told.map(({ typeUrl, nonce }) => `${typeUrl} ${nonce}`);
      const answers = () => zone.heard.filter(({ responseNonce }) => responseNonce !== '');
      await lab.until(() => answers().length >= told.length, `${zone.name} has all answers`);
      expect(
        answers()
          .map(({ typeUrl, responseNonce }) => `${typeUrl} ${responseNonce}`)
          .sort(),
      ).toEqual(told.sort());
      expect(answers().filter(({ errorDetail }) => errorDetail)).toEqual([]);
    }
  });
});

describe('a Kuma zone that has a resource of its own by the name of one of global’s', () => {
  const errorOf = async (zone: string) => {
    const { zones } = await globalReport(lab.global);
    return zones.find((row) => row.zone === zone)?.types.find(({ type }) => type === 'GlobalSecret')?.lastError;
  };

  it('refuses that one, which global shows, and does not hold up anybody', async () => {
    newer.putOwn(globalSecret(REVOCATIONS, 'its own'));
    await lab.global.revoke(REVOCATIONS, [randomUUID()]);
    await lab.until(async () => typeof (await errorOf('newer')) === 'string', 'the refusal is shown');
    expect(await errorOf('newer')).toBe(
      `user error\nresource already exists: type="GlobalSecret" name="${REVOCATIONS}" mesh=""`,
    );
    expect([await errorOf('older'), await errorOf('own')]).toEqual([null, null]);

    await lab.global.revoke('zone-token-revocations', []);
    await lab.global.createMesh('after');
    await lab.until(() => named(newer.store.list('Mesh')).includes('after'), 'the mesh is in the zone');
    await lab.until(() => named(newer.store.list('GlobalSecret')).includes('zone-token-revocations'), 'so is the list');
    const behind = async () => {
      const { zones } = await globalReport(lab.global);
      return zones.flatMap(({ zone, types }) =>
        types.filter(({ applied, written }) => applied !== written).map(({ type }) => `${zone}: ${type}`),
      );
    };
    await lab.until(async () => (await behind()).length === 1, 'all else is applied everywhere');
    expect(await behind()).toEqual(['newer: GlobalSecret']);
  });

  it('is offered it again and again, with less and less haste', async () => {
    const before = newer.of('GlobalSecret').length;
    expect(newer.of('GlobalSecret').slice(-1)).not.toEqual([]);
    lab.clock.hurry(LONG);
    await lab.until(() => newer.of('GlobalSecret').length > before, 'it was offered again');
    expect(newer.of('GlobalSecret').at(-1)?.names).toContain(`${REVOCATIONS}.`);
    expect(newer.of('GlobalSecret').at(-1)?.initial).toBe(false);
    const quiet = newer.responses.length;
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(newer.responses.length).toBe(quiet);
  });

  it('gets it once its own is gone', async () => {
    newer.store.deleteOwn({ type: 'GlobalSecret', mesh: '', name: REVOCATIONS });
    await lab.until(() => {
      lab.clock.hurry(LONG);
      return newer.store.get({ type: 'GlobalSecret', mesh: '', name: REVOCATIONS }) !== undefined;
    }, 'the zone has the list');
    await synced();
    expect(await errorOf('newer')).toBeNull();
  });
});

describe('a global that stops', () => {
  it('tells its zones so, even those that would not notice a stream that just ends', async () => {
    await lab.global.stop();
    await lab.until(() => older.connections > 1 && newer.connections > 1, 'both Kuma zones have noticed');
    for (const zone of [newer, older]) {
      const ends = zone.ends.filter(({ stream }) => stream === 'globalToZone' || stream === 'zoneToGlobal');
      const told = { code: status.UNAVAILABLE, details: 'this global control plane is stopping' };
      expect(ends[0]).toMatchObject(told);
    }
  });

  it('gives them everything anew when it is back, and they are online again', async () => {
    const [came, older28] = [since(newer), since(older)];
    await lab.global.start();
    await synced();
    for (const news of [came, older28]) {
      expect(news().map(({ type, initial }) => [type, initial])).toEqual(
        expect.arrayContaining(OURS.map((type) => [type, true])),
      );
    }
    expect(named(newer.store.list('GlobalSecret'))).toEqual(
      expect.arrayContaining(['user-token-signing-key-1', 'zone-token-signing-public-key-2']),
    );
    const isOnline = async (zone: string) =>
      (await overviewOf(zone))?.zoneInsight?.subscriptions.some(({ disconnectTime }) => disconnectTime === undefined);
    for (const { name } of [newer, older])
      await lab.until(async () => (await isOnline(name)) ?? false, `${name} is online`);
  });
});
