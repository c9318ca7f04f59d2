import { beforeEach, describe, expect, it } from 'vitest';
import type { Resource } from './resource.js';
import { create, type StoreUnderTest, secret } from './samples.contract.js';
import type { ResourceStore, StoreTransaction } from './store.js';

/** All or nothing, alone among writers, and parts that may fail by themselves. */
export function transactionContract(under: () => StoreUnderTest): void {
  let store: ResourceStore;
  const names = async () => (await store.list('Secret')).map(({ name }) => name);
  const failing = async (work: Promise<unknown>) => {
    await work;
    throw new Error('changed my mind');
  };

  beforeEach(() => {
    ({ store } = under());
  });

  describe('a transaction', () => {
    it('answers with what its work returned', async () => {
      expect((await store.transaction(async () => 42)).value).toBe(42);
    });

    it('reads its own writes', async () => {
      await store.transaction(async (tx) => {
        await tx.create(secret('one'));
        expect(await tx.get(secret('one'))).toMatchObject({ version: 1 });
        expect(await tx.list('Secret')).toHaveLength(1);
        await tx.delete(secret('one'));
        expect(await tx.get(secret('one'))).toBeUndefined();
      });
    });

    it('is seen by nobody else before it commits', async () => {
      let tell = () => {};
      const written = new Promise<void>((resolve) => {
        tell = resolve;
      });
      const seen = written.then(() =>
        Promise.all([store.get(secret('half')), store.list('Secret'), store.since(undefined)]),
      );
      const doomed = store.transaction(async (tx) => {
        await tx.create(secret('half'));
        tell();
        for (let turn = 0; turn < 20; turn++) await tx.get(secret('half'));
        throw new Error('changed my mind');
      });
      await expect(doomed).rejects.toThrow('changed my mind');
      expect(await seen).toMatchObject([undefined, [], { entries: [], revision: { n: 0 } }]);
    });

    it('that throws changes nothing and passes the error on', async () => {
      const kept = await create(store, secret('kept'));
      const doomed = store.transaction(async (tx) => {
        await tx.create(secret('new'));
        await tx.update({ ...kept, spec: {} });
        await failing(tx.delete(kept));
      });
      await expect(doomed).rejects.toThrow('changed my mind');
      expect(await store.list('Secret')).toEqual([kept]);
    });

    it('that was refused something can go on', async () => {
      await create(store, secret('one'));
      await store.transaction(async (tx) => {
        await expect(tx.create(secret('one'))).rejects.toMatchObject({ code: 'conflict' });
        await expect(tx.delete(secret('two'))).rejects.toMatchObject({ code: 'not_found' });
        await tx.create(secret('three'));
      });
      expect(await store.list('Secret')).toHaveLength(2);
    });

    it('runs alone: a counter that many read and write loses nothing', async () => {
      await create(store, secret('counter', 'default', { n: 0 }));
      const increment = async (tx: StoreTransaction) => {
        const counter = (await tx.get(secret('counter'))) as Resource<{ n: number }>;
        return tx.update({ ...counter, spec: { n: counter.spec.n + 1 } });
      };
      await Promise.all(Array.from({ length: 50 }, () => store.transaction(increment)));
      expect(await store.get(secret('counter'))).toMatchObject({ spec: { n: 50 }, version: 51 });
    });

    it('takes no writes once it has ended', async () => {
      const { value: ended } = await store.transaction(async (tx) => tx);
      await expect(ended.create(secret('late'))).rejects.toThrow('this transaction has ended');
      expect(await store.get(secret('late'))).toBeUndefined();
    });
  });

  describe('a savepoint', () => {
    it('lets one item fail alone, and says why', async () => {
      await create(store, secret('taken'));
      await store.transaction(async (tx) => {
        await tx.savepoint(() => tx.create(secret('a')));
        const bad = tx.savepoint(async () => {
          await tx.create(secret('b'));
          await tx.create(secret('taken'));
        });
        await expect(bad).rejects.toMatchObject({ code: 'conflict' });
        await tx.savepoint(() => tx.create(secret('c')));
      });
      expect(await names()).toEqual(['a', 'c', 'taken']);
    });

    it('gives back what was changed and deleted in it', async () => {
      const kept = await create(store, secret('kept'));
      await store.transaction(async (tx) => {
        const bad = tx.savepoint(async () => {
          await tx.delete(await tx.update({ ...kept, spec: {} }));
          await failing(tx.create(secret('kept')));
        });
        await expect(bad).rejects.toThrow('changed my mind');
        expect(await tx.get(kept)).toEqual(kept);
      });
      expect(await store.get(kept)).toEqual(kept);
    });

    it('can lie in another: the inner one fails alone, the outer one takes the inner with it', async () => {
      await store.transaction(async (tx) => {
        await tx.savepoint(async () => {
          await tx.create(secret('outer'));
          await expect(tx.savepoint(() => failing(tx.create(secret('inner'))))).rejects.toThrow('changed my mind');
          await tx.create(secret('after'));
        });
        const whole = tx.savepoint(async () => {
          await tx.savepoint(() => tx.create(secret('good')));
          await failing(tx.create(secret('bad')));
        });
        await expect(whole).rejects.toThrow('changed my mind');
      });
      expect(await names()).toEqual(['after', 'outer']);
    });

    it('does not outlive its transaction', async () => {
      const doomed = store.transaction(async (tx) => failing(tx.savepoint(() => tx.create(secret('a')))));
      await expect(doomed).rejects.toThrow('changed my mind');
      expect(await names()).toEqual([]);
    });

    it('that failed leaves nothing in the feed', async () => {
      const { revision } = await store.transaction(async (tx) => {
        await tx.savepoint(() => failing(tx.create(secret('a')))).catch(() => undefined);
      });
      expect(revision.n).toBe(0);
      expect((await store.since(revision)).entries).toEqual([]);
    });
  });
}
