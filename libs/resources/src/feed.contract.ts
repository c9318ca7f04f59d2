import { onBehalfOf } from '@koguma/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { keyText, type Resource } from './resource.js';
import { create, insight, type OpenStore, type StoreUnderTest, secret } from './samples.contract.js';
import type { Feed, ResourceStore, Revision, StoreTransaction } from './store.js';

const WRITERS = 16;
const ROUNDS = 20;

/** What every store must tell of its changes, so that a reader who follows it misses nothing. */
export function feedContract(under: () => StoreUnderTest, open: OpenStore): void {
  let store: ResourceStore;
  const revision = async () => (await store.since(undefined)).revision;
  const change = async (work: (tx: StoreTransaction) => Promise<unknown>) => (await store.transaction(work)).revision;
  const keysOf = (feed: Feed) => feed.entries.map(({ key }) => key.name).sort();

  beforeEach(() => {
    ({ store } = under());
  });

  describe('the revision', () => {
    it('begins at 0 and grows by one with each transaction, however much that changed', async () => {
      const { epoch, n } = await revision();
      expect(n).toBe(0);
      const first = await change(async (tx) => {
        for (const name of ['a', 'b', 'c']) await tx.create(secret(name));
      });
      expect(first).toEqual({ epoch, n: 1 });
      expect(await change((tx) => tx.delete(secret('a')))).toEqual({ epoch, n: 2 });
      expect(await revision()).toEqual({ epoch, n: 2 });
    });

    it('stays where it was when a transaction fails or changes nothing', async () => {
      const before = await change((tx) => tx.create(secret('a')));
      await expect(change((tx) => tx.create(secret('a')))).rejects.toThrow();
      expect(await change((tx) => tx.list('Secret'))).toEqual(before);
      expect(await change((tx) => tx.create(secret('b')))).toEqual({ ...before, n: before.n + 1 });
    });

    it('is not moved by insights, which are stored all the same', async () => {
      const before = await change((tx) => tx.create(secret('a')));
      expect(await change((tx) => tx.create(insight('zone-1')))).toEqual(before);
      const stored = (await store.get(insight('zone-1'))) as Resource;
      expect(await change((tx) => tx.update({ ...stored, spec: { n: 1 } }))).toEqual(before);
      expect(await store.get(insight('zone-1'))).toMatchObject({ version: 2, spec: { n: 1 } });
      const mixed = await change(async (tx) => {
        await tx.delete(insight('zone-1'));
        await tx.create(secret('b'));
      });
      expect(mixed.n).toBe(before.n + 1);
      expect(keysOf(await store.since(before))).toEqual(['b']);
      await create(store, insight('zone-2'));
      expect(keysOf(await store.since(undefined))).toEqual(['a', 'b']);
    });

    it('keeps its epoch when the store is opened again, with all that was stored', async () => {
      const before = await change((tx) => tx.create(secret('a')));
      const resources = await store.list('Secret');
      store = await under().reopen();
      expect(await revision()).toEqual(before);
      expect(await store.list('Secret')).toEqual(resources);
      expect(await store.since(before)).toEqual({ revision: before, reset: false, entries: [] });
    });

    it('comes with the request that changed each resource last, also what it deleted, and with none where nobody asked', async () => {
      const before = await change((tx) => tx.create(secret('a')));
      await onBehalfOf('first', () => change((tx) => tx.create(secret('b'))));
      await onBehalfOf('second', () =>
        change(async (tx) => {
          await tx.delete(secret('a'));
          await tx.update({ ...secret('b'), version: 1 });
        }),
      );
      await change((tx) => tx.create(secret('c')));
      const { entries } = await store.since(before);
      const requests = Object.fromEntries(entries.map(({ key, request }) => [key.name, request]));
      expect(requests).toEqual({ a: 'second', b: 'second', c: undefined });
    });

    it('is in another epoch when the store was wiped', async () => {
      const before = await change((tx) => tx.create(secret('a')));
      store = await under().wipe();
      const feed = await store.since(before);
      expect(feed).toMatchObject({ reset: true, entries: [], revision: { n: 0 } });
      expect(feed.revision.epoch).not.toBe(before.epoch);
    });
  });

  describe('the feed', () => {
    it('gives each key that changed once, as it is now, and undefined for what is gone', async () => {
      await create(store, secret('old'));
      const after = await change((tx) => tx.create(secret('gone')));
      const b = await create(store, secret('b'));
      await store.transaction((tx) => tx.update(b));
      await store.transaction((tx) => tx.delete(secret('gone')));
      const feed = await store.since(after);
      expect(feed).toMatchObject({ reset: false, revision: { n: after.n + 3 } });
      expect(feed.entries).toHaveLength(2);
      const { type, mesh } = b;
      expect(feed.entries).toContainEqual({ key: { type, mesh, name: 'b' }, resource: await store.get(b) });
      expect(feed.entries).toContainEqual({ key: { type, mesh, name: 'gone' }, resource: undefined });
    });

    it('is empty for who is up to date', async () => {
      const head = await change((tx) => tx.create(secret('a')));
      expect(await store.since(head)).toEqual({ revision: head, reset: false, entries: [] });
    });

    it('gives everything to who knows nothing, another epoch, or a revision that is yet to come', async () => {
      const head = await change(async (tx) => {
        await tx.create({ ...secret('mesh', ''), type: 'Mesh' });
        await tx.create(secret('a', 'mesh'));
        await tx.create(secret('b', 'mesh'));
      });
      await change((tx) => tx.delete(secret('b', 'mesh')));
      for (const after of [undefined, { ...head, epoch: 'another' }, { ...head, n: head.n + 2 }]) {
        const feed = await store.since(after);
        expect(feed).toMatchObject({ reset: true, revision: { n: head.n + 1 } });
        expect(keysOf(feed)).toEqual(['a', 'mesh']);
        expect(feed.entries.map(({ resource }) => resource?.version)).toEqual([1, 1]);
      }
    });

    it('gives everything to who is behind the pruned log, and what is left of the log to others', async () => {
      const { store: small } = await open({ logLimit: 10 });
      const revisions: Revision[] = [];
      for (let n = 0; n < 40; n++)
        revisions.push((await small.transaction((tx) => tx.create(secret(`s${n}`)))).revision);
      expect(await small.since(revisions[5])).toMatchObject({ reset: true, entries: { length: 40 } });
      expect(await small.since(revisions[31])).toMatchObject({ reset: false, entries: { length: 8 } });
      expect(await small.since(revisions[39])).toMatchObject({ reset: false, entries: [] });
      await small.close();
    });

    it('wakes who waits after each commit that made a revision, until they no longer care', async () => {
      let wakes = 0;
      const unsubscribe = store.onCommit(() => wakes++);
      await create(store, secret('a'));
      expect(wakes).toBe(1);
      await create(store, insight('zone-1'));
      await expect(create(store, secret('a'))).rejects.toThrow();
      expect(wakes).toBe(1);
      unsubscribe();
      await create(store, secret('b'));
      expect(wakes).toBe(1);
    });

    it(`has no gap under ${WRITERS} writers: a follower misses nothing and never sees half a transaction`, async () => {
      const seen = new Map<string, Resource>();
      const torn: number[] = [];
      let writing = true;
      let last = await revision();
      const follow = async () => {
        const feed = await store.since(last);
        expect(feed.reset).toBe(false);
        for (const { key, resource } of feed.entries) {
          if (resource) seen.set(keyText(key), resource);
          else seen.delete(keyText(key));
        }
        if (pairs(seen).some(([left, right]) => left !== right)) torn.push(feed.revision.n);
        last = feed.revision;
      };
      const following = (async () => {
        while (writing) await follow();
        await follow();
      })();
      const writers = Array.from({ length: WRITERS }, (_, writer) => writePairs(store, writer));
      const written = await Promise.all(writers).finally(() => {
        writing = false;
      });
      await following;

      const numbers = written.flat().sort((a, b) => a - b);
      expect(numbers).toEqual(Array.from({ length: WRITERS * ROUNDS }, (_, index) => index + 1));
      expect(torn).toEqual([]);
      expect(last.n).toBe(WRITERS * ROUNDS);
      expect([...seen.keys()].sort()).toEqual((await store.list('Secret')).map(keyText).sort());
    });
  });
}

/** Each transaction writes the same number to two keys; every fifth deletes both. The revisions come back. */
async function writePairs(store: ResourceStore, writer: number): Promise<number[]> {
  const revisions: number[] = [];
  for (let n = 0; n < ROUNDS; n++) {
    const { revision } = await store.transaction(async (tx) => {
      for (const side of ['left', 'right']) {
        const stored = await tx.get(secret(`${side}-${writer}`));
        if (stored && n % 5 === 4) await tx.delete(stored);
        else if (stored) await tx.update({ ...stored, spec: { n } });
        else await tx.create(secret(`${side}-${writer}`, 'default', { n }));
      }
    });
    revisions.push(revision.n);
  }
  return revisions;
}

function pairs(seen: ReadonlyMap<string, Resource>): [unknown, unknown][] {
  const number = (side: string, writer: number) => seen.get(keyText(secret(`${side}-${writer}`)))?.spec.n;
  return Array.from({ length: WRITERS }, (_, writer) => [number('left', writer), number('right', writer)]);
}
