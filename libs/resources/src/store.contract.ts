import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { feedContract } from './feed.contract.js';
import type { ResourceKey } from './resource.js';
import { create, type OpenStore, refusal, type StoreUnderTest, secret } from './samples.contract.js';
import type { ResourceStore } from './store.js';
import { transactionContract } from './transaction.contract.js';

/** What every store must do. Each test has an empty one. */
export function storeContract(name: string, open: OpenStore): void {
  describe(`a ${name} store`, () => {
    let under: StoreUnderTest;
    let store: ResourceStore;
    const get = (key: ResourceKey) => store.get(key);

    beforeEach(async () => {
      under = await open();
      ({ store } = under);
    });
    afterEach(() => under.store.close());

    describe('one resource', () => {
      it('is read as it was created, with version 1', async () => {
        const spec = { data: 'w7w=', deep: { list: [1, null, 'ü\u0000\n', false] }, big: 2 ** 53 - 1 };
        const created = await create(store, secret('one', 'default', spec));
        expect(created).toEqual({ ...secret('one', 'default', spec), version: 1 });
        expect(await get(secret('one'))).toEqual(created);
      });

      it('is undefined when there is none', async () => {
        await create(store, secret('one'));
        expect(await get(secret('two'))).toBeUndefined();
        expect(await get(secret('one', 'other'))).toBeUndefined();
        expect(await get({ ...secret('one'), type: 'GlobalSecret' })).toBeUndefined();
      });

      it('may hold a body of many megabytes', async () => {
        const spec = { data: 'x'.repeat(16 * 1024 * 1024) };
        await create(store, secret('large', 'default', spec));
        expect((await get(secret('large')))?.spec).toEqual(spec);
      });

      it('cannot be created twice', async () => {
        await create(store, secret('one'));
        const again = create(store, secret('one', 'default', { data: 'dHdv' }));
        await expect(again).rejects.toEqual(refusal('conflict', 'Secret "one" in mesh "default" already exists'));
        expect((await get(secret('one')))?.spec).toEqual({ data: 'b25l' });
      });

      it('gets a new version with each update and keeps its creation time', async () => {
        const created = await create(store, secret('one'));
        const change = { ...created, spec: { data: 'dHdv' }, labels: { a: 'b' }, creationTime: 5, modificationTime: 9 };
        const { value: updated } = await store.transaction((tx) => tx.update(change));
        expect(updated).toEqual({ ...change, creationTime: created.creationTime, version: 2 });
        expect(await get(created)).toEqual(updated);
      });

      it('is not updated by who read an older version', async () => {
        const created = await create(store, secret('one'));
        await store.transaction((tx) => tx.update(created));
        const late = store.transaction((tx) => tx.update({ ...created, spec: {} }));
        const message = 'Secret "one" in mesh "default" was changed meanwhile: read it again and retry';
        await expect(late).rejects.toEqual(refusal('conflict', message));
      });

      it('is not updated when it is gone', async () => {
        const created = await create(store, { ...secret('one', ''), type: 'GlobalSecret' });
        await store.transaction((tx) => tx.delete(created));
        const message = 'GlobalSecret "one" was changed meanwhile: read it again and retry';
        await expect(store.transaction((tx) => tx.update(created))).rejects.toEqual(refusal('conflict', message));
      });

      it('is gone after its deletion, can be deleted once, and begins again at version 1', async () => {
        await create(store, secret('one'));
        await store.transaction((tx) => tx.delete(secret('one')));
        expect(await get(secret('one'))).toBeUndefined();
        const again = store.transaction((tx) => tx.delete(secret('one')));
        await expect(again).rejects.toEqual(refusal('not_found', 'Secret "one" in mesh "default" is not found'));
        expect((await create(store, secret('one'))).version).toBe(1);
      });
    });

    it('lists by mesh, then by name, each by code unit', async () => {
      const names = ['b', 'a-1', 'a.1', 'a', 'a1', 'Z', 'key-10', 'key-9'];
      await store.transaction(async (tx) => {
        for (const mesh of ['m2', 'm10', 'm']) for (const name of names) await tx.create(secret(name, mesh));
        await tx.create({ ...secret('not-a-secret', ''), type: 'GlobalSecret' });
      });
      const sorted = ['Z', 'a', 'a-1', 'a.1', 'a1', 'b', 'key-10', 'key-9'];
      expect((await store.list('Secret', 'm10')).map(({ name }) => name)).toEqual(sorted);
      const all = ['m', 'm10', 'm2'].flatMap((mesh) => sorted.map((name) => `${mesh}/${name}`));
      expect((await store.list('Secret')).map(({ mesh, name }) => `${mesh}/${name}`)).toEqual(all);
      expect(await store.list('Secret', 'nowhere')).toEqual([]);
    });

    transactionContract(() => under);
    feedContract(() => under, open);
  });
}
