import { type LogFields, SILENT, systemClock, systemEntropy } from '@koguma/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startProcess } from '../../../../test/support/second-process.js';
import { hasPostgres, ThrowawayCluster } from '../../../../test/support/throwaway-cluster.js';
import type { Resource } from '../resource.js';
import { create, insight, secret } from '../samples.contract.js';
import type { ResourceStore, StoreTransaction } from '../store.js';
import { ResourceView } from '../view.js';
import { openPostgresStore } from './postgres.js';

const dbName = 'shared';
const SOON = { timeout: 10_000 };
const WRITERS = 16;
const ROUNDS = 15;

describe.skipIf(!hasPostgres())('two PostgreSQL stores on one database', () => {
  let cluster: ThrowawayCluster;
  let left: ResourceStore;
  let right: ResourceStore;
  let logged: string[];
  const opened: ResourceStore[] = [];
  const both = () => [left, right] as const;

  const open = async (logLimit?: number) => {
    const log = { ...SILENT, info: say, warn: say, scope: () => log };
    const limit = logLimit === undefined ? {} : { logLimit };
    const store = await openPostgresStore({
      settings: cluster.settings(dbName),
      entropy: systemEntropy,
      log,
      ...limit,
    });
    opened.push(store);
    return store;
  };
  const say = (message: string, _fields?: LogFields) => void logged.push(message);

  beforeAll(async () => {
    cluster = await ThrowawayCluster.start(['deadlock_timeout=20ms']);
  });
  afterAll(() => cluster?.drop());
  beforeEach(async () => {
    logged = [];
    await cluster.createDatabase(dbName);
    left = await open();
    right = await open();
  });
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
  });

  it('are told to be shared, and are in one epoch', async () => {
    expect(left.shared).toBe(true);
    const { revision } = await left.transaction((tx) => tx.create(secret('one')));
    expect((await right.since(undefined)).revision).toEqual(revision);
  });

  it(`have one history without a gap under ${WRITERS} writers, of which a third process misses nothing`, async () => {
    const total = WRITERS * ROUNDS;
    const { lines } = startProcess(`
      import { SILENT, systemEntropy } from '@koguma/core';
      import { openPostgresStore } from '@koguma/resources';
      const settings = ${JSON.stringify(cluster.settings(dbName))};
      const store = await openPostgresStore({ settings, entropy: systemEntropy, log: SILENT });
      let { revision } = await store.since(undefined);
      const seen = [];
      let steps = 0;
      console.log('follows');
      while (revision.n < ${total}) {
        const feed = await store.since(revision);
        if (feed.reset || feed.entries.length < feed.revision.n - revision.n) throw new Error('it missed something');
        seen.push(...feed.entries.map(({ key }) => key.name));
        if (feed.entries.length > 0) steps++;
        revision = feed.revision;
      }
      console.log(JSON.stringify({ seen, steps }));
      process.exit();`);
    expect((await lines.next()).value).toBe('follows');

    const writers = Array.from({ length: WRITERS }, async (_, writer) => {
      const revisions: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const store = writer % 2 === 0 ? left : right;
        const { revision } = await store.transaction((tx) => tx.create(secret(`s-${writer}-${round}`)));
        revisions.push(revision.n);
      }
      return revisions;
    });
    const numbers = (await Promise.all(writers)).flat().sort((a, b) => a - b);
    expect(numbers).toEqual(Array.from({ length: total }, (_, index) => index + 1));

    const { seen, steps } = JSON.parse(String((await lines.next()).value)) as { seen: string[]; steps: number };
    expect(steps).toBeGreaterThan(1);
    expect(seen.sort()).toEqual((await left.list('Secret')).map(({ name }) => name));
  });

  describe('keep the promise that a transaction is alone', () => {
    it('when both count on one counter', async () => {
      await create(left, secret('counter', 'default', { n: 0 }));
      const increment = async (tx: StoreTransaction) => {
        const counter = (await tx.get(secret('counter'))) as Resource<{ n: number }>;
        await tx.update({ ...counter, spec: { n: counter.spec.n + 1 } });
      };
      await Promise.all(Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? left : right).transaction(increment)));
      expect(await left.get(secret('counter'))).toMatchObject({ spec: { n: 40 }, version: 41 });
    });

    it('when both make what is not there yet, as control planes do when they start', async () => {
      for (const key of [secret('first'), insight('zone-1')]) {
        const met = barrier(4);
        const ensure = async (tx: StoreTransaction) => {
          const stored = await tx.get(key);
          await met();
          if (stored) return 'there';
          await tx.create(key);
          return 'made';
        };
        const done = await Promise.all([...both(), ...both()].map((store) => store.transaction(ensure)));
        expect(done.map(({ value }) => value).sort()).toEqual(['made', 'there', 'there', 'there']);
      }
    });

    it('when each writes what the other only reads: of two nights on call one is always taken', async () => {
      for (const name of ['a', 'b']) await create(left, secret(name, 'on-call'));
      const met = barrier(2);
      const leave = (name: string) => async (tx: StoreTransaction) => {
        const onCall = await tx.list('Secret', 'on-call');
        await met();
        if (onCall.length > 1) await tx.delete(secret(name, 'on-call'));
      };
      await Promise.all([left.transaction(leave('a')), right.transaction(leave('b'))]);
      expect(await left.list('Secret', 'on-call')).toHaveLength(1);
    });

    it.each([secret, insight])('when they wait for each other', async (draft) => {
      const [a, b] = [await create(left, draft('a')), await create(left, draft('b'))];
      const met = barrier(2);
      const swap = (first: Resource, second: Resource) => async (tx: StoreTransaction) => {
        await touch(tx, first);
        await met();
        await touch(tx, second);
      };
      await Promise.all([left.transaction(swap(a, b)), right.transaction(swap(b, a))]);
      expect((await left.list(a.type)).map(({ version }) => version)).toEqual([3, 3]);
    });

    it('and do not hide from a writer that what it read before is no more', async () => {
      const read = await create(left, secret('one'));
      const changes = both().map((store) => store.transaction((tx) => tx.update({ ...read, spec: {} })));
      const [done, refused] = (await Promise.allSettled(changes)).sort((a, b) => (a.status < b.status ? -1 : 1));
      expect(done).toMatchObject({ status: 'fulfilled', value: { value: { version: 2 } } });
      expect(refused).toMatchObject({ reason: { code: 'conflict', message: expect.stringContaining('meanwhile') } });
    });
  });

  describe('follow each other', () => {
    let stop: () => Promise<void> = async () => undefined;
    const follow = async (store: ResourceStore) => {
      const view = new ResourceView({ store, clock: systemClock, log: SILENT });
      await view.load();
      const stopping = new AbortController();
      const running = view.run(stopping.signal);
      stop = () => {
        stopping.abort();
        return running;
      };
      return view;
    };
    const listeners = async () => {
      const sql = "SELECT pid FROM pg_stat_activity WHERE application_name = 'koguma listener'";
      return (await cluster.query(sql)).map(({ pid }) => pid);
    };
    const put = async (store: ResourceStore, name: string) =>
      (await store.transaction((tx) => tx.create(secret(name)))).revision;

    afterEach(() => stop());

    it('by being woken, each by the other, well before they would look', async () => {
      const wakes = { left: 0, right: 0 };
      left.onCommit(() => wakes.left++);
      right.onCommit(() => wakes.right++);
      const view = await follow(right);
      const revision = await put(left, 'one');
      const asked = systemClock.mono();
      await view.reached(revision);
      expect(systemClock.mono() - asked).toBeLessThan(2_000);
      await put(right, 'two');
      await expect.poll(() => wakes, SOON).toEqual({ left: 2, right: 2 });
    });

    it('also when what wakes them is cut off and the wake-up is lost', async () => {
      const view = await follow(right);
      for (const name of ['one', 'two', 'three']) {
        const before = await listeners();
        await cluster.query(`SELECT ${before.map((pid) => `pg_terminate_backend(${pid})`).join(', ')}`);
        await view.reached(await put(left, name));
        await expect.poll(async () => (await listeners()).filter((pid) => !before.includes(pid)), SOON).toHaveLength(2);
      }
      expect(view.list('Secret')).toEqual(await left.list('Secret'));
      expect(logged).toContain('lost the database, trying again');
      expect(logged).toContain('the database is back');
    });

    it('also when one is behind what the log remembers', async () => {
      const pruning = await open(10);
      const view = new ResourceView({ store: right, clock: systemClock, log: SILENT });
      await view.load();
      const resets: boolean[] = [];
      view.onChange(({ reset }) => resets.push(reset));
      for (let n = 0; n < 30; n++) await put(pruning, `s${n}`);
      const stopping = new AbortController();
      const running = view.run(stopping.signal);
      await view.reached((await left.since(undefined)).revision);
      expect(resets).toEqual([true]);
      expect(view.list('Secret')).toEqual(await left.list('Secret'));
      stopping.abort();
      await running;
    });
  });
});

async function touch(tx: StoreTransaction, key: Resource): Promise<void> {
  const stored = (await tx.get(key)) as Resource;
  await tx.update({ ...stored, spec: {} });
}

/** Lets the first `count` who come wait for each other, and holds up nobody who comes again. */
function barrier(count: number): () => Promise<void> {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  let missing = count;
  return () => {
    missing--;
    if (missing === 0) open();
    return opened;
  };
}
