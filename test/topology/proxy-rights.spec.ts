import { decodeToken, startStandalone, startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Envoy } from '../peer/envoy.js';
import { dataplane, Proxies, zoneProxy } from './proxy-lab.js';

const UNAUTHENTICATED = 16;
const ZONES = ['east', 'west'] as const;
const KEY = 'dataplane-token-signing-key-default';

let lab: WiredLab;
const proxies = new Proxies(() => lab);
beforeAll(async () => {
  lab = await startWiredLab();
});
afterEach(() => proxies.closeAll());
afterAll(() => lab.stop());

const issue = (more: object = {}) => lab.global.issue('dataplane', { mesh: 'default', ...more });
/** The same token in both zones, once for each name. */
const everywhere = (token: string, ...names: string[]) =>
  Promise.all(ZONES.flatMap((zone) => names.map((name) => proxies.connected(zone, token, dataplane(name)))));
const ends = (all: readonly Envoy[]) => all.map(({ end }) => end?.code);
const allEnded = (all: readonly Envoy[]) =>
  lab.until(() => all.every(({ end }) => end !== undefined), 'all have ended');
/** Whatever could still happen by itself has happened. */
const settled = async () => {
  await lab.synced();
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
};

describe('open streams', () => {
  it('of a token that is revoked on global end in both zones, within a second, and no others do', async () => {
    const [bad, good] = [await issue(), await issue()];
    const [cut, kept] = [await everywhere(bad, 'a-1', 'a-2'), await everywhere(good, 'b-1')];
    const began = performance.now();
    await lab.global.putSecret('dataplane-token-revocations-default', decodeToken(bad).jti, { mesh: 'default' });
    await allEnded(cut);
    const slowest = Math.max(...cut.map(({ endedAt }) => endedAt - began));
    console.log(
      `PUT of a revocation on global to the last of ${cut.length} streams cut in two zones: ${slowest.toFixed(1)} ms`,
    );
    expect(slowest).toBeLessThan(1_000);
    for (const { end } of cut) {
      expect(end).toEqual({
        code: UNAUTHENTICATED,
        details: expect.stringMatching(
          `^authentication failed: ${decodeToken(bad).jti} is on dataplane-token-revocations-default`,
        ),
      });
    }
    await settled();
    expect(ends(kept)).toEqual([undefined, undefined]);
    const again = proxies.start('west', bad, dataplane('a-1'));
    expect(await proxies.endOf(again)).toMatchObject({ code: UNAUTHENTICATED });
  });

  it('of zone ingresses end with a revocation on global, too', async () => {
    const token = await lab.global.issue('zone-ingress', { zone: 'east' });
    const options = { id: '.in-1', type: 'ingress' } as const;
    const ingress = await proxies.connected('east', token, zoneProxy('ZoneIngress', 'in-1'), options);
    await lab.global.revoke('zone-ingress-token-revocations', [decodeToken(token).jti]);
    expect(await proxies.endOf(ingress)).toMatchObject({ code: UNAUTHENTICATED });
  });

  it('of tokens with kid 1 end when key 1 is deleted on global, and new connections need a token of key 2', async () => {
    const old = await issue();
    const before = await everywhere(old, 'c-1', 'c-2');
    await lab.global.putSecret(`${KEY}-2`, await lab.makeKey(), { mesh: 'default' });
    await lab.synced();
    const fresh = await issue();
    expect(decodeToken(fresh).kid).toBe('2');
    const after = await everywhere(fresh, 'c-3');
    await settled();
    expect(ends(before)).toEqual([undefined, undefined, undefined, undefined]);
    await lab.global.deleteSecret(`${KEY}-1`, 'default');
    await allEnded(before);
    expect(before.map(({ end }) => end?.details)).toEqual(
      Array(4).fill(expect.stringContaining('there is no dataplane signing key of mesh "default" with kid "1" here')),
    );
    expect(new Set(ends(before))).toEqual(new Set([UNAUTHENTICATED]));
    expect(await proxies.endOf(proxies.start('east', old, dataplane('c-1')))).toMatchObject({ code: UNAUTHENTICATED });
    await proxies.connected('east', fresh, dataplane('c-1'));
    await settled();
    expect(ends(after)).toEqual([undefined, undefined]);
  });

  it('end when the token expires, on time, and those of longer tokens stay', async () => {
    const [hour, day] = [await issue({ validFor: '1h' }), await issue({ validFor: '24h' })];
    const [short, long] = [await everywhere(hour, 'd-1'), await everywhere(day, 'd-2')];
    lab.clock.advance(3_590_000);
    await settled();
    expect(ends(short)).toEqual([undefined, undefined]);
    lab.clock.advance(10_000);
    await allEnded(short);
    expect(short[0]?.end).toEqual({
      code: UNAUTHENTICATED,
      details: expect.stringContaining('authentication failed: expired at'),
    });
    await settled();
    expect(ends(long)).toEqual([undefined, undefined]);
  });

  it('end with their mesh, and those of other meshes stay', async () => {
    await lab.global.createMesh('doomed');
    await lab.synced();
    const token = await lab.global.issue('dataplane', { mesh: 'doomed' });
    const inMesh = { ...dataplane('e-1'), mesh: 'doomed' };
    const doomed = await Promise.all(ZONES.map((zone) => proxies.connected(zone, token, inMesh)));
    const kept = await everywhere(await issue(), 'e-2');
    lab.configure('global', { KUMA_STORE_UNSAFE_DELETE: 'true' });
    await lab.global.restart();
    await lab.synced();
    await lab.global.call('DELETE', '/meshes/doomed');
    await allEnded(doomed);
    expect(doomed[0]?.end).toEqual({
      code: UNAUTHENTICATED,
      // Its key may come to be gone before it is itself.
      details: expect.stringContaining('mesh "doomed"'),
    });
    await settled();
    expect(ends(kept)).toEqual([undefined, undefined]);
  });
});

describe('while global is away', () => {
  it('proxies stay, new ones come, and tokens are issued for them', async () => {
    const stayed = await everywhere(await issue(), 'f-1');
    await lab.global.stop();
    await lab.until(() => lab.zone('east').served.link?.state === 'cut-off', 'the zone notices');
    const token = await lab.zone('east').issue('dataplane', { mesh: 'default' });
    await proxies.connected('east', token, dataplane('f-2'));
    await lab.zone('east').restart();
    await proxies.connected('east', token, dataplane('f-3'));
    expect(stayed[1]?.end).toBeUndefined();
    await lab.global.start();
    await lab.synced();
  });
});

describe('a zone that does not ask proxies who they are', () => {
  it('lets any proxy pass for any service', async () => {
    lab.configure('west', { KUMA_DP_SERVER_AUTH_TYPE: 'none' });
    await lab.zone('west').restart();
    await lab.synced();
    const impostor = dataplane('g-1', { 'kuma.io/service': 'bank' });
    await proxies.connected('west', 'no token at all', impostor);
    const ingress = { id: '.g-2', type: 'ingress' } as const;
    await proxies.connected('west', '', zoneProxy('ZoneIngress', 'g-2'), ingress);
    lab.configure('west', {});
    await lab.zone('west').restart();
    await lab.synced();
  });
});

describe('a global control plane', () => {
  it('has no port for proxies', () => {
    expect(lab.global.served.ports).not.toHaveProperty('dp');
    expect(lab.zone('east').served.ports.dp).toBeGreaterThan(0);
  });
});

describe('a stand-alone zone', () => {
  it('has one, with keys of its own', async () => {
    const zone = await startStandalone();
    const token = await zone.issue('dataplane', { mesh: 'default' });
    const alone = new Proxies(() => ({ zone: () => zone, until: (...args) => lab.until(...args) }));
    const envoy = await alone.connected('any', token, dataplane('h-1'));
    await zone.stop();
    expect(await alone.endOf(envoy)).toMatchObject({ code: 14 });
  });
});
