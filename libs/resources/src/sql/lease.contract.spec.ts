import { SILENT, sleep, systemClock, systemEntropy } from '@koguma/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startProcess } from '../../../../test/support/second-process.js';
import { hasPostgres, ThrowawayCluster } from '../../../../test/support/throwaway-cluster.js';
import { Leadership } from '../leadership.js';
import { secret } from '../samples.contract.js';
import type { Lease, ResourceStore } from '../store.js';
import { openPostgresStore } from './postgres.js';
import { openSqliteStore } from './sqlite.js';

const dbName = 'lease';
const LONG_MS = 60_000;
/** A leader that died is one for 5 s, and others ask once a second. */
const SECONDS = { timeout: 10_000 };

describe.skipIf(!hasPostgres())('the lease of a PostgreSQL store', () => {
  let cluster: ThrowawayCluster;
  const closing: (() => Promise<unknown>)[] = [];

  const open = async (owner?: string) => {
    const settings = cluster.settings(dbName);
    const store = await openPostgresStore({
      settings,
      entropy: systemEntropy,
      log: SILENT,
      ...(owner ? { owner } : {}),
    });
    closing.push(() => store.close());
    return store;
  };
  const leaseOf = ({ lease }: ResourceStore) => lease as Lease;
  /** One of the processes that may lead. */
  const replica = async (instanceId: string) => {
    const store = await open();
    const leadership = new Leadership({ store, clock: systemClock, log: SILENT, instanceId });
    await leadership.claim();
    const stopping = new AbortController();
    const running = leadership.run(stopping.signal);
    const stop = () => {
      stopping.abort();
      return running;
    };
    closing.push(stop);
    return { store, leadership, stop };
  };

  beforeAll(async () => {
    cluster = await ThrowawayCluster.start();
  });
  afterAll(() => cluster?.drop());
  beforeEach(() => cluster.createDatabase(dbName));
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  it('is held by one, who can keep it, and everybody learns who lives', async () => {
    const [left, right] = [leaseOf(await open()), leaseOf(await open())];
    expect(await left.claim('left', LONG_MS)).toEqual({ fence: 1, living: ['left'] });
    expect(await right.claim('right', LONG_MS)).toEqual({ fence: undefined, living: ['left', 'right'] });
    expect((await left.claim('left', LONG_MS)).fence).toBe(1);
  });

  it('of many who want it at once is given to one', async () => {
    const leases = await Promise.all(Array.from({ length: 8 }, async () => leaseOf(await open())));
    const claims = await Promise.all(leases.map((lease, n) => lease.claim(`replica-${n}`, LONG_MS)));
    expect(claims.filter(({ fence }) => fence !== undefined)).toHaveLength(1);
  });

  it('passes on when it is let go of or runs out, each time with a higher number', async () => {
    const [left, right] = [leaseOf(await open()), leaseOf(await open())];
    await left.claim('left', LONG_MS);
    await left.release('left');
    expect(await right.claim('right', 1)).toEqual({ fence: 2, living: expect.not.arrayContaining(['left']) });
    await expect.poll(async () => (await left.claim('left', LONG_MS)).fence, SECONDS).toBe(3);
  });

  it('refuses what a leader writes after another has taken it, and nothing of it is stored', async () => {
    const [left, right] = [await open(), await open()];
    const { fence = 0 } = await leaseOf(left).claim('left', LONG_MS);
    await left.transaction((tx) => tx.create(secret('before')), fence);
    await leaseOf(left).release('left');
    const next = await leaseOf(right).claim('right', LONG_MS);
    await expect(left.transaction((tx) => tx.create(secret('late')), fence)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('another replica has taken the lead'),
    });
    await right.transaction((tx) => tx.create(secret('after')), next.fence);
    await left.transaction((tx) => tx.create(secret('of-everybody')));
    expect((await right.list('Secret')).map(({ name }) => name)).toEqual(['after', 'before', 'of-everybody']);
  });

  it('is not given to another while a leader’s write is under way', async () => {
    const [left, right] = [await open(), await open()];
    const { fence = 0 } = await leaseOf(left).claim('left', 1);
    const order: string[] = [];
    let taken: Promise<unknown> = Promise.resolve();
    await left.transaction(async (tx) => {
      await tx.create(secret('slow'));
      taken = leaseOf(right)
        .claim('right', LONG_MS)
        .then(() => order.push('taken'));
      const waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO lease%'";
      await expect.poll(async () => (await cluster.query(waits)).length, SECONDS).toBe(1);
      order.push('written');
    }, fence);
    await taken;
    expect(order).toEqual(['written', 'taken']);
  });

  it('makes one of two replicas lead, and the other at once when that one stops in good order', async () => {
    const [left, right] = [await replica('left'), await replica('right')];
    expect([left.leadership.leads, right.leadership.leads]).toEqual([true, false]);
    expect(left.leadership.fence).toBe(1);
    const asked = systemClock.mono();
    await left.stop();
    await expect.poll(() => right.leadership.leads, SECONDS).toBe(true);
    expect(systemClock.mono() - asked).toBeLessThan(3_000);
    expect([left.leadership.leads, right.leadership.fence]).toEqual([false, 2]);
  });

  it('moves within seconds when the process that holds it is killed', async () => {
    const { child, lines } = startProcess(`
      import { SILENT, systemClock, systemEntropy } from '@koguma/core';
      import { Leadership, openPostgresStore } from '@koguma/resources';
      const settings = ${JSON.stringify(cluster.settings(dbName))};
      const store = await openPostgresStore({ settings, entropy: systemEntropy, log: SILENT });
      const leadership = new Leadership({ store, clock: systemClock, log: SILENT, instanceId: 'killed' });
      await leadership.claim();
      void leadership.run(new AbortController().signal);
      console.log(leadership.leads);`);
    expect((await lines.next()).value).toBe('true');
    const { leadership } = await replica('heir');
    expect([leadership.leads, leadership.isAlive('killed')]).toEqual([false, true]);
    child.kill('SIGKILL');
    await expect.poll(() => leadership.leads, SECONDS).toBe(true);
    expect([leadership.fence, leadership.isAlive('killed')]).toEqual([2, false]);
  });

  it('is given up by whoever cannot reach the database, before another may have it', async () => {
    const { store, leadership } = await replica('cut-off');
    const terms: string[] = [];
    const stopping = new AbortController();
    const work = leadership.whileLeading(async (signal) => {
      terms.push('begins');
      await sleep(systemClock, LONG_MS, signal);
      terms.push('ends');
    }, stopping.signal);
    await expect.poll(() => terms).toEqual(['begins']);
    await store.close();
    await expect.poll(() => terms, SECONDS).toEqual(['begins', 'ends']);
    expect(leadership.leads).toBe(false);
    stopping.abort();
    await work;
  });

  it('and a database are of one control plane: another is refused with the reason', async () => {
    await open('global');
    await open('global');
    await expect(open('zone east')).rejects.toMatchObject({
      code: 'unavailable',
      message: 'this store belongs to global, and this is zone east: give each control plane a store of its own',
    });
  });
});

describe('a SQLite store', () => {
  it('has no lease: who has it open is alone, and leads', async () => {
    const store = await openSqliteStore({ file: ':memory:', entropy: systemEntropy, log: SILENT });
    const leadership = new Leadership({ store, clock: systemClock, log: SILENT, instanceId: 'alone' });
    expect([store.lease, leadership.leads, leadership.fence]).toEqual([undefined, true, undefined]);
    await store.close();
  });
});
