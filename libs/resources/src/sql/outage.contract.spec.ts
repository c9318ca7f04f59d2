import { type LogFields, SILENT, systemClock, systemEntropy } from '@koguma/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startProcess } from '../../../../test/support/second-process.js';
import { hasPostgres, ThrowawayCluster } from '../../../../test/support/throwaway-cluster.js';
import { create, secret } from '../samples.contract.js';
import type { ResourceStore } from '../store.js';
import { ResourceView } from '../view.js';
import { openPostgresStore } from './postgres.js';

const dbName = 'outage';
const SOON = { timeout: 10_000 };
const WRITERS = 6;

describe.skipIf(!hasPostgres())('a PostgreSQL store', () => {
  let cluster: ThrowawayCluster;
  let store: ResourceStore;
  let logged: string[];
  const opened: ResourceStore[] = [];

  const open = async () => {
    const say = (message: string, fields?: LogFields) => void logged.push(`${message} ${JSON.stringify(fields)}`);
    const log = { ...SILENT, info: say, warn: say, scope: () => log };
    const another = await openPostgresStore({ settings: cluster.settings(dbName), entropy: systemEntropy, log });
    opened.push(another);
    return another;
  };
  const names = async () => (await store.list('Secret')).map(({ name }) => name);

  beforeAll(async () => {
    cluster = await ThrowawayCluster.start();
  });
  afterAll(() => cluster?.drop());
  beforeEach(async () => {
    logged = [];
    await cluster.createDatabase(dbName);
    store = await open();
  });
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.close();
  });

  it.each(['in order', 'at once'] as const)(
    'whose database is stopped %s while it is written to keeps what it acknowledged, says what is wrong and heals',
    async (how) => {
      const view = new ResourceView({ store: await open(), clock: systemClock, log: SILENT });
      await view.load();
      const stopping = new AbortController();
      const following = view.run(stopping.signal);
      const acknowledged: string[] = [];
      const failures: unknown[] = [];
      let writing = true;
      const writers = Array.from({ length: WRITERS }, async (_, writer) => {
        for (let n = 0; writing; n++) {
          const name = `s-${writer}-${n}`;
          const done = await create(store, secret(name)).then(
            () => acknowledged.push(name),
            (error) => void failures.push(error),
          );
          if (done === undefined) await new Promise((resolve) => setTimeout(resolve, 20));
        }
      });

      await expect.poll(() => acknowledged.length, SOON).toBeGreaterThan(30);
      await cluster.halt(how);
      await expect.poll(() => failures.length, SOON).toBeGreaterThan(WRITERS);
      const written = acknowledged.length;
      await cluster.resume();
      await expect.poll(() => acknowledged.length, SOON).toBeGreaterThan(written + 30);
      writing = false;
      await Promise.all(writers);

      const where = `store postgres://kuma@127.0.0.1:${cluster.port}/${dbName} `;
      for (const error of failures) {
        expect(error).toMatchObject({ code: 'unavailable', message: expect.stringContaining(where) });
      }
      const stored = await names();
      expect(stored).toEqual(expect.arrayContaining(acknowledged));
      // A commit whose answer was lost may have happened: at most one for each writer.
      expect(stored.length - acknowledged.length).toBeLessThanOrEqual(WRITERS);
      const { revision } = await store.since(undefined);
      expect(revision.n).toBe(stored.length);
      await view.reached(revision);
      expect(view.list('Secret').map(({ name }) => name)).toEqual(stored);
      expect(logged.some((line) => line.startsWith('lost the database'))).toBe(true);
      expect(logged.join()).not.toMatch(/password/i);
      stopping.abort();
      await following;
    },
  );

  it('whose every connection is cut within a transaction undoes it, and goes on with the next', async () => {
    const cut = store.transaction(async (tx) => {
      await tx.create(secret('one'));
      await cluster.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${dbName}'`);
      await tx.create(secret('two'));
    });
    await expect(cut).rejects.toMatchObject({ code: 'unavailable' });
    await expect.poll(() => names().catch(() => undefined), SOON).toEqual([]);
    await create(store, secret('three'));
    expect(await names()).toEqual(['three']);
  });

  it('loses no acknowledged write and keeps no half when a process that writes is killed, and holds up nobody', async () => {
    const settings = JSON.stringify(cluster.settings(dbName));
    const writeForEver = `
      import { SILENT, systemEntropy } from '@koguma/core';
      import { openPostgresStore } from '@koguma/resources';
      const draft = (name) => ({ type: 'Secret', mesh: 'm', name, spec: {}, labels: {}, creationTime: 1, modificationTime: 1 });
      const store = await openPostgresStore({ settings: ${settings}, entropy: systemEntropy, log: SILENT });
      const write = async (writer) => {
        for (let n = 0; ; n++) {
          const names = ['a', 'b'].map((side) => process.pid + '-' + writer + '-' + n + '-' + side);
          await store.transaction(async (tx) => { for (const name of names) await tx.create(draft(name)); });
          console.log(names.join());
        }
      };
      await Promise.all([1, 2, 3, 4].map(write));`;
    const acknowledged: string[] = [];
    for (const writes of [1, 50, 120]) {
      const { child, ended, lines } = startProcess(writeForEver);
      const last = acknowledged.length + 2 * writes;
      for await (const line of lines) {
        acknowledged.push(...line.split(','));
        if (acknowledged.length === last) child.kill('SIGKILL');
      }
      expect(await ended).toBe('SIGKILL');
      const before = systemClock.mono();
      await create(store, secret(`after-${writes}`));
      expect(systemClock.mono() - before).toBeLessThan(3_000);

      const written = (await names()).filter((name) => !name.startsWith('after-'));
      expect(written).toEqual(expect.arrayContaining(acknowledged));
      for (const name of written) expect(written).toContain(name.replace(/.$/, (side) => (side === 'a' ? 'b' : 'a')));
    }
    const { revision, entries } = await store.since(undefined);
    expect(entries).toHaveLength(3 + 2 * (revision.n - 3));
  });
});
