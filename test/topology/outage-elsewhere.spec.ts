import { SILENT, systemEntropy } from '@koguma/core';
import { openPostgresStore } from '@koguma/resources';
import { decodeToken, startWiredLab, WiredLab } from '@koguma/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hasPostgres, ThrowawayCluster } from '../support/throwaway-cluster.js';
import { dataplane, Proxies } from './proxy-lab.js';
import { globalReport, zoneReport } from './reports.js';

let lab: WiredLab;
const proxies = new Proxies(() => lab);
afterEach(async () => {
  proxies.closeAll();
  await lab?.stop();
});

const INGRESS = { zone: 'east' };
/** A database that is back is found within this. */
const SOON = { timeout: 20_000 };

describe('while one zone is away', () => {
  it('global and the other zone go on, global tells since when, and what was missed arrives with its return', async () => {
    lab = await startWiredLab();
    const token = await lab.zone('east').issue('zone-ingress', INGRESS);
    const before = lab.clock.wall();
    await lab.zone('east').stop();
    await lab.global.revoke('zone-ingress-token-revocations', [decodeToken(token).jti]);
    await lab.synced();
    expect(await lab.zone('west').verify(token, 'zone-ingress')).toMatchObject({ accepted: false, reason: 'revoked' });
    const east = (await globalReport(lab.global)).zones.find(({ zone }) => zone === 'east');
    expect(east?.state).toBe('Offline');
    expect(Date.parse(east?.since ?? '')).toBeGreaterThanOrEqual(before - 1_000);
    await lab.zone('east').start();
    await lab.synced();
    expect(await lab.zone('east').verify(token, 'zone-ingress')).toMatchObject({ accepted: false, reason: 'revoked' });
  });
});

describe.skipIf(!hasPostgres())('while a database is away', { timeout: 60_000 }, () => {
  let cluster: ThrowawayCluster;
  beforeAll(async () => {
    cluster = await ThrowawayCluster.start();
  });
  afterAll(() => cluster?.drop());

  /** A lab in which one control plane lives in PostgreSQL, and the others in memory. */
  const labWith = async (name: string) => {
    await cluster.createDatabase(name);
    const settings = cluster.settings(name, { connectionTimeout: 1 });
    const open = () => openPostgresStore({ settings, entropy: systemEntropy, log: SILENT });
    lab = new WiredLab({ zones: ['east'], openStore: (one) => (one === name ? open() : Promise.resolve(undefined)) });
    await lab.start();
  };

  it('of a zone, the zone issues and checks tokens from memory, keeps its proxies and stays ready; it refuses writes with the reason', async () => {
    await labWith('east');
    const east = lab.zone('east');
    const proxy = await proxies.connected('east', await east.issue('dataplane', { mesh: 'default' }), dataplane('a'));
    await cluster.halt('at once');
    const token = await east.issue('zone-ingress', INGRESS);
    expect(await east.verify(token, 'zone-ingress')).toMatchObject({ accepted: true });
    expect(await east.readiness()).toBe(200);
    const web = dataplane('web');
    const refused = await east.call('PUT', '/meshes/default/dataplanes/web', web);
    expect([refused.status, refused.text]).toEqual([503, expect.stringContaining('postgres')]);
    expect(proxy.end).toBeUndefined();

    await lab.global.createMesh('made-meanwhile');
    await cluster.resume();
    await expect.poll(async () => (await east.get('/meshes/made-meanwhile')).status, SOON).toBe(200);
    expect((await east.call('PUT', '/meshes/default/dataplanes/web', web)).status).toBe(201);
    expect(proxy.end).toBeUndefined();
  });

  it('of global, tokens are issued and checked everywhere; global refuses writes with the reason, takes them again later, and zones are linked again by themselves', async () => {
    await labWith('global');
    await cluster.halt('at once');
    for (const node of [lab.global, lab.zone('east')]) {
      const token = await node.issue('zone-ingress', INGRESS);
      expect(await lab.zone('east').verify(token, 'zone-ingress')).toMatchObject({ accepted: true });
      expect(await lab.global.verify(token, 'zone-ingress')).toMatchObject({ accepted: true });
      expect(await node.readiness()).toBe(200);
    }
    const put = () => lab.global.call('PUT', '/meshes/payments', { type: 'Mesh', name: 'payments' });
    const refused = await put();
    expect([refused.status, refused.text]).toEqual([503, expect.stringContaining('postgres')]);

    await cluster.resume();
    await expect.poll(async () => (await put()).status, SOON).toBe(201);
    await expect.poll(async () => (await lab.zone('east').get('/meshes/payments')).status, SOON).toBe(200);
    await expect.poll(async () => (await zoneReport(lab.zone('east'))).state, SOON).toBe('in-sync');
  });
});
