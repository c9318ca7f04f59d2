import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SeededEntropy, SILENT, systemEntropy } from '@koguma/core';
import { afterAll, beforeAll, describe } from 'vitest';
import { hasPostgres, ThrowawayCluster } from '../../../test/support/throwaway-cluster.js';
import { MemoryStore } from './memory-store.js';
import type { StoreUnderTest } from './samples.contract.js';
import { openPostgresStore } from './sql/postgres.js';
import { openSqliteStore } from './sql/sqlite.js';
import { storeContract } from './store.contract.js';
import type { ResourceStore } from './store.js';

let folder: string;
let files = 0;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'koguma-store-'));
});
afterAll(() => rm(folder, { recursive: true }));

storeContract('memory', async (options) => {
  const entropy = new SeededEntropy(1);
  return under(
    async () => new MemoryStore(entropy.uuid(), options),
    async (store) => store,
  );
});

storeContract('SQLite', async (options) => {
  const file = path.join(folder, `${files++}.db`);
  const open = () => openSqliteStore({ file, entropy: systemEntropy, log: SILENT, ...options });
  const create = async () => {
    await rm(file, { force: true });
    return open();
  };
  return under(create, open);
});

describe.skipIf(!hasPostgres())('on a server', () => {
  let cluster: ThrowawayCluster;
  let databases = 0;

  beforeAll(async () => {
    cluster = await ThrowawayCluster.start();
  });
  afterAll(() => cluster?.drop());

  storeContract('PostgreSQL', async (options) => {
    const dbName = `contract_${databases++ % 4}`; // a test has two stores at most
    const settings = cluster.settings(dbName);
    const open = () => openPostgresStore({ settings, entropy: systemEntropy, log: SILENT, ...options });
    const create = async () => {
      await cluster.createDatabase(dbName);
      return open();
    };
    return under(create, open);
  });
});

async function under(
  create: () => Promise<ResourceStore>,
  reopen: (store: ResourceStore) => Promise<ResourceStore>,
): Promise<StoreUnderTest> {
  let store = await create();
  const comeBack = async (how: () => Promise<ResourceStore>) => {
    await store.close();
    store = await how();
    return store;
  };
  return {
    get store() {
      return store;
    },
    reopen: () => comeBack(() => reopen(store)),
    wipe: () => comeBack(create),
  };
}
