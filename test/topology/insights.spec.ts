import { startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let lab: WiredLab;
beforeAll(async () => {
  lab = await startWiredLab({ env: { KUMA_MULTIZONE_GLOBAL_KDS_ZONE_INSIGHT_FLUSH_INTERVAL: '1ms' } });
  for (const zone of ['east', 'west']) {
    const networking = { address: '10.0.0.1', inbound: [{ port: 80, tags: { 'kuma.io/service': 'web' } }] };
    await lab.zone(zone).call('PUT', '/meshes/default/dataplanes/web-1', { networking });
  }
  await lab.until(async () => (await onGlobal<{ total: number }>('/dataplanes')).total === 2, 'global has both');
});
afterAll(() => lab.stop());

const onGlobal = async <B>(path: string) => (await lab.global.get<B & Record<string, unknown>>(path)).body as B;
const activeZones = async () =>
  (await onGlobal<{ name: string; active: boolean }[]>('/status/zones'))
    .filter((zone) => zone.active)
    .map(({ name }) => name);

describe('insights on global', () => {
  it('count a service once, however many zones it is in, and name them', async () => {
    const { items } = await onGlobal<{ items: object[] }>('/meshes/default/service-insights');
    expect(items).toMatchObject([
      { name: 'web', status: 'offline', dataplanes: { total: 2 }, zones: ['east', 'west'] },
    ]);
    const { body } = await lab.zone('east').get<{ items: object[] }>('/service-insights');
    expect(body.items).toMatchObject([{ name: 'web', dataplanes: { total: 1 }, zones: ['east'] }]);
  });

  it('tell which zones are connected, and none that is disabled', async () => {
    await lab.until(async () => (await activeZones()).length === 2, 'both zones are active');
    await lab.global.call('PUT', '/zones/east', { enabled: false });
    expect(await activeZones()).toEqual(['west']);
    await lab.zone('west').stop();
    await lab.until(async () => (await activeZones()).length === 0, 'no zone is active');
    expect(await onGlobal('/global-insight')).toMatchObject({ zones: { controlPlanes: { online: 0, total: 2 } } });
    await lab.zone('west').start();
    await lab.global.call('PUT', '/zones/east', { enabled: true });
    await lab.until(async () => (await activeZones()).length === 2, 'both zones are active again');
  });

  it('say of the types which a zone takes no writes of', async () => {
    const readOnly = async (cp: WiredLab['global'] | ReturnType<WiredLab['zone']>) => {
      const { body } = await cp.get<{ resources: { name: string; readOnly: boolean }[] }>('/_resources');
      return body.resources.filter((type) => type.readOnly).map(({ name }) => name);
    };
    expect(await readOnly(lab.global)).toEqual(['Dataplane', 'ZoneEgress', 'ZoneIngress']);
    expect(await readOnly(lab.zone('east'))).toEqual(['Mesh', 'Secret']);
  });

  it('show the configuration of each control plane to its administrator', async () => {
    const { body } = await lab.zone('east').get('/config');
    expect(body).toMatchObject({ mode: 'zone', multizone: { zone: { name: 'east' } } });
    expect(await onGlobal('/config')).toMatchObject({ mode: 'global', store: { postgres: { password: '*****' } } });
  });
});
