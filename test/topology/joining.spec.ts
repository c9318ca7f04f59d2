import { startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { globalReport } from './reports.js';

let lab: WiredLab;
beforeAll(async () => {
  lab = await startWiredLab({ zones: ['east'] });
});
afterAll(() => lab.stop());

const sync = async () =>
  (await lab.zone('east').get<{ state: string; clusterId: string; reason: string }>('/koguma/sync')).body;

/** East as a zone that has stood alone so far, with keys and a mesh of its own. */
async function standAlone(): Promise<void> {
  await lab.zone('east').stop();
  lab.wipe('east');
  lab.configure('east', { KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: '' });
  await lab.zone('east').start();
}

describe('a zone that stood alone and is given a global', () => {
  it('keeps to itself until it is told to adopt it, and says how', async () => {
    await standAlone();
    const own = await lab.zone('east').issue('zone-ingress', { zone: 'east' });
    lab.configure('east', {});
    await lab.zone('east').restart();
    await lab.until(async () => (await sync()).state === 'refused', 'east refuses that global');
    expect((await sync()).reason).toMatch(/start the zone with KOGUMA_MULTIZONE_ZONE_ADOPT_CLUSTER_ID=/);
    expect(await lab.zone('east').verify(own, 'zone-ingress')).toMatchObject({ accepted: true });
  });

  it('takes global’s identity, mesh and keys in place of its own when it adopts it, and keeps its users', async () => {
    const { clusterId } = (await lab.global.get<{ clusterId: string }>('/')).body;
    const userKey = await lab.zone('east').secretText('user-token-signing-key-1');
    lab.configure('east', { KOGUMA_MULTIZONE_ZONE_ADOPT_CLUSTER_ID: clusterId });
    await lab.zone('east').restart();
    await lab.synced();
    expect(await sync()).toMatchObject({ state: 'in-sync', clusterId });
    expect((await globalReport(lab.global)).zones[0]?.types.every(({ lastError }) => lastError === null)).toBe(true);
    for (const [kind, mesh, request] of [
      ['zone-ingress', undefined, { zone: 'east' }],
      ['dataplane', 'default', { mesh: 'default' }],
    ] as const) {
      expect(await lab.zone('east').verify(await lab.global.issue(kind, request), kind, mesh)).toMatchObject({
        accepted: true,
      });
      expect(await lab.global.verify(await lab.zone('east').issue(kind, request), kind, mesh)).toMatchObject({
        accepted: true,
      });
    }
    expect(await lab.zone('east').secretNames()).toEqual([
      'admin-user-token',
      'user-token-signing-key-1',
      'zone-ingress-token-signing-key-1',
      'zone-token-signing-public-key-1',
    ]);
    expect(await lab.zone('east').secretText('user-token-signing-key-1')).toBe(userKey);
  });

  it('belongs to it from then on', async () => {
    lab.configure('east', {});
    await lab.zone('east').restart();
    await lab.synced();
    expect((await sync()).state).toBe('in-sync');
  });
});
