import type { Spec } from '@koguma/resources';
import { startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let lab: WiredLab;
beforeAll(async () => {
  lab = await startWiredLab();
});
afterAll(() => lab.stop());

const DATAPLANE = {
  type: 'Dataplane',
  networking: { address: '10.0.0.1', inbound: [{ port: 8080, servicePort: 80, tags: { 'kuma.io/service': 'web' } }] },
};
const INGRESS = { type: 'ZoneIngress', zone: 'nonsense', networking: { address: '10.0.0.2', port: 10_001 } };
const EGRESS = { type: 'ZoneEgress', networking: { address: '10.0.0.3', port: 10_002 } };

interface Listed {
  readonly items: {
    name: string;
    labels: Record<string, string>;
    zone?: string;
    networking: Record<string, unknown>;
  }[];
}

describe('proxies that zones know', () => {
  it('are seen on global, under a name that no other zone’s has, as what the zone said', async () => {
    for (const zone of ['east', 'west']) await put(zone, '/meshes/default/dataplanes/web-1', DATAPLANE);
    const items = await globalHas('/meshes/default/dataplanes', 2);
    expect(new Set(items.map(({ name }) => name)).size).toBe(2);
    expect(new Set(items.map(({ labels }) => labels['kuma.io/zone']))).toEqual(new Set(['east', 'west']));
    for (const { name, labels, networking } of items) {
      expect(name).toMatch(/^web-1-[bcdfghjklmnpqrstvwxz2456789]{16}$/);
      expect(labels).toMatchObject({
        'kuma.io/display-name': 'web-1',
        'kuma.io/origin': 'zone',
        'kuma.io/mesh': 'default',
      });
      expect(networking).toEqual(DATAPLANE.networking);
    }
  });

  it('change and go on global as they do in the zone', async () => {
    await put('east', '/meshes/default/dataplanes/web-2', DATAPLANE);
    await globalHas('/meshes/default/dataplanes?name=web-2', 1);
    await put('east', '/meshes/default/dataplanes/web-2', {
      ...DATAPLANE,
      networking: { ...DATAPLANE.networking, address: '10.9.9.9' },
    });
    await lab.until(
      async () => (await onGlobal('/meshes/default/dataplanes?name=web-2'))[0]?.networking.address === '10.9.9.9',
      'global has the change',
    );
    await lab.zone('east').call('DELETE', '/meshes/default/dataplanes/web-2');
    await globalHas('/meshes/default/dataplanes?name=web-2', 0);
  });

  it('include ingresses and egresses, whose zone is the one that sent them', async () => {
    await put('east', '/zone-ingresses/in-1', INGRESS);
    await put('east', '/zoneegresses/out-1', EGRESS);
    expect(await globalHas('/zoneingresses', 1)).toMatchObject([{ zone: 'east', networking: INGRESS.networking }]);
    expect(await globalHas('/zoneegresses', 1)).toMatchObject([{ zone: 'east', networking: EGRESS.networking }]);
  });

  it('are seen with what the zone knows of their connections, without the numbers that only count the time', async () => {
    const told = { id: 's-1', controlPlaneInstanceId: 'cp-1', status: { total: { responsesSent: '3' } } };
    const metadata = { credential: { kind: 'dataplane', kid: '1' } };
    const { insights } = lab.zone('east').served;
    for (const key of [
      { type: 'DataplaneInsight', mesh: 'default', name: 'web-1' },
      { type: 'ZoneIngressInsight', mesh: '', name: 'in-1' },
      { type: 'ZoneEgressInsight', mesh: '', name: 'out-1' },
    ] as const)
      insights.update(key, () => ({ subscriptions: [{ ...told, generation: 7 }], metadata }), { soon: true });
    for (const [path, member] of [
      ['/meshes/default/dataplanes/_overview', 'dataplaneInsight'],
      ['/zoneingresses/_overview', 'zoneIngressInsight'],
      ['/zoneegresses/_overview', 'zoneEgressInsight'],
    ] as const) {
      const overviews = async () => (await lab.global.get<{ items: Record<string, Spec>[] }>(path)).body.items;
      await lab.until(async () => (await overviews()).some((overview) => overview[member]), `global has a ${member}`);
      const insight = (await overviews()).find((overview) => overview[member])?.[member];
      expect(insight).toEqual({ subscriptions: [told], metadata });
    }
  });

  it.each([
    ['/meshes/default/dataplanes/_overview', 'DataplaneOverview', 'dataplane'],
    ['/dataplanes+insights', 'DataplaneOverview', 'dataplane'],
    ['/zone-ingresses/_overview', 'ZoneIngressOverview', 'zoneIngress'],
    ['/zoneingresses+insights', 'ZoneIngressOverview', 'zoneIngress'],
    ['/zoneegressoverviews', 'ZoneEgressOverview', 'zoneEgress'],
    ['/zoneegresses/_overview', 'ZoneEgressOverview', 'zoneEgress'],
  ])('have overviews for old and new clients: %s', async (path, type, member) => {
    const { status, body } = await lab.zone('east').get<{ items: Record<string, unknown>[] }>(path);
    expect(status).toBe(200);
    expect(body.items[0]).toMatchObject({ type, [member]: { networking: expect.anything() } });
  });

  it('are written in zones only', async () => {
    const { status, body } = await lab.global.call('PUT', '/meshes/default/dataplanes/web-9', {
      ...DATAPLANE,
      name: 'web-9',
      mesh: 'default',
    });
    expect({ status, detail: body.detail }).toEqual({
      status: 405,
      detail: expect.stringContaining('owned by a zone'),
    });
  });

  it.each([
    [{}, 'networking', 'cannot be empty'],
    [{ networking: { address: '' } }, 'networking.address', 'cannot be empty'],
    [
      { networking: { address: 'a', inbound: [{ port: 0, tags: { 'kuma.io/service': 'x' } }] } },
      'networking.inbound[0].port',
      'must be a port, 1 to 65535',
    ],
    [
      { networking: { address: 'a', inbound: [{ port: 1, tags: {} }] } },
      'networking.inbound[0].tags',
      'must have the tag kuma.io/service',
    ],
  ])('are refused with the field that is wrong: %j', async (spec, field, reason) => {
    const { status, body } = await lab
      .zone('east')
      .call('PUT', '/meshes/default/dataplanes/bad', { type: 'Dataplane', ...spec });
    expect({ status, body }).toMatchObject({ status: 400, body: { invalid_parameters: [{ field, reason }] } });
  });

  it('keep their mesh from being deleted', async () => {
    const { status, body } = await lab.global.call('DELETE', '/meshes/default');
    expect({ status, body }).toMatchObject({ status: 400, body: { invalid_parameters: [{ field: 'mesh' }] } });
  });

  it('come again after global lost its link, its store, or the zone', async () => {
    await lab.zone('east').restart();
    await lab.synced();
    await globalHas('/zoneingresses', 1);
    await lab.zone('west').stop();
    await lab.until(
      async () => (await lab.global.call('DELETE', '/zones/west')).status === 200,
      'the stopped zone can be deleted',
    );
    await globalHas('/meshes/default/dataplanes', 1);
    await lab.zone('west').start();
    await globalHas('/meshes/default/dataplanes', 2);
  });
});

async function put(zone: string, path: string, spec: object): Promise<void> {
  const { status, text } = await lab.zone(zone).call('PUT', path, spec);
  expect([200, 201], text).toContain(status);
}

async function onGlobal(path: string): Promise<Listed['items']> {
  return (await lab.global.get<Listed>(path)).body.items;
}

async function globalHas(path: string, count: number): Promise<Listed['items']> {
  await lab.until(async () => (await onGlobal(path)).length === count, `global has ${count} at ${path}`);
  return onGlobal(path);
}
