import { pinoLog, SILENT, systemEntropy } from '@koguma/core';
import { openPostgresStore } from '@koguma/resources';
import { WiredLab } from '@koguma/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasPostgres, ThrowawayCluster } from '../support/throwaway-cluster.js';
import { dataplane, Proxies } from './proxy-lab.js';
import { globalReport, zoneOverviews, zoneReport } from './reports.js';

const ENV = { KUMA_MULTIZONE_GLOBAL_KDS_ZONE_INSIGHT_FLUSH_INTERVAL: '50ms' };
/** A leader that died is one for 5 s; what replicas tell each other comes within 4 s. */
const SECONDS = { timeout: 15_000 };

describe.skipIf(!hasPostgres())('replicas on one PostgreSQL', { timeout: 40_000 }, () => {
  let cluster: ThrowawayCluster;
  const labs: WiredLab[] = [];
  const lines: string[] = [];
  const log = pinoLog('info', 'lab', { write: (line) => lines.push(line) });
  const databases = ['global', 'east', 'impostor'];

  /** A lab whose control planes live in PostgreSQL: those of other labs with the same database are their replicas. */
  const labOf = (zones: readonly string[], zoneDatabase = 'east') => {
    const openStore = (name: string) => {
      const dbName = name === 'global' ? 'global' : zoneDatabase;
      const owner = name === 'global' ? 'global' : 'zone east';
      return openPostgresStore({ settings: cluster.settings(dbName), entropy: systemEntropy, log: SILENT, owner });
    };
    const lab = new WiredLab({ zones, env: ENV, openStore, log });
    for (const zone of zones) lab.configure(zone, { KUMA_MULTIZONE_ZONE_NAME: 'east' });
    labs.push(lab);
    return lab;
  };

  beforeAll(async () => {
    cluster = await ThrowawayCluster.start();
  });
  afterAll(() => cluster?.drop());
  beforeEach(async () => {
    for (const name of databases) await cluster.createDatabase(name);
  });
  afterEach(async () => {
    for (const lab of labs.splice(0)) await lab.stop();
  });

  const east = async (lab: WiredLab) => (await globalReport(lab.global)).zones.find(({ zone }) => zone === 'east');
  const inSync = (lab: WiredLab) =>
    expect.poll(async () => (await zoneReport(lab.zone('first'))).state, SECONDS).toBe('in-sync');
  const openOn = async (lab: WiredLab) => {
    const [overview] = await zoneOverviews(lab.global);
    return overview?.zoneInsight?.subscriptions.filter(({ disconnectTime }) => disconnectTime === undefined).length;
  };

  it('of global: a write on one reaches a zone attached to the other, and both tell the same of the zone', async () => {
    const [one, two] = [labOf(['first']), labOf([])];
    await one.global.start();
    await one.zone('first').start();
    await inSync(one);
    await two.global.start();
    expect(await two.global.secretNames()).toEqual(await one.global.secretNames());

    const headers = { 'x-request-id': 'asked-of-two' };
    await two.global.call('PUT', '/meshes/payments', { type: 'Mesh', name: 'payments' }, { headers });
    await expect.poll(async () => (await one.zone('first').get('/meshes/payments')).status, SECONDS).toBe(200);
    const told = lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ msg }) => msg === 'applied');
    expect(told).toContainEqual(expect.objectContaining({ peer: 'global', type: 'Mesh', request: 'asked-of-two' }));
    const facts = async (lab: WiredLab) => {
      const { state, since, types = [] } = (await east(lab)) ?? {};
      return { state, since, types: types.map(({ type, applied }) => [type, applied]) };
    };
    await expect
      .poll(async () => JSON.stringify(await facts(two)) === JSON.stringify(await facts(one)), SECONDS)
      .toBe(true);
    expect((await facts(two)).state).toBe('Online');
    // The second came later, and leaves alone what the first one holds.
    expect([await openOn(one), await openOn(two)]).toEqual([1, 1]);
    expect((await two.global.call('DELETE', '/zones/east')).status).toBe(400);
  });

  it('of global: the name of a zone that is at one is refused by the other to a control plane with another store', async () => {
    const [one, two] = [labOf(['first']), labOf(['first'], 'impostor')];
    await one.global.start();
    await one.zone('first').start();
    await inSync(one);
    await two.global.start();
    await expect.poll(async () => (await east(two))?.state, SECONDS).toBe('Online');
    await two.zone('first').start();
    const why = async () => (await zoneReport(two.zone('first'))).reason;
    await expect.poll(why, SECONDS).toContain('another control plane is connected as zone east, with another store');
    expect((await zoneReport(one.zone('first'))).state).toBe('in-sync');
    await one.zone('first').stop();
    await expect.poll(async () => (await zoneReport(two.zone('first'))).state, SECONDS).toBe('in-sync');
  });

  it('of global: of two control planes that came as one zone at the same moment, one keeps the name', async () => {
    const [one, two] = [labOf(['first']), labOf(['first'], 'impostor')];
    await Promise.all([one.global.start(), two.global.start()]);
    await Promise.all([one.zone('first').start(), two.zone('first').start()]);
    const states = async () => {
      const reports = await Promise.all([one, two].map((lab) => zoneReport(lab.zone('first'))));
      return new Set(reports.map(({ state, reason }) => (state === 'in-sync' ? state : reason?.slice(0, 44))));
    };
    const oneOfEach = new Set(['another control plane is connected as zone e', 'in-sync']);
    await expect.poll(states, SECONDS).toEqual(oneOfEach);
  });

  it('of global: what two make that start at once on an empty store is made once', async () => {
    const [one, two] = [labOf([]), labOf([])];
    await Promise.all([one.global.start(), two.global.start()]);
    const made = async (lab: WiredLab) => {
      const { items } = (await lab.global.get<{ items: { name: string; data: string }[] }>('/global-secrets')).body;
      return Object.fromEntries(items.map(({ name, data }) => [name, data]));
    };
    const names = [
      'admin-user-token',
      'user-token-signing-key-1',
      'zone-ingress-token-signing-key-1',
      'zone-token-signing-key-1',
    ];
    await expect.poll(async () => Object.keys(await made(one)), SECONDS).toEqual(names);
    expect(await made(two)).toEqual(await made(one));
    const token = await one.global.secretText('admin-user-token');
    for (const lab of [one, two]) expect(await lab.global.verify(token, 'user')).toMatchObject({ accepted: true });
    // Each was written once, and never replaced by the other's.
    const writes = await cluster.query(
      "SELECT name, count(*)::int AS n FROM change WHERE name ~ 'token' GROUP BY 1",
      'global',
    );
    expect(new Set(writes.map(({ n }) => n))).toEqual(new Set([1]));
    expect(writes.map(({ name }) => name)).toEqual(expect.arrayContaining(names));
  });

  it('of global: one leads, and when it is cut off for good the other closes what it left open', async () => {
    const [one, two] = [labOf(['first']), labOf([])];
    await one.global.start();
    await one.zone('first').start();
    await inSync(one);
    await two.global.start();
    await expect.poll(async () => (await east(two))?.state, SECONDS).toBe('Online');
    expect([one.global.served.leadership.leads, two.global.served.leadership.leads]).toEqual([true, false]);
    await one.stores.get('global')?.close(); // as a process that is killed: it says no goodbye to the others
    await expect.poll(() => two.global.served.leadership.leads, SECONDS).toBe(true);
    await expect.poll(() => openOn(two), SECONDS).toBe(0);
    expect((await east(two))?.state).toBe('Offline');
    expect(two.global.served.leadership.fence).toBe(2);
  });

  it('of a zone: one speaks to global, the other serves the same, and takes over when that one stops', async () => {
    const lab = labOf(['first', 'second']);
    await lab.global.start();
    await lab.zone('first').start();
    await inSync(lab);
    await lab.zone('second').start();
    const told = async (zone: string) => {
      const { state, status, since } = await zoneReport(lab.zone(zone));
      return JSON.stringify({ state, status, since });
    };
    await expect.poll(async () => (await told('second')) === (await told('first')), SECONDS).toBe(true);
    expect(await told('second')).toContain('"in-sync"');
    expect(await lab.zone('second').readiness()).toBe(200);
    expect(await openOn(lab)).toBe(1);
    const token = await lab.zone('second').issue('dataplane', { mesh: 'default' });
    expect(await lab.zone('first').verify(token, 'dataplane', 'default')).toMatchObject({ accepted: true });

    const dataplane = {
      type: 'Dataplane',
      mesh: 'default',
      name: 'web',
      networking: { address: '10.0.0.1', inbound: [{ port: 80, tags: { 'kuma.io/service': 'web' } }] },
    };
    expect((await lab.zone('second').call('PUT', '/meshes/default/dataplanes/web', dataplane)).status).toBe(201);
    const onGlobal = async () =>
      (await lab.global.get<{ items: unknown[] }>('/meshes/default/dataplanes')).body.items.length;
    await expect.poll(onGlobal, SECONDS).toBe(1);

    await lab.zone('first').stop();
    await expect.poll(() => lab.zone('second').served.leadership.leads, SECONDS).toBe(true);
    await expect.poll(async () => (await zoneReport(lab.zone('second'))).state, SECONDS).toBe('in-sync');
    expect(await onGlobal()).toBe(1);
  });

  describe('of a zone, with proxies', () => {
    let lab: WiredLab;
    const proxies = new Proxies(() => lab);
    beforeEach(async () => {
      lab = labOf(['first', 'second']);
      await lab.global.start();
      await lab.zone('first').start();
      await inSync(lab);
    });
    afterEach(() => proxies.closeAll());

    /** Which replicas have an open stream of a proxy, as one of them tells. */
    const streams = async (asked: string, name: string) => {
      const path = `/meshes/default/dataplanes/${name}/_overview`;
      const { body } = await lab.zone(asked).get<Overview>(path);
      const open = body.dataplaneInsight?.subscriptions.filter(({ disconnectTime }) => disconnectTime === undefined);
      return (open ?? []).map(({ controlPlaneInstanceId: at }) =>
        ['first', 'second'].find((zone) => lab.zone(zone).running && lab.zone(zone).served.instanceId === at),
      );
    };

    it('one that is at the first is not taken for gone by the second, which starts later', async () => {
      await proxies.connected('first', await lab.zone('first').issue('dataplane', { mesh: 'default' }), dataplane('a'));
      await expect.poll(() => streams('first', 'a')).toEqual(['first']);
      await lab.zone('second').start();
      await proxies.connected(
        'second',
        await lab.zone('first').issue('dataplane', { mesh: 'default' }),
        dataplane('b'),
      );
      await expect.poll(() => streams('first', 'b'), SECONDS).toEqual(['second']);
      expect(await streams('second', 'a')).toEqual(['first']);
    });

    it('one that goes over to the second keeps what it brought along, and one that leaves does not', async () => {
      await lab.zone('second').start();
      const token = await lab.zone('first').issue('dataplane', { mesh: 'default' });
      const [moving, leaving] = [
        await proxies.connected('first', token, dataplane('a')),
        await proxies.connected('first', token, dataplane('b')),
      ];
      await proxies.connected('second', token, dataplane('a'));
      for (const proxy of [moving, leaving]) proxy.close();
      await expect.poll(() => streams('first', 'a'), SECONDS).toEqual(['second']);
      await expect.poll(() => streams('first', 'b'), SECONDS).toEqual([]);
      lab.clock.hurry(10_000);
      const stored = (name: string) => lab.zone('first').get(`/meshes/default/dataplanes/${name}`);
      await expect.poll(async () => (await stored('b')).status, SECONDS).toBe(404);
      expect((await stored('a')).status).toBe(200);
    });

    it('those of one that is cut off for good are over, as the other tells, once that leads', async () => {
      await lab.zone('second').start();
      await proxies.connected('first', await lab.zone('first').issue('dataplane', { mesh: 'default' }), dataplane('a'));
      await expect.poll(() => streams('second', 'a'), SECONDS).toEqual(['first']);
      await lab.stores.get('first')?.close(); // as a process that is killed
      await expect.poll(() => streams('second', 'a'), SECONDS).toEqual([]);
    });
  });

  it('are refused where global and a zone are given one database by mistake', async () => {
    const lab = labOf([]);
    await lab.global.start();
    const settings = cluster.settings('global');
    const opening = openPostgresStore({ settings, entropy: systemEntropy, log: SILENT, owner: 'zone east' });
    await expect(opening).rejects.toMatchObject({ message: expect.stringContaining('belongs to global') });
  });
});

interface Overview {
  readonly dataplaneInsight?: {
    readonly subscriptions: readonly { disconnectTime?: string; controlPlaneInstanceId: string }[];
  };
}
