import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Log, SILENT, systemEntropy } from '@koguma/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { hasStrace, traced } from '../../../../test/support/second-process.js';
import { hasPostgres, ThrowawayCluster } from '../../../../test/support/throwaway-cluster.js';
import { secret } from '../samples.contract.js';
import type { ResourceStore } from '../store.js';
import { addKey, followKeyFile } from './adapters/key-file.js';
import { openPostgresStore } from './postgres.js';
import { openSqliteStore } from './sqlite.js';

const CLEAR = 'bGVhdmUgbm8gdHJhY2Ugb2YgbWU=';
const SETTING = 'KOGUMA_STORE_ENCRYPTION_KEY_FILE';

let folder: string;
let keyFile: string;
let cluster: ThrowawayCluster | undefined;
let lines: string[];
const log: Log = { ...SILENT, info: (line) => lines.push(line), scope: () => log };
const stores: ResourceStore[] = [];

const newKey = () => randomBytes(32).toString('base64');
const giveKeys = (...keys: string[]) => {
  rmSync(keyFile, { force: true });
  writeFileSync(keyFile, `${keys.join('\n')}\n`, { mode: 0o600 });
  return keyFile;
};
const sealedSecret = (name: string) => ({ ...secret(name), spec: { data: CLEAR } });

beforeAll(async () => {
  if (hasPostgres()) cluster = await ThrowawayCluster.start();
});
afterAll(() => cluster?.drop());
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'koguma-keys-'));
  keyFile = join(folder, 'keys');
  lines = [];
  giveKeys(newKey());
  await cluster?.createDatabase('sealed');
});
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Dialect {
  open(keyFile: string): Promise<ResourceStore>;
  /** All that the database holds, as whoever steals it finds it. */
  stolen(): Promise<string>;
}

const settings = () => (cluster as ThrowawayCluster).settings('sealed');
const DIALECTS: Record<string, Dialect> = {
  SQLite: {
    open: (keys) => openSqliteStore({ file: join(folder, 'store.db'), entropy: systemEntropy, log, keyFile: keys }),
    stolen: async () =>
      readdirSync(folder)
        .filter((name) => name.startsWith('store.db'))
        .map((name) => readFileSync(join(folder, name), 'latin1'))
        .join(),
  },
  PostgreSQL: {
    open: (keys) => openPostgresStore({ settings: settings(), entropy: systemEntropy, log, keyFile: keys }),
    stolen: async () => {
      const all = (table: string) => (cluster as ThrowawayCluster).query(`SELECT * FROM ${table}`, 'sealed');
      return JSON.stringify(await Promise.all(['resource', 'data_key', 'change'].map(all)));
    },
  },
};

describe('a key file', () => {
  it.skipIf(!hasStrace)('that is changed is synced before and after it takes the place of the old one', async () => {
    const module = new URL('./adapters/key-file.ts', import.meta.url).href;
    const { ended, calls } = traced(
      `import { addKey } from '${module}'; addKey(${JSON.stringify(keyFile)});`,
      'fsync,rename',
    );
    expect(await ended).toBeNull();
    expect(calls()).toEqual([`fsync ${keyFile}.new`, 'rename', `fsync ${folder}`]);
  });
});

describe('a key file that is changed', () => {
  it.skipIf(process.getuid?.() !== 0)('stays that of its owner', () => {
    chownSync(keyFile, 4711, 4712);
    chmodSync(keyFile, 0o640);
    addKey(keyFile);
    const { uid, gid, mode } = statSync(keyFile);
    expect([uid, gid, mode & 0o777]).toEqual([4711, 4712, 0o640]);
  });

  it('is as it was, and names the setting, when it cannot be', () => {
    const before = readFileSync(keyFile, 'utf8');
    mkdirSync(`${keyFile}.new`);
    expect(() => addKey(keyFile)).toThrow(
      `${SETTING}: got ${JSON.stringify(keyFile)}, which cannot be written (EISDIR)`,
    );
    expect(readFileSync(keyFile, 'utf8')).toBe(before);
  });

  it('is told of again and again until what follows from it is done', async () => {
    let told = 0;
    const stop = followKeyFile(keyFile, async () => ++told === 2);
    giveKeys(newKey());
    await expect.poll(() => told, { timeout: 10_000 }).toBe(2);
    giveKeys(newKey());
    await expect.poll(() => told, { timeout: 10_000 }).toBe(3);
    stop();
  });
});

describe.each(hasPostgres() ? ['SQLite', 'PostgreSQL'] : ['SQLite'])('secrets in %s', (dialect) => {
  const { open, stolen } = DIALECTS[dialect] as Dialect;
  const opened = async (keys = keyFile) => {
    const store = await open(keys);
    stores.push(store);
    return store;
  };
  const closed = async () => {
    for (const store of stores.splice(0)) await store.close();
  };
  const write = (store: ResourceStore, name: string) => store.transaction((tx) => tx.create(sealedSecret(name)));
  const expectReadable = async (store: ResourceStore, ...names: string[]) => {
    expect((await store.list('Secret')).map(({ name, spec }) => [name, spec])).toEqual(
      names.map((name) => [name, { data: CLEAR }]),
    );
    const { entries } = await store.since(undefined);
    expect(entries.map(({ resource }) => resource?.spec)).toEqual(names.map(() => ({ data: CLEAR })));
  };

  it('are told to be in the clear where there is no key file', async () => {
    await write(await opened(''), 'a');
    expect(lines).toContain('secrets are stored in the clear');
    expect(await stolen()).toContain(CLEAR);
  });

  it('cannot be read by whoever has the database, and are read as they were written, also after a restart', async () => {
    const store = await opened();
    await write(store, 'a');
    const { value, revision } = await store.transaction((tx) => tx.update({ ...sealedSecret('a'), version: 1 }));
    expect(value.spec).toEqual({ data: CLEAR });
    expect((await store.since({ ...revision, n: revision.n - 1 })).entries[0]?.resource?.spec).toEqual({ data: CLEAR });
    await expectReadable(store, 'a');
    await closed();
    const found = await stolen();
    expect(found).not.toContain(CLEAR);
    expect(found).not.toContain(readFileSync(keyFile, 'utf8').trim());
    await expectReadable(await opened(), 'a');
  });

  it('that were there in the clear are encrypted when a key file is first given', async () => {
    await write(await opened(''), 'a');
    await closed();
    const store = await opened();
    await expectReadable(store, 'a');
    await write(store, 'b');
    await closed();
    await expectReadable(await opened(), 'a', 'b');
    if (dialect === 'PostgreSQL') expect(await stolen()).not.toContain(CLEAR);
  });

  it.each([
    ['another key', () => giveKeys(newKey()), /^KOGUMA_STORE_ENCRYPTION_KEY_FILE: no key in this file opens the store/],
    ['no key file', () => '', /^the secrets of this store are encrypted/],
  ])('refuse a start with %s, and are all there afterwards', async (_, spoil, message) => {
    await write(await opened(), 'a');
    await closed();
    const right = readFileSync(keyFile, 'utf8').trim();
    const wrong = spoil();
    await expect(open(wrong)).rejects.toThrow(message);
    await expect(open(wrong)).rejects.toThrow(message);
    giveKeys(right);
    await expectReadable(await opened(), 'a');
  });

  it('go on while the key is rotated, and need the old one no more afterwards', async () => {
    const old = readFileSync(keyFile, 'utf8').trim();
    const store = await opened();
    await write(store, 'a');
    addKey(keyFile);
    const [fresh, kept] = readFileSync(keyFile, 'utf8').trim().split('\n');
    expect(kept).toBe(old);
    await write(store, 'b');
    const isTold = () => lines.some((line) => line.startsWith('the data key is wrapped by the first key of the file'));
    await expect.poll(isTold, { timeout: 10_000 }).toBe(true);
    await write(store, 'c');
    await closed();
    giveKeys(String(fresh));
    await expectReadable(await opened(), 'a', 'b', 'c');
    await closed();
    giveKeys(old);
    await expect(open(keyFile)).rejects.toThrow('no key in this file opens the store');
  });

  it('are wrapped anew at the start when the file was exchanged meanwhile', async () => {
    await write(await opened(), 'a');
    await closed();
    addKey(keyFile);
    await opened();
    await closed();
    giveKeys(readFileSync(keyFile, 'utf8').split('\n')[0] ?? '');
    await expectReadable(await opened(), 'a');
  });

  it.each([
    ['that is not there', () => rmSync(keyFile), 'cannot be read (ENOENT)'],
    ['that is empty', () => writeFileSync(keyFile, '\n'), 'is empty'],
    ['that holds something else', () => writeFileSync(keyFile, 'hunter2\n'), 'holds something else than such keys'],
    ['that everybody may read', () => chmodSync(keyFile, 0o604), 'everybody may read or write'],
  ])('refuse a key file %s', async (_, spoil, why) => {
    spoil();
    await expect(open(keyFile)).rejects.toThrow(`${SETTING}: got ${JSON.stringify(keyFile)}, which ${why}`);
    giveKeys(newKey());
    await expectReadable(await opened());
  });
});

describe.skipIf(!hasPostgres())('secrets in a PostgreSQL database', () => {
  const open = async (keys: string) => {
    const store = await openPostgresStore({ settings: settings(), entropy: systemEntropy, log, keyFile: keys });
    stores.push(store);
    return store;
  };

  it('are not encrypted under a replica that knows of no key', async () => {
    const replica = await open('');
    await replica.lease?.claim('replica', 5_000);
    await expect(open(keyFile)).rejects.toThrow('other replicas use this store and know of no key');
    await replica.transaction((tx) => tx.create(sealedSecret('a')));
    expect((await replica.list('Secret'))[0]?.spec).toEqual({ data: CLEAR });
    await replica.lease?.release('replica');
    expect((await (await open(keyFile)).list('Secret'))[0]?.spec).toEqual({ data: CLEAR });
  });

  it('are shared by replicas that have the key, from the first start on', async () => {
    const [one, two] = await Promise.all([open(keyFile), open(keyFile)]);
    await one.transaction((tx) => tx.create(sealedSecret('a')));
    expect((await two.list('Secret'))[0]?.spec).toEqual({ data: CLEAR });
    addKey(keyFile);
    const isTold = (line: string) => line.startsWith('the data key is wrapped by the first key of the file');
    await expect.poll(() => lines.filter(isTold).length, { timeout: 10_000 }).toBe(2);
  });

  it('that somebody put in the place of another, or in the clear, are not taken for it', async () => {
    const store = await open(keyFile);
    for (const name of ['a', 'b']) await store.transaction((tx) => tx.create(sealedSecret(name)));
    await cluster?.query(
      "UPDATE resource SET spec = (SELECT spec FROM resource WHERE name = 'a') WHERE name = 'b'",
      'sealed',
    );
    await expect(store.get(secret('b'))).rejects.toThrow('was changed in the database by somebody who has not its key');
    await cluster?.query(`UPDATE resource SET spec = '{"data":"eA=="}' WHERE name = 'b'`, 'sealed');
    await expect(store.get(secret('b'))).rejects.toThrow('was changed in the database by somebody who has not its key');
    expect((await store.get(secret('a')))?.spec).toEqual({ data: CLEAR });
  });
});
