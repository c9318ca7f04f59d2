import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  DATA,
  GLOBAL_SECRET,
  type ManagerUnderTest,
  MESH,
  managerUnderTest,
  REASON,
  violations,
} from './manager-under-test.contract.js';
import type { Resource, ResourceKey, Spec } from './resource.js';

const ZONE: ResourceKey = { type: 'Zone', mesh: '', name: 'zone-1' };
const SECRET: ResourceKey = { type: 'Secret', mesh: 'default', name: 'one' };

describe('the resource manager', () => {
  let { clock, store, view, hooks, manager, unsafe, stop } = {} as ManagerUnderTest;

  beforeEach(async () => {
    const under = await managerUnderTest();
    ({ clock, store, view, hooks, manager, unsafe, stop } = under);
    under.follow();
  });
  afterEach(() => stop());

  const storeInsight = (subscriptions: Spec[]) =>
    store.transaction((tx) => {
      const key = { ...ZONE, type: 'ZoneInsight' } as const;
      return tx.create({ ...key, spec: { subscriptions }, labels: {}, creationTime: 1, modificationTime: 1 });
    });

  describe('put', () => {
    it('creates, then replaces, and says which it did', async () => {
      expect(await manager.put(MESH, {})).toMatchObject({ created: true, warnings: [], revision: { n: 1 } });
      const born = clock.wall();
      expect(await manager.put(SECRET, DATA, { team: 'a' })).toMatchObject({ created: true });
      clock.moveTo(5_000);
      expect(await manager.put(SECRET, { data: 'dHdv' }, { team: 'b' })).toMatchObject({ created: false });
      expect(await manager.get(SECRET)).toEqual({
        ...SECRET,
        spec: { data: 'dHdv' },
        labels: { team: 'b', 'kuma.io/mesh': 'default' },
        version: 2,
        creationTime: born,
        modificationTime: born + 5_000,
      });
    });

    it('answers only once the view holds what was written', async () => {
      const late = await managerUnderTest();
      let answered = false;
      const putting = late.manager.put(GLOBAL_SECRET, DATA).then(() => {
        answered = true;
      });
      await new Promise(setImmediate);
      expect(await late.store.get(GLOBAL_SECRET)).toBeDefined();
      expect(answered).toBe(false);
      late.follow();
      await putting;
      expect(late.view.get(GLOBAL_SECRET)).toMatchObject({ spec: DATA });
      await late.stop();
    });

    it('refuses a secret in a mesh that is not there', async () => {
      await expect(manager.put(SECRET, DATA)).rejects.toMatchObject({
        code: 'not_found',
        message: 'Mesh "default" is not found',
      });
      await expect(manager.put(SECRET, DATA, {}, { dryRun: true })).rejects.toMatchObject({ code: 'not_found' });
      expect(await store.list('Secret')).toEqual([]);
    });

    it.each([
      ['a mesh', MESH, ['Upper', 'a.b', '-a', 'a-', '', 'ü', 'a'.repeat(64)]],
      ['a zone', ZONE, ['zone_1', 'zone.1', 'a'.repeat(64)]],
      ['a secret', GLOBAL_SECRET, ['Upper', 'a..b', '.a', 'a.', 'a/b', 'a b', '', 'a'.repeat(254)]],
    ])('refuses bad names of %s, and names the field', async (_, key, names) => {
      for (const name of names)
        await expect(manager.put({ ...key, name }, {})).rejects.toMatchObject(violations('name'));
      expect(await store.list(key.type)).toEqual([]);
    });

    it('refuses a bad spec and names each field', async () => {
      await expect(manager.put(GLOBAL_SECRET, { data: 'b25' })).rejects.toMatchObject(violations('data'));
      await expect(manager.put(ZONE, { enabled: 'yes' })).rejects.toMatchObject(violations('enabled'));
      const routing = { zoneEgress: 1, localityAwareLoadBalancing: 'no' };
      const both = violations('routing.localityAwareLoadBalancing', 'routing.zoneEgress');
      await expect(manager.put(MESH, { routing })).rejects.toMatchObject(both);
      await expect(manager.put({ ...ZONE, name: 'A' }, { enabled: 1 })).rejects.toMatchObject(
        violations('name', 'enabled'),
      );
    });

    it('asks whether a write is permitted with what is stored when it happens, and writes nothing when it is not', async () => {
      await manager.put(MESH, {});
      const asked: unknown[] = [];
      const permit = (stored: Resource | undefined) => {
        asked.push(stored?.spec.data);
        if (stored) throw new RangeError('not yours');
      };
      await manager.put(SECRET, DATA, {}, { permit });
      await expect(manager.put(SECRET, { data: 'dHdv' }, {}, { permit })).rejects.toThrow('not yours');
      expect([asked, (await manager.get(SECRET))?.spec]).toEqual([[undefined, DATA.data], DATA]);
    });

    it('keeps the mark of what came from global, whatever the writer says', async () => {
      const labels = { 'kuma.io/origin': 'global' };
      await store.transaction((tx) =>
        tx.create({ ...GLOBAL_SECRET, spec: DATA, labels, creationTime: 1, modificationTime: 1 }),
      );
      await manager.put(GLOBAL_SECRET, DATA, { 'kuma.io/origin': 'zone', mine: 'yes' });
      expect((await manager.get(GLOBAL_SECRET))?.labels).toEqual({ 'kuma.io/origin': 'global', mine: 'yes' });
    });
  });

  describe('delete', () => {
    it('takes what is there, and says what is not', async () => {
      await manager.put(GLOBAL_SECRET, DATA);
      await manager.delete(GLOBAL_SECRET);
      expect(view.get(GLOBAL_SECRET)).toBeUndefined();
      await expect(manager.delete(GLOBAL_SECRET)).rejects.toMatchObject({
        code: 'not_found',
        message: 'GlobalSecret "one" is not found',
      });
    });

    it('of a mesh takes all its secrets with it, in one revision, and nobody else’s', async () => {
      await manager.put(MESH, {});
      await manager.put({ ...MESH, name: 'other' }, {});
      for (const name of ['one', 'two']) await manager.put({ ...SECRET, name }, DATA);
      await manager.put({ ...SECRET, mesh: 'other' }, DATA);
      const { n } = view.revision;
      expect((await manager.delete(MESH)).revision.n).toBe(n + 1);
      expect(view.list('Mesh').map(({ name }) => name)).toEqual(['other']);
      expect(view.list('Secret').map(({ mesh }) => mesh)).toEqual(['other']);
    });

    it('refuses a mesh into which a dataplane comes at the last moment', async () => {
      const dataplane: ResourceKey = { type: 'Dataplane', mesh: 'default', name: 'web-1' };
      const networking = { address: '10.0.0.1', inbound: [{ port: 80, tags: { 'kuma.io/service': 'web' } }] };
      await manager.put(MESH, {});
      hooks.push({
        accompany: async ({ next }) => {
          if (!next) await manager.put(dataplane, { networking });
          return undefined;
        },
      });
      await expect(manager.delete(MESH)).rejects.toMatchObject(violations('mesh'));
      expect(view.get(dataplane)).toBeDefined();
    });

    it('refuses a zone that is online, unless told to be unsafe', async () => {
      await manager.put(ZONE, {});
      await storeInsight([{ id: '1', disconnectTime: '2026-01-01T00:00:00Z' }, { id: '2' }]);
      await expect(manager.delete(ZONE)).rejects.toMatchObject(violations('zone'));
      expect(view.get(ZONE)).toBeDefined();
      await unsafe.delete(ZONE);
      expect(view.get(ZONE)).toBeUndefined();
      expect(await store.list('ZoneInsight')).toEqual([]);
    });

    it('takes a zone that has gone, with its insight', async () => {
      await manager.put(ZONE, {});
      await storeInsight([{ id: '1', disconnectTime: '2026-01-01T00:00:00Z' }]);
      await manager.delete(ZONE);
      expect(await store.list('Zone')).toEqual([]);
      expect(await store.list('ZoneInsight')).toEqual([]);
    });
  });

  it('says why it does not take a write, before anything else is looked at', async () => {
    const key = { ...GLOBAL_SECRET, name: 'synced' };
    const refused = { code: 'read_only', message: REASON };
    await expect(manager.put(key, { data: 5 })).rejects.toMatchObject(refused);
    await expect(manager.delete(key)).rejects.toMatchObject(refused);
    expect(() => manager.refuseIfReadOnly(key)).toThrow(REASON);
    expect(() => manager.refuseIfReadOnly(GLOBAL_SECRET)).not.toThrow();
  });

  it('changes nothing in a dry run, and answers as if it had', async () => {
    const accompanied: string[] = [];
    hooks.push({
      validate: ({ next }) => ({ warnings: [next ? 'written' : 'deleted'] }),
      accompany: async () => {
        accompanied.push('called');
        return undefined;
      },
    });
    const dry = { dryRun: true };
    expect(await manager.put(MESH, {}, {}, dry)).toMatchObject({ created: true, warnings: ['written'] });
    await manager.put(MESH, {});
    const { revision } = view;
    accompanied.length = 0;
    expect(await manager.put(MESH, { mtls: {} }, {}, dry)).toEqual({ created: false, warnings: ['written'], revision });
    expect(await manager.delete(MESH, dry)).toEqual({ created: false, warnings: ['deleted'], revision });
    await expect(manager.put({ ...MESH, name: 'Bad' }, {}, {}, dry)).rejects.toMatchObject(violations('name'));
    await expect(manager.delete(SECRET, dry)).rejects.toMatchObject({ code: 'not_found' });
    expect(accompanied).toEqual([]);
    expect((await store.since(undefined)).revision).toEqual(revision);
    expect(await manager.get(MESH)).toMatchObject({ spec: {}, version: 1 });
  });
});
