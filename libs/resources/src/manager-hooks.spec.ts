import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WriteHook } from './manager.js';
import {
  DATA,
  GLOBAL_SECRET,
  type ManagerUnderTest,
  MESH,
  managerUnderTest,
  violations,
} from './manager-under-test.contract.js';
import type { ResourceKey } from './resource.js';

const COMPANION: ResourceKey = { type: 'GlobalSecret', mesh: '', name: 'companion' };
const STORED = { spec: {}, labels: {}, creationTime: 1, modificationTime: 1 };

describe('a hook of the resource manager', () => {
  let { store, view, hooks, manager, stop } = {} as ManagerUnderTest;

  beforeEach(async () => {
    const under = await managerUnderTest();
    ({ store, view, hooks, manager, stop } = under);
    under.follow();
  });
  afterEach(() => stop());

  it('refuses with its violations, those of other hooks and all that is stored stay as they are', async () => {
    const no = (field: string): WriteHook => ({ validate: () => ({ violations: [{ field, reason: 'no' }] }) });
    hooks.push(no('first'), no('second'));
    await expect(manager.put(MESH, {})).rejects.toMatchObject(violations('first', 'second'));
    expect(view.revision.n).toBe(0);
  });

  it('warns, and the write goes on', async () => {
    hooks.push({ validate: () => ({ warnings: ['a'] }) }, {}, { validate: () => ({ warnings: ['b'] }) });
    expect((await manager.put(MESH, {})).warnings).toEqual(['a', 'b']);
    expect((await manager.delete(MESH)).warnings).toEqual(['a', 'b']);
  });

  it('is shown the write as it was and as it will be', async () => {
    const seen: unknown[] = [];
    hooks.push({
      validate: ({ key, previous, next }) => {
        seen.push([key.name, previous?.version, next?.spec]);
        return {};
      },
    });
    await manager.put(GLOBAL_SECRET, DATA);
    await manager.put(GLOBAL_SECRET, {});
    await manager.delete(GLOBAL_SECRET);
    expect(seen).toEqual([
      ['one', undefined, DATA],
      ['one', 1, {}],
      ['one', 2, undefined],
    ]);
  });

  it('may give the spec its normal form, which is stored and shown to those who accompany', async () => {
    const seen: unknown[] = [];
    hooks.push({
      validate: () => ({ spec: { data: 'dHdv' } }),
      accompany: async ({ next }) => {
        seen.push(next?.spec);
        return undefined;
      },
    });
    await manager.put(GLOBAL_SECRET, DATA);
    expect(view.get(GLOBAL_SECRET)).toMatchObject({ spec: { data: 'dHdv' } });
    expect(seen).toEqual([{ data: 'dHdv' }]);
  });

  it('writes what belongs together in the same transaction', async () => {
    hooks.push({
      accompany: async ({ key, next }) => {
        if (key.type !== 'Mesh') return undefined;
        return async (tx) => {
          if (next) await tx.create({ ...COMPANION, ...STORED });
          else await tx.delete(COMPANION);
        };
      },
    });
    expect((await manager.put(MESH, {})).revision.n).toBe(1);
    expect(view.get(COMPANION)).toBeDefined();
    expect((await manager.delete(MESH)).revision.n).toBe(2);
    expect(view.get(COMPANION)).toBeUndefined();
  });

  it('undoes all when what it writes beside fails', async () => {
    hooks.push({
      accompany: async () => async (tx) => {
        await tx.create({ ...COMPANION, ...STORED });
        throw new Error('no key today');
      },
    });
    await expect(manager.put(MESH, {})).rejects.toThrow('no key today');
    expect(await store.since(undefined)).toMatchObject({ entries: [], revision: { n: 0 } });
  });

  it('stops the write when it cannot prepare', async () => {
    hooks.push({ accompany: () => Promise.reject(new Error('no entropy')) });
    await expect(manager.put(MESH, {})).rejects.toThrow('no entropy');
    expect(view.revision.n).toBe(0);
  });

  it('has no say in what the control plane writes itself', async () => {
    hooks.push({ validate: () => ({ violations: [{ field: 'any', reason: 'no' }] }) });
    expect(await manager.system((tx) => tx.create({ ...COMPANION, ...STORED }))).toMatchObject({ version: 1 });
    expect(view.get(COMPANION)).toBeDefined();
  });
});
