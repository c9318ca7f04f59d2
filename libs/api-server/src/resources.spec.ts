import { secretSpec } from '@koguma/auth';
import { RESOURCE_TYPES, type Write } from '@koguma/resources';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type StartedDoor, startedDoor } from './started-door.contract.js';

const NOW = '2026-01-02T03:04:05Z';
const text = (value: string) => secretSpec(value).data;

describe('resources', () => {
  let door: StartedDoor;
  beforeAll(async () => {
    const warning = {
      validate: ({ key, next }: Write) =>
        key.name === 'odd' ? { warnings: [next ? 'odd to write' : 'odd to delete'] } : {},
    };
    door = await startedDoor({ hooks: [warning] });
    await door.call('PUT', '/meshes/orders', { body: {} });
  });
  afterAll(() => door.stop());

  test('every type that has a path is served under all of its spellings', () => {
    const served = door.routes.all().map(({ method, path }) => `${method} ${path}`);
    for (const { path, aliases, scope } of Object.values(RESOURCE_TYPES)) {
      for (const spelling of path === undefined ? [] : [path, ...aliases]) {
        const item = scope === 'mesh' ? `/meshes/:mesh/${spelling}/:name` : `/${spelling}/:name`;
        const routes = [`GET /${spelling}`, `GET ${item}`, `PUT ${item}`, `DELETE ${item}`];
        expect(served).toEqual(expect.arrayContaining(routes));
      }
    }
  });

  test('a resource is created, read, updated and deleted', async () => {
    const path = '/meshes/default/secrets/s1';
    const created = await door.call('PUT', path, {
      body: { type: 'Secret', mesh: 'default', name: 's1', data: text('a') },
    });
    expect([created.status, created.text]).toEqual([201, '{}\n']);
    const read = await door.call('GET', path);
    expect(read.text).toBe(`{
 "type": "Secret",
 "mesh": "default",
 "name": "s1",
 "creationTime": "${NOW}",
 "modificationTime": "${NOW}",
 "labels": {
  "kuma.io/mesh": "default"
 },
 "data": "YQ=="
}
`);
    const updated = await door.call('PUT', path, { body: { data: text('b') } });
    expect([updated.status, updated.text]).toEqual([200, '{}\n']);
    expect((await door.call('GET', path)).json.data).toBe(text('b'));
    const deleted = await door.call('DELETE', path);
    expect([deleted.status, deleted.text]).toEqual([200, '{}\n']);
    expect((await door.call('GET', path)).status).toBe(404);
  });

  test('what kumactl reads it may write back: its zero times and the kri are ignored, unknown fields too', async () => {
    const body = {
      type: 'GlobalSecret',
      name: 'g1',
      creationTime: '0001-01-01T00:00:00Z',
      modificationTime: '0001-01-01T00:00:00Z',
      kri: 'kri_x',
      labels: { team: 'a' },
      data: text('a'),
      shape: 'round',
    };
    expect((await door.call('PUT', '/globalsecrets/g1', { body })).status).toBe(201);
    const { json } = await door.call('GET', '/global-secrets/g1');
    const { type, name, labels, data } = body;
    expect(json).toEqual({ type, name, creationTime: NOW, modificationTime: NOW, labels, data });
    const again = await door.call('PUT', '/globalsecrets/g1', { body: json });
    expect([again.status, again.json]).toEqual([200, {}]);
  });

  test('fields without a value are left out, a value that is false is not', async () => {
    await door.call('PUT', '/global-secrets/empty', { body: { data: '' } });
    expect((await door.call('GET', '/global-secrets/empty')).json).not.toHaveProperty('data');
    await door.call('PUT', '/zones/off', { body: { enabled: false } });
    expect((await door.call('GET', '/zones/off')).json).toMatchObject({ type: 'Zone', enabled: false });
    await door.call('DELETE', '/zones/off');
  });

  test.each([
    [{ name: 'other' }, ['name', 'name from the URL has to be the same as in body']],
    [{ type: 'GlobalSecret' }, ['type', 'type from the URL has to be the same as in body']],
    [{ mesh: 'orders' }, ['mesh', 'mesh from the URL has to be the same as in body']],
    [{ mesh: 7 }, ['mesh', 'mesh from the URL has to be the same as in body']],
    [{ labels: 'a' }, ['labels', 'must be an object of strings']],
    [{ labels: ['a'] }, ['labels', 'must be an object of strings']],
    [{ labels: { team: 7 } }, ['labels["team"]', 'must be a string']],
    [{ data: 'no base64!' }, ['data', 'is not base64 (RFC 4648, section 4, with padding)']],
    [{ data: 7 }, ['data', expect.any(String)]],
  ])('%j is refused, by field', async (body, [field, reason]) => {
    const { status, json } = await door.call('PUT', '/meshes/default/secrets/s2', { body });
    expect([status, json.title, json.invalid_parameters]).toEqual([
      400,
      'Could not process a resource',
      [{ field, reason }],
    ]);
  });

  test('all that is wrong is told at once', async () => {
    const { json } = await door.call('PUT', '/zones/z', {
      body: { name: 'y', type: 'Mesh', mesh: 'default', labels: { a: 1 } },
    });
    expect(json.causes.map(({ field }: { field: string }) => field)).toEqual(['name', 'type', 'mesh', 'labels["a"]']);
    expect(json.causes[2].message).toBe('must be left out: a Zone is in no mesh');
  });

  test('a signing key that is none is refused by name and by content', async () => {
    const put = (name: string, data: string | undefined) =>
      door.call('PUT', `/global-secrets/${name}`, { body: { data } });
    const bad = await put('zone-token-signing-key-2', text('not a key'));
    expect([bad.status, bad.json.causes[0].field]).toEqual([400, 'data']);
    const zero = await put('zone-token-signing-key-0', text('x'));
    expect([zero.status, zero.json.causes[0].field]).toEqual([400, 'name']);
  });

  test('labels that only control planes set are dropped, and who sets one to something else is told', async () => {
    const labels = { 'kuma.io/mesh': 'default', 'kuma.io/origin': 'global', 'kuma.io/zone': 'east', team: 'a' };
    const { status, json } = await door.call('PUT', '/meshes/default/secrets/labelled', { body: { labels } });
    expect([status, json.warnings]).toEqual([
      201,
      [
        'label kuma.io/origin is set by the control plane: the given value is ignored',
        'label kuma.io/zone is set by the control plane: the given value is ignored',
      ],
    ]);
    const read = await door.call('GET', '/meshes/default/secrets/labelled');
    expect(read.json.labels).toEqual({ 'kuma.io/mesh': 'default', team: 'a' });
  });

  test('warnings come with a success', async () => {
    const put = await door.call('PUT', '/zones/odd', { body: {} });
    expect([put.status, put.json]).toEqual([201, { warnings: ['odd to write'] }]);
    const deleted = await door.call('DELETE', '/zones/odd');
    expect([deleted.status, deleted.json]).toEqual([200, { warnings: ['odd to delete'] }]);
  });

  test.each(['?dryRun', '?dryRun=true', '?dryRun='])('%s answers the same and changes nothing', async (query) => {
    const put = await door.call('PUT', `/zones/odd${query}`, { body: {} });
    expect([put.status, put.json]).toEqual([201, { warnings: ['odd to write'], dryRun: true }]);
    expect((await door.call('GET', '/zones/odd')).status).toBe(404);
    expect((await door.call('DELETE', `/zones/odd${query}`)).status).toBe(404);

    await door.call('PUT', '/zones/odd', { body: {} });
    const again = await door.call('PUT', `/zones/odd${query}`, { body: { enabled: false } });
    expect([again.status, again.json.dryRun]).toEqual([200, true]);
    expect((await door.call('GET', '/zones/odd')).json).not.toHaveProperty('enabled');
    const deleted = await door.call('DELETE', `/zones/odd${query}`);
    expect([deleted.status, deleted.json]).toEqual([200, { warnings: ['odd to delete'], dryRun: true }]);
    expect((await door.call('DELETE', '/zones/odd?dryRun=false')).json).toEqual({ warnings: ['odd to delete'] });
  });

  test('dryRun is true or false, and a dry run finds what is wrong', async () => {
    const { json } = await door.call('DELETE', '/zones/odd?dryRun=maybe');
    expect(json.causes).toEqual([{ field: 'dryRun', message: 'must be true or false' }]);
    expect((await door.call('PUT', '/zones/Bad?dryRun', { body: {} })).status).toBe(400);
    expect((await door.call('PUT', '/meshes/none/secrets/s?dryRun', { body: {} })).status).toBe(404);
  });

  test('overviews have the zone always, and its insight when there is one', async () => {
    const insight = { subscriptions: [{ id: '1', globalInstanceId: 'g', connectTime: NOW }] };
    await door.call('PUT', '/zones/east', { body: { enabled: true, labels: { team: 'a' } } });
    await door.call('PUT', '/zones/west', { body: {} });
    const times = { creationTime: door.clock.wall(), modificationTime: door.clock.wall() };
    await door.manager.system((tx) =>
      tx.create({ type: 'ZoneInsight', mesh: '', name: 'east', spec: insight, labels: {}, ...times }),
    );
    const east = {
      type: 'ZoneOverview',
      name: 'east',
      creationTime: NOW,
      modificationTime: NOW,
      labels: { team: 'a' },
      zone: { enabled: true },
      zoneInsight: insight,
    };
    const west = { type: 'ZoneOverview', name: 'west', creationTime: NOW, modificationTime: NOW, zone: {} };
    for (const path of ['/zones/_overview', '/zones+insights']) {
      expect((await door.call('GET', path)).json).toEqual({ total: 2, items: [east, west], next: null });
    }
    for (const path of ['/zones/east/_overview', '/zones+insights/east']) {
      expect((await door.call('GET', path)).json).toEqual(east);
    }
    expect((await door.call('DELETE', '/zones/east')).json.causes).toEqual([
      { field: 'zone', message: 'unable to delete Zone, Zone CP is still connected, please shut it down first' },
    ]);
  });

  describe('pages', () => {
    beforeAll(async () => {
      for (const [mesh, name] of [
        ['orders', 'b'],
        ['orders', 'a'],
        ['default', 'c'],
      ]) {
        await door.call('PUT', `/meshes/${mesh}/secrets/page-${name}`, { body: {} });
      }
    });
    const names = (json: { items: { name: string }[] }) => json.items.map(({ name }) => name);

    test('are ordered by mesh and name, and count all', async () => {
      const { json } = await door.call('GET', '/secrets?name=page');
      expect([json.total, names(json), json.next]).toEqual([3, ['page-c', 'page-a', 'page-b'], null]);
      expect(names((await door.call('GET', '/meshes/orders/secrets?name=page')).json)).toEqual(['page-a', 'page-b']);
    });

    test('are walked by next: the same address, absolute, its keys in order', async () => {
      const host = 'localhost:5681';
      const first = await door.call('GET', '/secrets/?size=2&name=page', { headers: { host } });
      expect([first.json.total, names(first.json)]).toEqual([3, ['page-c', 'page-a']]);
      expect(first.json.next).toBe(`http://${host}/secrets/?name=page&offset=2&size=2`);
      const { json } = await door.call('GET', first.json.next.slice(`http://${host}`.length), { headers: { host } });
      expect([json.total, names(json), json.next]).toEqual([3, ['page-b'], null]);
      const refused = await door.call('GET', '/secrets?size=0');
      expect([refused.status, refused.json.title]).toEqual([400, 'Could not retrieve resources']);
    });
  });

  test('creating a mesh makes its key, deleting it takes its secrets', async () => {
    await door.call('PUT', '/meshes/brief', { body: {} });
    const { json } = await door.call('GET', '/meshes/brief/secrets');
    expect(json.items.map(({ name }: { name: string }) => name)).toEqual(['dataplane-token-signing-key-brief-1']);
    expect((await door.call('DELETE', '/meshes/brief')).status).toBe(200);
    const { json: gone } = await door.call('GET', '/meshes/brief/secrets');
    expect(gone.title).toBe('Failed to retrieve Mesh');
  });
});
