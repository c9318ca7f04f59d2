import { decodeToken, Relay, startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { zoneReport } from './reports.js';

const ZONES = ['east', 'west'] as const;
const INGRESS = { zone: 'east' };

describe('while global is away', () => {
  let lab: WiredLab;
  let earlier: string;
  /** Global was lost between these two, on the lab's clock. */
  let lostAfter: number;
  let lostBefore: number;
  beforeAll(async () => {
    lab = await startWiredLab();
    earlier = await lab.global.issue('zone-ingress', INGRESS);
    lostAfter = lab.clock.wall();
    await lab.global.stop();
    await lab.until(() => ZONES.every((zone) => lab.zone(zone).served.link?.state === 'cut-off'), 'zones notice');
    lostBefore = lab.clock.wall();
    lab.clock.advance(3_600_000);
  });
  afterAll(() => lab.stop());

  const expectToWork = async () => {
    const ingress = await lab.zone('east').issue('zone-ingress', INGRESS);
    const dataplane = await lab.zone('east').issue('dataplane', { mesh: 'default', name: 'dp-1' });
    for (const zone of ZONES) {
      for (const token of [earlier, ingress]) {
        expect(await lab.zone(zone).verify(token, 'zone-ingress')).toMatchObject({ accepted: true });
      }
      expect(await lab.zone(zone).verify(dataplane, 'dataplane', 'default')).toMatchObject({ accepted: true });
    }
  };

  it('zones issue tokens and check them as before', expectToWork);

  it('a zone says that it is cut off, why, and since when, and stays ready', async () => {
    const report = await zoneReport(lab.zone('east'));
    expect(report).toMatchObject({ zone: 'east', state: 'cut-off' });
    expect(report.reason).toMatch(/UNAVAILABLE/);
    expect(Date.parse(report.since)).toBeGreaterThanOrEqual(lostAfter);
    expect(Date.parse(report.since)).toBeLessThanOrEqual(lostBefore);
    expect(await lab.zone('east').readiness()).toBe(200);
  });

  it('a zone that starts anew issues and checks tokens, and knows since when it is cut off', async () => {
    await Promise.all(ZONES.map((zone) => lab.zone(zone).restart()));
    await expectToWork();
    const report = await zoneReport(lab.zone('east'));
    expect(report.state).toBe('cut-off');
    expect(Date.parse(report.since)).toBeGreaterThanOrEqual(lostAfter);
    expect(Date.parse(report.since)).toBeLessThanOrEqual(lostBefore);
    expect(await lab.zone('east').readiness()).toBe(200);
  });

  it('a zone still takes what is its own, and still refuses what global owns', async () => {
    await lab.zone('east').revoke('user-token-revocations', []);
    const { status } = await lab.zone('east').call('PUT', '/global-secrets/zone-ingress-token-revocations', {});
    expect(status).toBe(405);
  });

  it('nothing is lost: when global is back, zones are in sync again by themselves', async () => {
    const before = await lab.zone('east').secretText('zone-ingress-token-signing-key-1');
    await lab.global.start();
    await lab.synced();
    expect(await zoneReport(lab.zone('east'))).toMatchObject({ state: 'in-sync', reason: null });
    expect(await lab.zone('east').secretText('zone-ingress-token-signing-key-1')).toBe(before);
    await expectToWork();
  });
});

describe('a global that comes and goes, at whatever moment of the zones’ dialling', () => {
  let lab: WiredLab;
  beforeAll(async () => {
    lab = await startWiredLab();
  });
  afterAll(() => lab.stop());

  it.each([0, 1, 2, 3, 5, 6, 7, 9, 11, 14])(
    'harms no zone when it goes %i turns of the loop after it came',
    async (turns) => {
      await lab.global.restart();
      for (let left = turns; left > 0; left--) await new Promise((resolve) => setImmediate(resolve));
      await lab.global.stop();
      const token = await lab.zone('east').issue('zone-ingress', INGRESS);
      expect(await lab.zone('west').verify(token, 'zone-ingress')).toMatchObject({ accepted: true });
      await lab.global.start();
    },
  );

  it('is in sync with every zone when it stays', () => lab.synced());
});

describe.each(['stopped', 'cut off', 'cut off, and global restarted'])('what happened while zones were %s', (how) => {
  let lab: WiredLab;
  let wire: Relay;
  beforeAll(async () => {
    wire = await Relay.open();
    lab = await startWiredLab({ dialThrough: (_, address) => wire.dial(address) });
  });
  afterAll(async () => {
    await lab.stop();
    await wire.close();
  });

  const away = async () => {
    if (how === 'stopped') return Promise.all(ZONES.map((zone) => lab.zone(zone).stop()));
    wire.cut();
    return lab.until(() => ZONES.every((zone) => lab.zone(zone).served.link?.state === 'cut-off'), 'zones are cut off');
  };
  const back = async () => {
    if (how === 'cut off, and global restarted') await lab.global.restart();
    if (how === 'stopped') await Promise.all(ZONES.map((zone) => lab.zone(zone).start()));
    wire.mend();
    await lab.synced();
  };
  const inZones = (token: string, mesh?: string) =>
    Promise.all(
      ZONES.map(async (zone) => {
        const kind = mesh === undefined ? 'zone-ingress' : 'dataplane';
        return (await lab.zone(zone).verify(token, kind, mesh)).reason ?? 'accepted';
      }),
    );

  it('is made up for: a revocation', async () => {
    const token = await lab.zone('east').issue('zone-ingress', INGRESS);
    await away();
    await lab.global.revoke('zone-ingress-token-revocations', [decodeToken(token).jti]);
    if (how !== 'stopped') expect(await inZones(token)).toEqual(['accepted', 'accepted']); // they cannot know yet
    await back();
    expect(await inZones(token)).toEqual(['revoked', 'revoked']);
  });

  it('is made up for: a revocation that was taken back', async () => {
    const token = await lab.zone('east').issue('zone-ingress', INGRESS);
    await lab.global.revoke('zone-ingress-token-revocations', [decodeToken(token).jti]);
    await lab.synced();
    expect(await inZones(token)).toEqual(['revoked', 'revoked']);
    await away();
    await lab.global.deleteSecret('zone-ingress-token-revocations');
    await back();
    expect(await inZones(token)).toEqual(['accepted', 'accepted']);
  });

  it('is made up for: a rotation from its first to its last step', async () => {
    const KEY = 'zone-ingress-token-signing-key';
    const old = await lab.zone('east').issue('zone-ingress', INGRESS);
    await away();
    await lab.global.putSecret(`${KEY}-2`, await lab.makeKey());
    await lab.global.deleteSecret(`${KEY}-1`);
    await back();
    const fresh = await lab.zone('west').issue('zone-ingress', INGRESS);
    expect(decodeToken(fresh).kid).toBe('2');
    expect(await inZones(fresh)).toEqual(['accepted', 'accepted']);
    expect(await inZones(old)).toEqual(['unknown_kid', 'unknown_kid']);
  });

  it('is made up for: one mesh deleted and another created', async () => {
    await lab.global.createMesh('old');
    await lab.global.putSecret('note', 'put by hand', { mesh: 'old' });
    await lab.synced();
    const token = await lab.zone('east').issue('dataplane', { mesh: 'old' });
    await away();
    await lab.global.call('DELETE', '/meshes/old');
    await lab.global.createMesh('new');
    await back();
    expect(await inZones(token, 'old')).toEqual(['unknown_kid', 'unknown_kid']);
    for (const zone of ZONES) {
      const { items } = (await lab.zone(zone).get<{ items: { mesh: string }[] }>('/secrets')).body;
      expect(items.map(({ mesh }) => mesh).sort()).toEqual(['default', 'new']);
    }
    expect(await inZones(await lab.zone('west').issue('dataplane', { mesh: 'new' }), 'new')).toEqual([
      'accepted',
      'accepted',
    ]);
  });
});

describe('a zone that never met its global', () => {
  let lab: WiredLab;
  beforeAll(async () => {
    lab = await startWiredLab({ zones: ['east'] });
    await lab.stop();
    lab.wipe('east');
    await lab.zone('east').start();
  });
  afterAll(() => lab.stop());

  it('cannot issue, and says that this is why', async () => {
    for (const [kind, request] of [
      ['zone-ingress', INGRESS],
      ['dataplane', { mesh: 'default' }],
    ] as const) {
      const { status, body } = await lab.zone('east').call('POST', `/tokens/${kind}`, request);
      expect([status, body.title]).toEqual([404, 'Signing Key not found']);
      expect(body.detail).toMatch(
        /this zone has never synced with its global control plane \(grpc:\/\/127\.0\.0\.1:\d+\), so it has no keys yet/,
      );
    }
  });

  it('is alive and not ready, and says that it never met global', async () => {
    const zone = lab.zone('east');
    expect(await zone.readiness()).toBe(503);
    expect((await fetch(`${zone.diagnosticsUrl}/healthy`)).status).toBe(200);
    const report = await zoneReport(zone);
    expect(report).toMatchObject({ state: 'never-met', clusterId: null });
    await lab.until(async () => (await zoneReport(zone)).reason !== null, 'the first dial has failed');
  });

  it('lets its own administrator in nevertheless', async () => {
    const zone = lab.zone('east');
    await lab.until(async () => (await zone.secretNames()).includes('admin-user-token'), 'it has an admin token');
    const token = await zone.secretText('admin-user-token');
    expect((await zone.get('/who-am-i', { token })).body).toMatchObject({ name: 'mesh-system:admin' });
  });

  it('is ready and issues as soon as it has met it', async () => {
    await lab.global.start();
    await lab.synced();
    expect(await lab.zone('east').readiness()).toBe(200);
    const token = await lab.zone('east').issue('zone-ingress', INGRESS);
    expect(await lab.global.verify(token, 'zone-ingress')).toMatchObject({ accepted: true });
  });
});

describe('a zone that lost its disk', () => {
  it('gets everything again, and makes what is its own anew', async () => {
    const lab = await startWiredLab({ zones: ['east'] });
    try {
      const zone = lab.zone('east');
      const token = await zone.issue('zone-ingress', INGRESS);
      const ownKey = await zone.secretText('user-token-signing-key-1');
      await zone.stop();
      lab.wipe('east');
      await zone.start();
      await lab.synced();
      expect(await zone.verify(token, 'zone-ingress')).toMatchObject({ accepted: true });
      expect(await zone.secretNames('default')).toEqual(['dataplane-token-signing-key-default-1']);
      expect(await zone.secretText('user-token-signing-key-1')).not.toBe(ownKey);
    } finally {
      await lab.stop();
    }
  });
});

describe('a global that lost its disk', () => {
  let lab: WiredLab;
  let token: string;
  let known: string | null;
  beforeAll(async () => {
    lab = await startWiredLab();
    token = await lab.global.issue('zone-ingress', INGRESS);
    known = (await zoneReport(lab.zone('east'))).clusterId;
    await lab.global.stop();
    lab.wipe('global');
    await lab.global.start();
    await lab.until(
      () => ZONES.every((zone) => lab.zone(zone).served.link?.state === 'refused'),
      'zones refuse the new global',
    );
  });
  afterAll(() => lab.stop());
  beforeEach(() => expect(known).toMatch(/^[0-9a-f-]{36}$/));

  const newId = async () => String((await lab.global.get('/')).body.clusterId);

  it('is another global, and is refused by a zone that has state, which says how to adopt it', async () => {
    const id = await newId();
    expect(id).not.toBe(known);
    const report = await zoneReport(lab.zone('east'));
    expect(report).toMatchObject({ state: 'refused', clusterId: known });
    expect(report.reason).toBe(
      `this zone belongs to the global control plane with cluster id ${known}, and this one has ${id}: ` +
        'its keys would replace those that this zone has. To adopt it, start the zone with ' +
        `KOGUMA_MULTIZONE_ZONE_ADOPT_CLUSTER_ID=${id}`,
    );
  });

  it('changes no key in the zones, which go on issuing and checking', async () => {
    const fresh = await lab.zone('east').issue('zone-ingress', INGRESS);
    for (const zone of ZONES) {
      expect(await lab.zone(zone).verify(token, 'zone-ingress')).toMatchObject({ accepted: true });
      expect(await lab.zone(zone).verify(fresh, 'zone-ingress')).toMatchObject({ accepted: true });
      expect(await lab.zone(zone).readiness()).toBe(200);
    }
    expect(await lab.global.verify(fresh, 'zone-ingress')).toMatchObject({ reason: 'bad_signature' });
  });

  it('stays refused after a restart of the zone', async () => {
    await lab.zone('west').restart();
    await lab.until(() => lab.zone('west').served.link?.state === 'refused', 'west refuses it again');
    expect(await lab.zone('west').verify(token, 'zone-ingress')).toMatchObject({ accepted: true });
  });

  it('is not adopted by a zone that was told to adopt a third one', async () => {
    lab.configure('west', { KOGUMA_MULTIZONE_ZONE_ADOPT_CLUSTER_ID: '00000000-0000-4000-8000-000000000000' });
    await lab.zone('west').restart();
    await lab.until(() => lab.zone('west').served.link?.state === 'refused', 'west refuses it still');
  });

  it('is adopted by a zone that was told to: it takes the keys of the new global in place of the old', async () => {
    const id = await newId();
    lab.configure('east', { KOGUMA_MULTIZONE_ZONE_ADOPT_CLUSTER_ID: id });
    await lab.zone('east').restart();
    await lab.until(() => lab.zone('east').served.link?.state === 'in-sync', 'east adopts it');
    expect(await zoneReport(lab.zone('east'))).toMatchObject({ state: 'in-sync', clusterId: id });
    expect(await lab.zone('east').verify(token, 'zone-ingress')).toMatchObject({ reason: 'bad_signature' });
    const fresh = await lab.zone('east').issue('zone-ingress', INGRESS);
    expect(await lab.global.verify(fresh, 'zone-ingress')).toMatchObject({ accepted: true });
  });
});
