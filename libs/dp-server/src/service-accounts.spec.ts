import { VirtualClock } from '@koguma/core';
import { describe, expect, it, vi } from 'vitest';
import { clusterKeys } from './adapters/cluster-keys.js';
import { tokenReview } from './adapters/token-review.js';
import { cluster } from './cluster.contract.js';
import { dataplane, NOW, zoneUnderTest } from './zone-under-test.contract.js';

const WEB = dataplane('web-1');
const POD = { 'k8s.kuma.io/namespace': 'shop', 'k8s.kuma.io/service-account': 'web' };
const NONE = { jwksUri: '', issuer: '', tokenReviewUri: '', credentialFile: '', audience: '', caFile: '' };

type Cluster = Awaited<ReturnType<typeof cluster>>;
const ways = {
  'its keys': ({ uri, caFile }: Cluster) => {
    return { ...NONE, jwksUri: `${uri}/openid/v1/jwks`, issuer: 'https://k8s', audience: 'koguma', caFile };
  },
  'its API': ({ uri, caFile, credentialFile }: Cluster) => {
    return { ...NONE, tokenReviewUri: uri, audience: 'koguma', caFile, credentialFile };
  },
};

describe.each(Object.entries(ways))('a service account of a cluster that is asked by %s', (_, way) => {
  const started = async () => {
    const k8s = await cluster();
    const zone = await zoneUnderTest({ dpProxy: 'serviceAccountToken', serviceAccount: way(k8s) });
    const connect = async (token: string, resource?: object) => {
      const proxy = zone.connect({ token, ...(resource ? { resource } : {}) });
      await proxy.begun;
      return proxy;
    };
    return { k8s, zone, connect };
  };

  it('is the proxy whose pod is stored with its name', async () => {
    const { k8s, zone, connect } = await started();
    await zone.putDataplane('web-1', { networking: WEB.networking }, POD);
    const proxy = await connect(await k8s.token());
    expect([proxy.ended, proxy.responses.length]).toEqual([undefined, 1]);
  });

  it('is any proxy whose pod has that account, in whatever mesh', async () => {
    const { k8s, zone } = await started();
    await zone.manager.put({ type: 'Mesh', mesh: '', name: 'payments' }, {});
    const token = await k8s.token();
    for (const [mesh, name] of [
      ['default', 'web-1'],
      ['default', 'web-2'],
      ['payments', 'web-1'],
    ] as const) {
      await zone.manager.put({ type: 'Dataplane', mesh, name }, { networking: WEB.networking }, POD);
      const proxy = zone.connect({ token, id: `${mesh}.${name}` });
      await proxy.begun;
      expect([name, proxy.ended]).toEqual([name, undefined]);
    }
  });

  it('may be a zone ingress, too', async () => {
    const k8s = await cluster();
    const zone = await zoneUnderTest({ zoneProxy: 'serviceAccountToken', serviceAccount: way(k8s) });
    const spec = { networking: { address: '10.0.0.2', port: 10_001 } };
    await zone.manager.put({ type: 'ZoneIngress', mesh: '', name: 'in-1' }, spec, POD);
    const ingress = zone.connect({ token: await k8s.token(), id: '.in-1', type: 'ingress' });
    await ingress.begun;
    expect([ingress.ended, ingress.responses.length]).toEqual([undefined, 1]);
  });

  it.each<[string, Record<string, string> | undefined, string]>([
    ['another account', { ...POD, 'k8s.kuma.io/service-account': 'db' }, 'of another service account'],
    ['another namespace', { ...POD, 'k8s.kuma.io/namespace': 'bank' }, 'of another service account'],
    ['nothing of a pod', {}, 'nothing is stored of this proxy’s pod'.replace('’', "'")],
    ['nothing at all', undefined, 'nothing is stored'],
  ])('is refused where %s is stored, whatever the proxy brings along', async (_, labels, told) => {
    const { k8s, zone, connect } = await started();
    if (labels) await zone.putDataplane('web-1', { networking: WEB.networking }, labels);
    const proxy = await connect(await k8s.token(), { ...WEB, labels: POD });
    expect(proxy.ended).toEqual({ code: 'unauthenticated', message: expect.stringContaining(told) });
  });

  it('is refused with a token that is not good, and not told why', async () => {
    const { k8s, zone, connect } = await started();
    await zone.putDataplane('web-1', { networking: WEB.networking }, POD);
    const other = await cluster();
    const bad = [
      await k8s.token({ audience: 'vault' }),
      await k8s.token({ lifetime: -1 }),
      await k8s.token({ subject: 'system:node:n1' }),
      await other.token(),
      (await k8s.token()).slice(0, -10),
      'no token',
      '',
    ];
    for (const token of bad) {
      const proxy = await connect(token);
      expect(proxy.ended).toEqual({
        code: 'unauthenticated',
        message: 'authentication failed: the service account token is not good here',
      });
    }
  });

  it('keeps its stream as long as its token, and what is stored of its pod, say so', async () => {
    const { k8s, zone, connect } = await started();
    await zone.putDataplane('web-1', { networking: WEB.networking }, POD);
    const [short, long] = [await connect(await k8s.token({ lifetime: 60 })), await connect(await k8s.token())];
    zone.pass(60_000);
    expect(short.ended).toMatchObject({ message: expect.stringContaining('has expired') });
    expect(long.ended).toBeUndefined();
    await zone.putDataplane('web-1', { networking: WEB.networking }, { ...POD, 'k8s.kuma.io/service-account': 'db' });
    expect(long.ended).toMatchObject({ message: expect.stringContaining('of another service account') });
  });

  it('is told to come back when the cluster cannot be asked', async () => {
    const { k8s, zone, connect } = await started();
    await zone.putDataplane('web-1', { networking: WEB.networking }, POD);
    for (const answer of [
      { status: 500, body: 'x' },
      { status: 200, body: 'not JSON' },
      { status: 200, body: 'x'.repeat(2_000_000) },
    ]) {
      k8s.answerWith(answer);
      const proxy = await connect(await k8s.token());
      expect(proxy.ended).toMatchObject({ code: 'unavailable' });
    }
  });
});

describe('the keys of a cluster', () => {
  it('are asked for once, and again when a token names one that is new', async () => {
    const k8s = await cluster();
    const settings = { jwksUri: `${k8s.uri}/openid/v1/jwks`, issuer: 'https://k8s', audience: 'koguma', ca: k8s.ca };
    const verifier = clusterKeys({ ...settings, cooldownMs: 0 }, new VirtualClock(NOW));
    for (let count = 0; count < 3; count++)
      expect(await verifier.verify(await k8s.token())).toMatchObject({ name: 'web' });
    expect(k8s.asked.keys).toBe(1);
    await k8s.rotate();
    expect(await verifier.verify(await k8s.token())).toEqual({
      namespace: 'shop',
      name: 'web',
      kid: 'key-2',
      jti: 'pod-token-1',
      expiresAt: NOW + 3_600_000,
    });
    expect(k8s.asked.keys).toBe(2);
  });

  it('count for a minute after the cluster took them away, and no longer', async () => {
    const k8s = await cluster();
    const settings = { jwksUri: `${k8s.uri}/openid/v1/jwks`, issuer: 'https://k8s', audience: 'koguma', ca: k8s.ca };
    const verifier = clusterKeys({ ...settings, cooldownMs: 0 }, new VirtualClock(NOW));
    const old = await k8s.token();
    await verifier.verify(old);
    await k8s.rotate();
    k8s.forgetOldKeys();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 59_000 });
    expect(await verifier.verify(old)).toMatchObject({ name: 'web' });
    vi.setSystemTime(Date.now() + 2_000);
    expect(await verifier.verify(old)).toBeUndefined();
    vi.useRealTimers();
  });

  it('are believed only from who shows the right certificate', async () => {
    const k8s = await cluster();
    const settings = { jwksUri: `${k8s.uri}/openid/v1/jwks`, issuer: 'https://k8s', audience: 'koguma', ca: undefined };
    const verified = clusterKeys(settings, new VirtualClock(NOW)).verify(await k8s.token());
    await expect(verified).rejects.toMatchObject({ code: 'unavailable' });
    expect(k8s.asked.keys).toBe(0);
  });
});

describe('the API of a cluster', () => {
  it('is asked about our audience, with our own credential', async () => {
    const k8s = await cluster();
    const { uri, ca, credentialFile } = k8s;
    const token = await k8s.token();
    const about = { namespace: 'shop', name: 'web', kid: 'key-1', jti: 'pod-token-1', expiresAt: NOW + 3_600_000 };
    expect(await tokenReview({ uri, ca, credentialFile, audience: 'koguma' }).verify(token)).toEqual(about);
    expect(await tokenReview({ uri, ca, credentialFile, audience: '' }).verify(token)).toEqual(about);
    expect(k8s.asked.reviews.map(({ spec }) => spec)).toEqual([{ token, audiences: ['koguma'] }, { token }]);
    const without = tokenReview({ uri, ca, credentialFile: '/nowhere', audience: '' }).verify(token);
    await expect(without).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('/nowhere') });
  });
});
