import { describe, expect, it } from 'vitest';
import { dataplane, until, type ZoneUnderTest, zoneUnderTest } from './zone-under-test.contract.js';

const WEB = dataplane('web-1');
const KEY = { type: 'Dataplane', mesh: 'default', name: 'web-1' } as const;
const LIST = 'dataplane-token-revocations-default';

const jtiOf = (token: string) =>
  (JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { jti: string }).jti;
const meshToken = (zone: ZoneUnderTest, more: object = {}) => zone.issue('dataplane', { mesh: 'default', ...more });

/** A proxy that was let in. */
async function admitted(zone: ZoneUnderTest, token: string, resource: object | 'nothing' = WEB) {
  const proxy = zone.connect({ token, ...(resource === 'nothing' ? {} : { resource }) });
  await proxy.begun;
  expect(proxy.ended).toBeUndefined();
  return proxy;
}

describe('a stream of a proxy', () => {
  it('brings a resource along, which is stored as the zone’s, and is answered with what follows from it', async () => {
    const zone = await zoneUnderTest();
    const proxy = await admitted(zone, await meshToken(zone));
    expect(proxy.responses.map(({ resources }) => resources.length)).toEqual([1]);
    expect(zone.stored(KEY)).toMatchObject({
      spec: { networking: WEB.networking },
      labels: { 'kuma.io/origin': 'zone', 'kuma.io/zone': 'east', 'kuma.io/mesh': 'default' },
    });
  });

  it('is of a proxy that is stored, when it brings nothing', async () => {
    const zone = await zoneUnderTest();
    const token = await meshToken(zone);
    const early = zone.connect({ token });
    await early.begun;
    expect(early.ended).toEqual({ code: 'not_found', message: expect.stringContaining('Dataplane "web-1"') });
    await zone.putDataplane('web-1', { networking: WEB.networking });
    const proxy = await admitted(zone, token, 'nothing');
    expect(proxy.responses).toHaveLength(1);
  });

  it('gets what is new when what is stored changes, once it has answered', async () => {
    const zone = await zoneUnderTest();
    const proxy = await admitted(zone, await meshToken(zone));
    const changed = dataplane('web-1', { 'kuma.io/service': 'web' }, { 'kuma.io/service': 'web' });
    await zone.putDataplane('web-1', { networking: changed.networking });
    expect(proxy.responses).toHaveLength(1);
    await proxy.answer();
    expect(proxy.responses.map(({ resources }) => resources.length)).toEqual([1, 2]);
    await proxy.answer();
    await zone.putDataplane('web-1', { networking: WEB.networking });
    expect(proxy.responses.map(({ resources }) => resources.length)).toEqual([1, 2, 1]);
  });

  it('is told of in the log when the proxy does not take its configuration', async () => {
    const zone = await zoneUnderTest();
    const proxy = await admitted(zone, await meshToken(zone));
    await proxy.answer(`bad port ${'x'.repeat(10_000)}`);
    expect(proxy.responses).toHaveLength(1);
    const line = zone.logged.find(({ message }) => message.includes('did not take'));
    expect(line?.fields).toMatchObject({
      proxy: 'default.web-1',
      type: 'cds',
      reason: expect.stringMatching(/^bad port x{491}$/),
    });
  });

  it('ends when the proxy is deleted, or its mesh', async () => {
    const zone = await zoneUnderTest();
    const token = await meshToken(zone);
    const first = await admitted(zone, token);
    await zone.manager.delete(KEY);
    expect(first.ended).toEqual({ code: 'not_found', message: expect.stringContaining('Dataplane "web-1"') });
    const second = await admitted(zone, token);
    await zone.manager.delete({ type: 'Mesh', mesh: '', name: 'default' });
    expect(second.ended).toEqual({
      code: 'unauthenticated',
      message: 'authentication failed: mesh "default" was deleted',
    });
  });

  it('must say in its first request who it is, and may not be somebody else later', async () => {
    const zone = await zoneUnderTest();
    const token = await meshToken(zone);
    const nobody = zone.connect({ token, mute: true });
    await nobody.request('cds');
    expect(nobody.ended).toMatchObject({ code: 'invalid', message: expect.stringContaining('node.id') });

    const proxy = await admitted(zone, token);
    await proxy.request('lds', { node: { id: '', cluster: '' } });
    await proxy.request('lds', { node: { id: 'default.web-1', cluster: '' } });
    expect(proxy.ended).toBeUndefined();
    await proxy.request('lds', { node: { id: 'default.web-2', cluster: '' } });
    expect(proxy.ended).toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('stream was authenticated for ID default.web-1'),
    });
  });

  it.each([
    ['default.web-1', 'ingress', 'node.id'],
    ['.in-1', 'dataplane', 'node.id'],
    ['web-1', 'dataplane', 'node.id'],
    ['default.', 'dataplane', 'node.id'],
    ['default.web-1', 'sidecar', 'node.metadata["dataplane.proxyType"]'],
  ])('cannot be of %s as a %s', async (id, type, field) => {
    const zone = await zoneUnderTest();
    const proxy = zone.connect({ token: await meshToken(zone), id, type });
    await proxy.begun;
    expect(proxy.ended).toMatchObject({ code: 'invalid', message: expect.stringContaining(field) });
  });

  it.each<[string, object, string]>([
    ['is another', { ...WEB, name: 'web-2' }, 'resource"].name: must be "web-1"'],
    ['is in another mesh', { ...WEB, mesh: 'other' }, 'resource"].mesh: must be "default"'],
    ['is not a dataplane', { ...WEB, type: 'ZoneIngress' }, 'resource"].type: must be "Dataplane"'],
    ['is not whole', { ...WEB, networking: {} }, 'networking.address'],
  ])('cannot bring a resource that %s', async (_, resource, told) => {
    const zone = await zoneUnderTest();
    const proxy = zone.connect({ token: await meshToken(zone), resource });
    await proxy.begun;
    expect(proxy.ended).toMatchObject({ code: 'invalid', message: expect.stringContaining(told) });
    expect(zone.stored(KEY)).toBeUndefined();
  });

  it('ends when nobody speaks for ten seconds', async () => {
    const zone = await zoneUnderTest();
    const silent = zone.connect({ token: await meshToken(zone), mute: true });
    zone.pass(9_999);
    expect(silent.ended).toBeUndefined();
    zone.pass(1);
    expect(silent.ended).toEqual({ code: 'invalid', message: 'no request came within 10 s' });
    const proxy = await admitted(zone, await meshToken(zone));
    zone.pass(60_000);
    expect(proxy.ended).toBeUndefined();
  });

  it('leaves no timer behind when it ends', async () => {
    const zone = await zoneUnderTest();
    zone.connect({ token: 'x', mute: true }).leave();
    await zone.putDataplane('web-1', { networking: WEB.networking });
    (await admitted(zone, await meshToken(zone), 'nothing')).leave();
    expect([zone.dp.ads.streams, zone.dp.sessions.size]).toEqual([0, 0]);
    await until(() => zone.clock.next() === undefined);
  });

  it('is ended with all others, to be opened again elsewhere, when the zone stops', async () => {
    const zone = await zoneUnderTest();
    const proxy = await admitted(zone, await meshToken(zone));
    zone.dp.ads.stop();
    expect(proxy.ended).toMatchObject({ code: 'unavailable' });
    zone.pass(60_000);
    expect(zone.stored(KEY)).toBeDefined();
  });
});

describe('the right to a stream', () => {
  it('ends with the token’s time, to the second', async () => {
    const zone = await zoneUnderTest();
    const [hour, day] = [await meshToken(zone, { validFor: '1h' }), await meshToken(zone)];
    const [short, long] = [await admitted(zone, hour), await admitted(zone, day)];
    zone.pass(3_599_999);
    expect(short.ended).toBeUndefined();
    zone.pass(1);
    expect(short.ended).toEqual({
      code: 'unauthenticated',
      message: 'authentication failed: expired at 2026-01-02T04:04:05Z, now 2026-01-02T04:04:05Z',
    });
    expect(long.ended).toBeUndefined();
  });

  it('ends when the clock jumps past the token’s time', async () => {
    const zone = await zoneUnderTest();
    const proxy = await admitted(zone, await meshToken(zone));
    zone.clock.skew(25 * 3_600_000);
    zone.pass(0);
    expect(proxy.ended).toMatchObject({ code: 'unauthenticated' });
  });

  it('ends with a revocation, which names the token, and no other stream does', async () => {
    const zone = await zoneUnderTest();
    const [bad, good] = [await meshToken(zone), await meshToken(zone)];
    const [cut, other] = [await admitted(zone, bad), await admitted(zone, good)];
    await zone.putSecret(LIST, jtiOf(bad), 'default');
    expect(cut.ended).toMatchObject({
      code: 'unauthenticated',
      message: expect.stringContaining(`${jtiOf(bad)} is on`),
    });
    expect(other.ended).toBeUndefined();
  });

  it('ends with the key, and streams of the next key stay', async () => {
    const zone = await zoneUnderTest();
    const old = await admitted(zone, await meshToken(zone));
    const [second] = zone.auth.keys.list('zone', '');
    await zone.putSecret('dataplane-token-signing-key-default-2', second?.key.pem ?? '', 'default');
    const fresh = await admitted(zone, await meshToken(zone));
    await zone.manager.delete({ type: 'Secret', mesh: 'default', name: 'dataplane-token-signing-key-default-1' });
    expect(old.ended).toMatchObject({ message: expect.stringContaining('there is no dataplane signing key') });
    expect(fresh.ended).toBeUndefined();
  });

  it('ends when what is stored of the proxy becomes more than the token allows', async () => {
    const zone = await zoneUnderTest();
    const token = await meshToken(zone, { tags: { 'kuma.io/service': ['web'] } });
    const proxy = await admitted(zone, token);
    const grown = dataplane('web-1', { 'kuma.io/service': 'web' }, { 'kuma.io/service': 'admin' });
    await zone.putDataplane('web-1', { networking: grown.networking });
    expect(proxy.ended).toMatchObject({ code: 'unauthenticated', message: expect.stringContaining('"admin"') });
  });

  it('ends when the mesh takes such proxies no more', async () => {
    const zone = await zoneUnderTest();
    const proxy = await admitted(zone, await meshToken(zone));
    const restrictions = [{ tags: { 'kuma.io/service': 'web' } }];
    await zone.manager.put(
      { type: 'Mesh', mesh: '', name: 'default' },
      { constraints: { dataplaneProxy: { restrictions } } },
    );
    expect(proxy.ended).toMatchObject({ code: 'access_denied' });
  });

  it('never begins when it is revoked while the proxy knocks', async () => {
    const zone = await zoneUnderTest();
    for (let turn = 0; turn < 20; turn++) {
      const token = await meshToken(zone);
      const proxy = zone.connect({ token, resource: WEB });
      const revoked = zone.putSecret(LIST, jtiOf(token), 'default');
      await Promise.all([proxy.begun, revoked]);
      await until(() => proxy.ended);
      expect(proxy.ended).toMatchObject({ code: 'unauthenticated' });
      expect(zone.dp.sessions.size).toBe(0);
    }
  });

  it('is not looked at again with perStream, as in Kuma 2.10, and at each request with perRequest, as in Kuma 2.0', async () => {
    const streams: [recheck: 'perStream' | 'perRequest', afterTheRequest: unknown][] = [
      ['perStream', undefined],
      ['perRequest', expect.objectContaining({ code: 'unauthenticated' })],
    ];
    for (const [recheck, afterTheRequest] of streams) {
      const zone = await zoneUnderTest({ recheck });
      const token = await meshToken(zone);
      const proxy = await admitted(zone, token);
      await proxy.answer();
      await zone.putSecret(LIST, jtiOf(token), 'default');
      zone.clock.skew(48 * 3_600_000);
      zone.pass(0);
      expect(proxy.ended).toBeUndefined();
      await zone.putDataplane('web-1', {
        networking: dataplane('web-1', { 'kuma.io/service': 'x' }, { 'kuma.io/service': 'y' }).networking,
      });
      expect(proxy.responses).toHaveLength(2);
      await proxy.answer();
      expect(proxy.ended).toEqual(afterTheRequest);
    }
  });
});

describe('what a proxy brought along', () => {
  it('goes some time after it left, and stays when it comes back in time', async () => {
    const zone = await zoneUnderTest();
    const token = await meshToken(zone);
    (await admitted(zone, token)).leave();
    zone.pass(9_000);
    const again = await admitted(zone, token);
    zone.pass(60_000);
    expect(zone.stored(KEY)).toBeDefined();
    again.leave();
    zone.pass(10_000);
    await until(() => !zone.stored(KEY));
  });

  it('stays as long as one of its streams is open', async () => {
    const zone = await zoneUnderTest();
    const token = await meshToken(zone);
    const [one, two] = [await admitted(zone, token), await admitted(zone, token)];
    one.leave();
    zone.pass(60_000);
    expect([zone.stored(KEY) !== undefined, two.ended]).toEqual([true, undefined]);
  });

  it('stays when somebody else wrote it meanwhile, or had written it before', async () => {
    const zone = await zoneUnderTest();
    const proxy = await admitted(zone, await meshToken(zone));
    await zone.putDataplane('web-1', { networking: { ...WEB.networking, address: '10.9.9.9' } });
    proxy.leave();
    zone.pass(10_000);
    await zone.putDataplane('web-2', { networking: WEB.networking });
    expect(zone.stored(KEY)?.spec.networking).toMatchObject({ address: '10.9.9.9' });
  });

  it('is not written again when it is there already', async () => {
    const zone = await zoneUnderTest();
    const token = await meshToken(zone);
    await admitted(zone, token);
    const { n } = zone.view.revision;
    await admitted(zone, token);
    expect(zone.view.revision.n).toBe(n);
  });

  it('replaces what is stored only with a token that may be that, too', async () => {
    const zone = await zoneUnderTest();
    const tagged = (service: string) => meshToken(zone, { tags: { 'kuma.io/service': [service] } });
    const backend = dataplane('web-1', { 'kuma.io/service': 'backend' });
    const owner = await admitted(zone, await tagged('web'));
    const thief = zone.connect({ token: await tagged('backend'), resource: backend });
    await thief.begun;
    expect(thief.ended).toEqual({
      code: 'unauthenticated',
      message: expect.stringContaining('what is stored of the proxy is not yours'),
    });
    expect(zone.stored(KEY)?.spec.networking).toEqual(WEB.networking);
    expect(owner.ended).toBeUndefined();
    await admitted(zone, await meshToken(zone, { tags: { 'kuma.io/service': ['web', 'backend'] } }), backend);
    expect(zone.stored(KEY)?.spec.networking).toEqual(backend.networking);
  });

  it('is one proxy’s when two of different rights come at once', async () => {
    const zone = await zoneUnderTest();
    const rivals = ['web', 'backend'].map(async (service) => {
      const token = await meshToken(zone, { tags: { 'kuma.io/service': [service] } });
      return zone.connect({ token, resource: dataplane('web-1', { 'kuma.io/service': service }) });
    });
    const [one, two] = await Promise.all(rivals);
    await Promise.all([one?.begun, two?.begun]);
    expect(new Set([one?.ended?.code, two?.ended?.code])).toEqual(new Set(['unauthenticated', undefined]));
  });

  it('says nothing of the pod that it runs in: labels of Kubernetes are the control plane’s', async () => {
    const zone = await zoneUnderTest();
    await zone.putDataplane('web-1', { networking: WEB.networking }, { 'k8s.kuma.io/namespace': 'shop' });
    const labels = { 'k8s.kuma.io/namespace': 'kube-system', 'k8s.kuma.io/service-account': 'root', mine: 'yes' };
    await admitted(zone, await meshToken(zone), { ...WEB, labels });
    expect(zone.stored(KEY)?.labels).toMatchObject({ 'k8s.kuma.io/namespace': 'shop', mine: 'yes' });
    expect(zone.stored(KEY)?.labels).not.toHaveProperty('k8s.kuma.io/service-account');
  });
});
