import { secretSpec } from '@koguma/auth';
import type { Draft, ResourceKey } from '@koguma/resources';
import { decodeToken, startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { globalReport, zoneOverviews, zoneReport } from './reports.js';

const INGRESS = { zone: 'east' };
/** Longer than any wait before a refused resource is offered again. */
const LONG = 100_000;

/** A key that the rules for people would refuse, put past them as an older store or another writer might. */
const bad = (name: string): Draft => ({
  type: 'GlobalSecret',
  mesh: '',
  name,
  spec: secretSpec('this is not a key'),
  labels: {},
  creationTime: 1,
  modificationTime: 1,
});

describe('a resource that zones cannot take', () => {
  const BAD = 'zone-ingress-token-signing-key-9';
  let lab: WiredLab;
  beforeAll(async () => {
    lab = await startWiredLab();
    await lab.global.served.manager.system((tx) => tx.create(bad(BAD)));
    await lab.until(async () => {
      const { zones } = await globalReport(lab.global);
      return zones.every(({ types }) => types.some(({ lastError }) => lastError !== null));
    }, 'both zones have refused it');
  });
  afterAll(() => lab.stop());

  /** Waits for what happens only when a delay has ended. */
  const hurriedUntil = (condition: () => Promise<boolean>, what: string) =>
    lab.until(() => {
      lab.clock.hurry(LONG);
      return condition();
    }, what);
  const lastError = async (where: 'global' | 'east') => {
    const { types } =
      where === 'global'
        ? ((await globalReport(lab.global)).zones[0] ?? { types: [] })
        : await zoneReport(lab.zone(where));
    return types.find(({ type }) => type === 'GlobalSecret')?.lastError;
  };

  it('is named, with the reason, by the zone and by global', async () => {
    for (const where of ['global', 'east'] as const) {
      expect(await lastError(where)).toContain(`GlobalSecret "${BAD}": data is not an RSA key`);
    }
  });

  it('is not counted as applied, and other types are', async () => {
    const { zones } = await globalReport(lab.global);
    for (const { types } of zones) {
      for (const { type, written, applied } of types) {
        expect([type, applied === written]).toEqual([type, type !== 'GlobalSecret']);
      }
    }
  });

  it('is not in the zone, and does not sign', async () => {
    expect(await lab.zone('east').secretNames()).not.toContain(BAD);
    expect(decodeToken(await lab.zone('east').issue('zone-ingress', INGRESS)).kid).toBe('1');
    expect(decodeToken(await lab.global.issue('zone-ingress', INGRESS)).kid).toBe('1');
  });

  it('does not hold up the rest: changes of its own type and of others arrive', async () => {
    const token = await lab.zone('east').issue('zone-ingress', INGRESS);
    await lab.global.revoke('zone-ingress-token-revocations', [decodeToken(token).jti]);
    await lab.global.createMesh('after');
    for (const zone of ['east', 'west']) {
      await lab.until(
        async () => (await lab.zone(zone).verify(token, 'zone-ingress')).reason === 'revoked',
        `the revocation is in ${zone}`,
      );
      await lab.until(async () => (await lab.zone(zone).get('/meshes/after')).status === 200, `the mesh is in ${zone}`);
    }
  });

  it('does not hold up a zone that connects anew', async () => {
    await lab.zone('east').restart();
    await lab.until(() => lab.zone('east').served.link?.state === 'in-sync', 'east is connected');
    expect(await lastError('east')).toContain(BAD);
    expect(await lab.zone('east').secretNames('after')).toEqual(['dataplane-token-signing-key-after-1']);
  });

  it('is offered again later, and counts as refused again', async () => {
    const rejected = async () => {
      const [east] = await zoneOverviews(lab.global);
      return Number(east?.zoneInsight?.subscriptions.at(-1)?.status.total.responsesRejected ?? 0);
    };
    await hurriedUntil(async () => (await rejected()) > 0, 'the first refusal was counted');
    const before = await rejected();
    await hurriedUntil(async () => (await rejected()) > before, 'it was refused again');
    expect(await lastError('global')).toContain(BAD);
  });

  it('arrives once it is repaired, and everything is in sync', async () => {
    await lab.global.putSecret(BAD, await lab.makeKey());
    await lab.until(async () => (await lab.zone('west').secretNames()).includes(BAD), 'the good key is in west');
    expect(decodeToken(await lab.zone('west').issue('zone-ingress', INGRESS)).kid).toBe('9');
    await hurriedUntil(async () => (await lastError('global')) === null, 'global offered it again');
    await lab.synced();
    expect(await lastError('east')).toBeNull();
  });
});

describe('a change that zones cannot take', () => {
  const KEY: ResourceKey = { type: 'GlobalSecret', mesh: '', name: 'zone-ingress-token-signing-key-1' };
  let lab: WiredLab;
  beforeAll(async () => {
    lab = await startWiredLab({ zones: ['east'] });
  });
  afterAll(() => lab.stop());

  it('leaves the zone with what it had, until it is repaired', async () => {
    const zone = lab.zone('east');
    const good = await zone.secretText(KEY.name);
    await lab.global.served.manager.system(async (tx) => {
      const stored = await tx.get(KEY);
      if (stored) await tx.update({ ...stored, spec: bad(KEY.name).spec });
    });
    await lab.until(
      async () => (await zoneReport(zone)).types.some(({ lastError }) => lastError !== null),
      'east has refused it',
    );
    expect(await zone.secretText(KEY.name)).toBe(good);
    expect(decodeToken(await zone.issue('zone-ingress', INGRESS)).kid).toBe('1');
    expect((await lab.global.call('POST', '/tokens/zone-ingress', INGRESS)).status).toBe(404);

    await lab.global.putSecret(KEY.name, good);
    await lab.until(async () => {
      lab.clock.hurry(LONG);
      return (await zoneReport(zone)).types.every(({ lastError }) => lastError === null);
    }, 'east has taken it');
    await lab.synced();
    const token = await lab.global.issue('zone-ingress', INGRESS);
    expect(await zone.verify(token, 'zone-ingress')).toMatchObject({ accepted: true });
  });
});

describe('a zone key that has no public half', () => {
  it('stays on global, is named there and holds up nothing', async () => {
    const lab = await startWiredLab({ zones: ['east'] });
    try {
      await lab.global.served.manager.system((tx) => tx.create(bad('zone-token-signing-key-2')));
      await lab.global.createMesh('after');
      const token = await lab.global.issue('zone', { zone: 'east', scope: ['ingress'] });
      await lab.global.revoke('zone-token-revocations', [decodeToken(token).jti]);
      await lab.synced();
      expect(await lab.zone('east').verify(token, 'zone')).toMatchObject({ reason: 'revoked' });
      expect((await lab.zone('east').secretNames()).filter((name) => name.includes('public'))).toEqual([
        'zone-token-signing-public-key-1',
      ]);
      expect((await lab.zone('east').get('/meshes/after')).status).toBe(200);
      const { types } = (await globalReport(lab.global)).zones[0] ?? { types: [] };
      expect(Object.fromEntries(types.map(({ type, lastError }) => [type, lastError]))).toEqual({
        Config: null,
        Mesh: null,
        Secret: null,
        GlobalSecret: expect.stringMatching(
          /^GlobalSecret "zone-token-signing-key-2" cannot be sent: is not an RSA key/,
        ),
      });
    } finally {
      await lab.stop();
    }
  });
});
