import { isInsight, type ResourceType } from '@koguma/resources';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type StartedDoor, startedDoor } from '../started-door.contract.js';

const NOW = '2026-01-02T03:04:05Z';
const LATER = '2026-01-02T04:04:05Z';
const open = { id: '1', connectTime: NOW, version: { kumaDp: { version: '2.14.3' }, envoy: { version: '1.36.0' } } };
const closed = { id: '2', connectTime: NOW, disconnectTime: NOW };
const backends = (issuedBackend: string) => ({ issuedBackend, supportedBackends: ['ca-1', 'ca-2'] });
const inbound = (service: string, more: object = {}) => ({ port: 80, tags: { 'kuma.io/service': service }, ...more });
const gateway = (service: string, type?: string) => ({ tags: { 'kuma.io/service': service }, ...(type && { type }) });
const tally = (online: number, offline = 0, partiallyDegraded = 0) => ({
  total: online + offline + partiallyDegraded,
  online,
  offline,
  partiallyDegraded,
});

describe('insights', () => {
  let door: StartedDoor;
  const create = async (type: ResourceType, mesh: string, name: string, spec: object, labels = {}) => {
    const now = door.clock.wall();
    const draft = { type, mesh, name, spec: spec as Record<string, unknown>, labels };
    await door.manager.system((tx) => tx.create({ ...draft, creationTime: now, modificationTime: now }));
  };
  const dataplane = async (mesh: string, name: string, networking: object, insight?: object, zone = 'east') => {
    await create('Dataplane', mesh, name, { networking: { address: 'a', ...networking } }, { 'kuma.io/zone': zone });
    if (insight) await create('DataplaneInsight', mesh, name, insight);
  };
  const get = async (path: string) => (await door.call('GET', path, { as: 'stranger' })).json;

  beforeAll(async () => {
    door = await startedDoor();
    for (const mesh of ['orders', 'empty']) await door.call('PUT', `/meshes/${mesh}`, { body: {} });
    const online = { subscriptions: [closed, open], mTLS: backends('ca-1') };
    await dataplane('default', 'whole', { inbound: [inbound('web'), inbound('api')] }, online);
    await dataplane(
      'default',
      'half',
      { inbound: [inbound('web', { health: { ready: true } }), inbound('api', { health: {} })] },
      { ...online, mTLS: backends('ca-2') },
      'west',
    );
    await dataplane('default', 'unready', { inbound: [inbound('web', { state: 'NotReady' })] }, online);
    await dataplane('default', 'gone', { inbound: [inbound('web')] }, { subscriptions: [closed] });
    await dataplane('default', 'never', { inbound: [inbound('batch')] });
    await dataplane('default', 'edge', { gateway: gateway('edge') }, online);
    await dataplane('default', 'edge-gone', { gateway: gateway('edge') });
    await dataplane('orders', 'builtin', { gateway: gateway('door', 'BUILTIN') }, online);
    // What a zone sent: no writer here was asked.
    await dataplane('orders', 'untagged', { inbound: [{ port: 1 }] }, { subscriptions: [closed] });
    await create('Zone', '', 'east', { enabled: true });
    await create('ZoneInsight', '', 'east', { subscriptions: [open] });
    await create('Zone', '', 'off', { enabled: false });
    await create('ZoneInsight', '', 'off', { subscriptions: [open] });
    await create('Zone', '', 'west', {});
    await create('ZoneIngress', '', 'in-1', { networking: { port: 1 } });
    await create('ZoneIngressInsight', '', 'in-1', { subscriptions: [open] });
    await create('ZoneEgress', '', 'out-1', { networking: { port: 1 } });
    door.clock.skew(3_600_000);
  });
  afterAll(() => door.stop());

  test('of a mesh count its dataplanes by state, kind, version and certificate', async () => {
    expect(await get('/mesh-insights/default')).toEqual({
      type: 'MeshInsight',
      name: 'default',
      creationTime: NOW,
      modificationTime: LATER,
      dataplanes: tally(2, 4, 1),
      dataplanesByType: {
        standard: tally(1, 3, 1),
        gateway: tally(1, 1),
        gatewayBuiltin: tally(0),
        gatewayDelegated: tally(1, 1),
      },
      services: { total: 4, internal: 4, external: 0 },
      dpVersions: {
        kumaDp: { '2.14.3': tally(2, 1, 1), unknown: tally(0, 3) },
        envoy: { '1.36.0': tally(2, 1, 1), unknown: tally(0, 3) },
      },
      mTLS: {
        issuedBackends: { 'ca-1': tally(2, 1), 'ca-2': tally(0, 0, 1) },
        supportedBackends: { 'ca-1': tally(2, 1, 1), 'ca-2': tally(2, 1, 1) },
      },
      policies: {},
      resources: { Secret: { total: 1 }, Dataplane: { total: 7 } },
    });
  });

  test('of meshes are a list, in pages, to be narrowed', async () => {
    const names = (json: { items: { name: string }[] }) => json.items.map(({ name }) => name);
    const all = await get('/mesh-insights');
    expect([all.total, names(all), all.next]).toEqual([3, ['default', 'empty', 'orders'], null]);
    expect(all.items[1]).toMatchObject({
      dataplanes: tally(0),
      services: { total: 0 },
      resources: { Dataplane: { total: 0 } },
    });
    expect(all.items[2]).toMatchObject({ dataplanes: tally(1, 1), dataplanesByType: { gatewayBuiltin: tally(1) } });
    expect(names(await get('/mesh-insights?size=1&offset=1'))).toEqual(['empty']);
    expect(names(await get('/mesh-insights?name=ord'))).toEqual(['orders']);
    expect(await get('/mesh-insights/none')).toMatchObject({ status: 404, title: 'Could not retrieve a resource' });
  });

  test('of services tell for each how many of its dataplanes serve it now', async () => {
    const { total, items } = await get('/meshes/default/service-insights');
    const told = items.map(({ name, status, serviceType, dataplanes }: Record<string, unknown>) => ({
      name,
      status,
      serviceType,
      ...(dataplanes as object),
    }));
    expect(total).toBe(4);
    expect(told).toEqual([
      // One of its two inbounds is not ready, which is no business of web's.
      { name: 'api', status: 'partially_degraded', serviceType: 'internal', total: 2, online: 1, offline: 1 },
      { name: 'batch', status: 'offline', serviceType: 'internal', total: 1, online: 0, offline: 1 },
      { name: 'edge', status: 'partially_degraded', serviceType: 'gateway_delegated', total: 2, online: 1, offline: 1 },
      { name: 'web', status: 'partially_degraded', serviceType: 'internal', total: 4, online: 2, offline: 2 },
    ]);
    expect(await get('/meshes/default/service-insights/web')).toEqual({
      type: 'ServiceInsight',
      mesh: 'default',
      name: 'web',
      creationTime: NOW,
      modificationTime: LATER,
      status: 'partially_degraded',
      serviceType: 'internal',
      dataplanes: { total: 4, online: 2, offline: 2 },
      issuedBackends: { 'ca-1': 2, 'ca-2': 1 },
      zones: ['east', 'west'],
    });
    expect(await get('/meshes/default/service-insights/none')).toMatchObject({ status: 404, detail: 'Not found' });
    for (const path of ['/meshes/none/service-insights', '/meshes/none/service-insights/web']) {
      expect(await get(path)).toMatchObject({ status: 404, title: 'Failed to retrieve Mesh' });
    }
  });

  test('of services are a list in one mesh and over all, to be narrowed by name and type', async () => {
    const found = async (query: string) =>
      (await get(`/service-insights${query}`)).items.map(({ mesh, name }: Record<string, string>) => `${mesh}/${name}`);
    const all = ['default/api', 'default/batch', 'default/edge', 'default/web', 'orders/door'];
    expect(await found('')).toEqual(all);
    expect(await found('?type=')).toEqual(all);
    expect(await found('?name=e')).toEqual(['default/edge', 'default/web']);
    expect(await found('?type=gateway_builtin')).toEqual(['orders/door']);
    expect(await found('?type=gateway_builtin,%20gateway_delegated')).toEqual(['default/edge', 'orders/door']);
    expect(await found('?size=1&offset=4')).toEqual(['orders/door']);
    const refused = await get('/service-insights?type=odd');
    expect([refused.status, refused.title, refused.causes[0].field]).toEqual([
      400,
      'Could not retrieve resources',
      'type',
    ]);
  });

  test('of everything are what the first page of Kuma’s GUI shows', async () => {
    expect(await get('/global-insight')).toEqual({
      createdAt: LATER,
      dataplanes: { standard: tally(1, 4, 1), gatewayBuiltin: tally(1), gatewayDelegated: tally(1, 1) },
      meshes: { total: 3 },
      policies: { total: 0 },
      resources: {
        Mesh: { total: 3 },
        Secret: { total: 3 },
        GlobalSecret: { total: 3 },
        Zone: { total: 3 },
        Dataplane: { total: 9 },
        ZoneIngress: { total: 1 },
        ZoneEgress: { total: 1 },
      },
      services: {
        internal: tally(0, 1, 2),
        external: { total: 0 },
        gatewayBuiltin: tally(1),
        gatewayDelegated: tally(0, 0, 1),
      },
      zones: {
        controlPlanes: { online: 1, total: 3 },
        zoneIngresses: { online: 1, total: 1 },
        zoneEgresses: { online: 0, total: 1 },
      },
    });
    expect(await get('/global-insights')).toEqual({
      type: 'GlobalInsights',
      creationTime: LATER,
      resources: {
        Mesh: { total: 3 },
        GlobalSecret: { total: 3 },
        Zone: { total: 3 },
        ZoneIngress: { total: 1 },
        ZoneEgress: { total: 1 },
      },
    });
  });

  test('of zones tell which are connected and enabled', async () => {
    expect(await get('/status/zones')).toEqual([
      { name: 'east', active: true },
      { name: 'off', active: false },
      { name: 'west', active: false },
    ]);
  });

  test.each([
    ['/mesh-insights', ['DataplaneInsight']],
    ['/meshes/default/service-insights', ['DataplaneInsight']],
    ['/global-insight', ['DataplaneInsight', 'ZoneInsight', 'ZoneIngressInsight', 'ZoneEgressInsight']],
    ['/global-insights', []],
    ['/status/zones', ['ZoneInsight']],
  ])('%s reads nothing from the store but insights, which are nowhere else', async (path, read) => {
    const list = vi.spyOn(door.store, 'list');
    await get(path);
    const types = list.mock.calls.map(([type]) => type);
    expect(types).toEqual(read);
    expect(types.every(isInsight)).toBe(true);
  });

  describe('lists of dataplanes', () => {
    const found = async (query: string, path = '/meshes/default/dataplanes') =>
      (await get(`${path}${query}`)).items.map(({ name }: Record<string, string>) => name);

    test.each([
      ['?tag=kuma.io/service:web', ['gone', 'half', 'unready', 'whole']],
      ['?tag=kuma.io/service:we', ['gone', 'half', 'unready', 'whole']],
      ['?tag=kuma.io/service:edge', ['edge', 'edge-gone']],
      ['?tag=kuma.io/service:*', ['edge', 'edge-gone', 'gone', 'half', 'never', 'unready', 'whole']],
      ['?tag=kuma.io/service:web&tag=kuma.io/service:api', []],
      ['?tag=kuma.io/service:web&name=half', ['half']],
      ['?tag=toString:x', []],
      ['?gateway=true', ['edge', 'edge-gone']],
      ['?gateway=DELEGATED', ['edge', 'edge-gone']],
      ['?gateway=builtin', []],
      ['?gateway=', ['edge', 'edge-gone', 'gone', 'half', 'never', 'unready', 'whole']],
      ['?gateway=false&name=n', ['gone', 'never', 'unready']],
      ['?filter[labels.kuma.io/zone]=west', ['half']],
    ])('are narrowed by %s', async (query, names) => {
      for (const path of ['/meshes/default/dataplanes', '/meshes/default/dataplanes/_overview']) {
        expect(await found(query, path)).toEqual(names);
      }
    });

    test('are narrowed over all meshes, too, and other lists are not', async () => {
      expect(await found('?gateway=builtin', '/dataplanes+insights')).toEqual(['builtin']);
      expect(await found('?gateway=true', '/zones')).toEqual(['east', 'off', 'west']);
    });

    test.each([
      ['?tag=web', 'tag'],
      ['?tag=a:b&tag=:c', 'tag'],
      ['?gateway=yes', 'gateway'],
      ['?gateway=true&gateway=false', 'gateway'],
    ])('are refused for %s, by field', async (query, field) => {
      const { status, detail, causes } = await get(`/dataplanes${query}`);
      expect([status, detail, causes[0].field]).toEqual([400, 'Invalid filter', field]);
    });
  });
});
