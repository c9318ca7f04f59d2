import { ControlPlaneError } from '@koguma/core';
import type { ResourceKey } from '@koguma/resources';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type StartedDoor, startedDoor } from './started-door.contract.js';

describe('the types', () => {
  let door: StartedDoor;
  beforeAll(async () => {
    door = await startedDoor();
  });
  afterAll(() => door.stop());

  const types = async (of = door) => (await of.call('GET', '/_resources', { as: 'stranger' })).json.resources;

  test('are told with what kumactl export and the GUI need of each, by name', async () => {
    const all = (await types()) as Record<string, unknown>[];
    expect(all.map(({ name }) => name)).toEqual([
      'Dataplane',
      'GlobalSecret',
      'Mesh',
      'Secret',
      'Zone',
      'ZoneEgress',
      'ZoneIngress',
    ]);
    expect(all.map(({ singularDisplayName, pluralDisplayName }) => [singularDisplayName, pluralDisplayName])).toEqual([
      ['Dataplane', 'Dataplanes'],
      ['Global Secret', 'Global Secrets'],
      ['Mesh', 'Meshes'],
      ['Secret', 'Secrets'],
      ['Zone', 'Zones'],
      ['Zone Egress', 'Zone Egresses'],
      ['Zone Ingress', 'Zone Ingresses'],
    ]);
    expect(all.find(({ name }) => name === 'Dataplane')).toMatchObject({
      scope: 'Mesh',
      path: 'dataplanes',
      includeInFederation: false,
      shortName: 'dp',
    });
    expect(all.find(({ name }) => name === 'GlobalSecret')).toMatchObject({
      scope: 'Global',
      path: 'global-secrets',
      includeInFederation: true,
      shortName: '',
    });
    for (const { path, scope } of all) {
      const at = scope === 'Mesh' ? `/meshes/default/${path}` : `/${path}`;
      expect((await door.call('GET', at)).status, at).toBe(200);
    }
  });

  test('are read-only when there is no name that could be written', async () => {
    const readOnly = ({ type, name }: ResourceKey) =>
      type === 'Zone' || (type === 'GlobalSecret' && name !== 'admin-user-token') ? 'not here' : undefined;
    const other = await startedDoor({ readOnly });
    const all = (await types(other)) as { name: string; readOnly: boolean }[];
    expect(all.filter((one) => one.readOnly).map(({ name }) => name)).toEqual(['Zone']);
    await other.stop();
  });

  test('are none of them policies', async () => {
    expect((await door.call('GET', '/policies', { as: 'stranger' })).json).toEqual({ policies: [] });
  });
});

describe('the configuration', () => {
  test('is shown to administrators, without secrets', async () => {
    const door = await startedDoor();
    const { json } = await door.call('GET', '/config');
    expect(json).toMatchObject({ apiServer: { http: { port: 5681 } }, store: { postgres: { password: '*****' } } });
    const refused = await door.call('GET', '/config', { as: 'stranger' });
    expect([refused.status, refused.json.title]).toEqual([403, 'Access Denied']);
    await door.stop();
  });
});

describe('a failure of the store', () => {
  test('is told as such by what reads it', async () => {
    const door = await startedDoor();
    door.store.list = () => Promise.reject(new ControlPlaneError('unavailable', 'the store cannot be reached'));
    for (const path of ['/mesh-insights', '/global-insight', '/status/zones', '/zones/_overview']) {
      expect((await door.call('GET', path)).json, path).toMatchObject({
        status: 503,
        detail: 'the store cannot be reached',
      });
    }
    await door.stop();
  });
});
