import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SILENT, systemEntropy } from '@koguma/core';
import Libsql from 'libsql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasStrace, startProcess, traced } from '../../../../test/support/second-process.js';
import { create, secret } from '../samples.contract.js';
import type { ResourceStore } from '../store.js';
import { openSqliteStore } from './sqlite.js';

let folder: string;
let file: string;
const opened: ResourceStore[] = [];

async function open(): Promise<ResourceStore> {
  const store = await openSqliteStore({ file, entropy: systemEntropy, log: SILENT });
  opened.push(store);
  return store;
}

/** What an administrator with a SQL shell does to the file while no store has it open. */
function alter(sql: string): void {
  const database = new Libsql(file);
  database.exec(sql);
  database.close();
}

const opening = (then: string) => `
  import { SILENT, systemEntropy } from '@koguma/core';
  import { openSqliteStore } from '@koguma/resources';
  const draft = (n) => ({ type: 'Secret', mesh: 'm', name: 'n' + n, spec: { n }, labels: {}, creationTime: n, modificationTime: n });
  const open = () => openSqliteStore({ file: ${JSON.stringify(file)}, entropy: systemEntropy, log: SILENT });
  ${then}`;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'koguma-sqlite-'));
  file = path.join(folder, 'store.db');
});
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
  await rm(folder, { recursive: true });
});

describe('the file of a SQLite store', () => {
  it('is made with its folders, for its owner only', async () => {
    file = path.join(folder, 'some', 'where', 'store.db');
    await create(await open(), secret('one'));
    const modeOf = async (name: string) => (await stat(name)).mode & 0o777;
    expect(await modeOf(path.join(folder, 'some'))).toBe(0o700);
    expect(await modeOf(path.join(folder, 'some', 'where'))).toBe(0o700);
    for (const name of [file, `${file}-wal`, `${file}.holder`]) expect(await modeOf(name)).toBe(0o600);
  });

  it.skipIf(!hasStrace)(
    'is synced with each commit, before that is answered, and so are the folders that lead to it',
    async () => {
      file = path.join(folder, 'some', 'where', 'store.db');
      const { ended, calls } = traced(
        opening(`
          const store = await open();
          console.log('opened');
          for (let n = 0; n < 3; n++) {
            await store.transaction((tx) => tx.create(draft(n)));
            console.log('answered');
          }
          process.exit();`),
        'fsync,fdatasync,write',
      );
      expect(await ended).toBeNull();
      const told = calls().filter((call) => /^(write (opened|answered)$|f)/.test(call));
      const openedAt = told.indexOf('write opened');
      const synced = [folder, path.join(folder, 'some'), path.dirname(file), file].map((name) => `fsync ${name}`);
      expect(told.slice(0, openedAt)).toEqual(expect.arrayContaining(synced));
      const commit = [`fsync ${file}-wal`, 'write answered'];
      expect(told.slice(openedAt + 1)).toEqual([...commit, ...commit, ...commit]);
    },
  );

  it('is all that is left when the store was closed', async () => {
    const store = await open();
    await create(store, secret('one'));
    await store.close();
    expect(readdirSync(folder)).toEqual(['store.db']);
  });

  it('is not needed: a store in memory makes none', async () => {
    const store = await openSqliteStore({ file: ':memory:', entropy: systemEntropy, log: SILENT });
    await create(store, secret('one'));
    expect(await store.list('Secret')).toHaveLength(1);
    await store.close();
    expect(existsSync(':memory:') || existsSync(':memory:.holder')).toBe(false);
  });

  it('is refused and not touched when it is no database', async () => {
    for (const bytes of ['', 'x', 'SQLite format 3\0'].map((start) => Buffer.from(start.padEnd(5000, 'garbage ')))) {
      await writeFile(file, bytes);
      await expect(open()).rejects.toMatchObject({
        code: 'unavailable',
        message: `store ${file} is not a database: restore it from a copy, or choose another file`,
      });
      expect(await readFile(file)).toEqual(bytes);
      expect(readdirSync(folder)).toEqual(['store.db']);
    }
  });

  it('is refused and not touched when it belongs to another program', async () => {
    alter('CREATE TABLE recipes (name text)');
    const bytes = await readFile(file);
    await expect(open()).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining(file) });
    expect(await readFile(file)).toEqual(bytes);
  });

  it('is refused when a newer version wrote it, with the name of what is not known', async () => {
    await (await open()).close();
    alter("INSERT INTO migration (timestamp, name) VALUES (9, 'AddColours9999999999999')");
    const message = `store ${file} was written by a newer version (AddColours9999999999999): use that version or newer`;
    await expect(open()).rejects.toMatchObject({ code: 'unavailable', message });
    alter("DELETE FROM migration WHERE name LIKE 'AddColours%'");
    await open();
  });

  it('is refused when it cannot be opened, and says why', async () => {
    file = folder;
    await expect(open()).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining(folder) });
  });
});

describe('a second holder of a SQLite store', () => {
  const inUse = (pid: number) =>
    expect.stringMatching(new RegExp(`^store ${file} is in use by .*\\(pid ${pid}, since 20`));

  it('is refused within the same process, without harm to the first', async () => {
    const first = await open();
    await expect(open()).rejects.toMatchObject({ code: 'unavailable', message: inUse(process.pid) });
    await expect(open()).rejects.toMatchObject({ code: 'unavailable', message: inUse(process.pid) });
    await create(first, secret('one'));
    await first.close();
    expect(await (await open()).list('Secret')).toHaveLength(1);
  });

  it('is refused in another process, and let in once the first has closed', async () => {
    const first = await open();
    const attempt = () => {
      const told = 'await open().then(() => "opened", (error) => error.code + ": " + error.message)';
      return startProcess(opening(`console.log(${told}); process.exit();`)).lines.next();
    };
    expect((await attempt()).value).toMatch(
      new RegExp(`^unavailable: store ${file} is in use by .*pid ${process.pid},`),
    );
    await create(first, secret('one'));
    await first.close();
    expect((await attempt()).value).toBe('opened');
  });
});

describe('a SQLite store', () => {
  it('loses no acknowledged write and keeps no half when its process is killed, again and again', async () => {
    const writeForEver = `const store = await open();
      for (let n = (await store.since(undefined)).revision.n + 1; ; n++) {
        await store.transaction(async (tx) => { await tx.create(draft(n)); await tx.create(draft(-n)); });
        console.log(n);
      }`;
    let acknowledged = 0;
    for (const writes of [1, 60, 90, 140]) {
      const { child, ended, lines } = startProcess(opening(writeForEver));
      const last = acknowledged + writes;
      for await (const line of lines) {
        acknowledged = Number(line); // also what it said between the signal and its death
        if (acknowledged === last) child.kill('SIGKILL');
      }
      expect(await ended).toBe('SIGKILL');

      const store = await open();
      const { revision, entries } = await store.since(undefined);
      expect([acknowledged, acknowledged + 1]).toContain(revision.n);
      expect(entries).toHaveLength(2 * revision.n);
      expect(await store.since({ ...revision, n: revision.n - 1 })).toMatchObject({
        reset: false,
        entries: { length: 2 },
      });
      acknowledged = revision.n;
      await store.close();
    }
    const database = new Libsql(file);
    expect(database.pragma('integrity_check')).toEqual([{ integrity_check: 'ok' }]);
    database.close();
  });

  it('undoes a transaction whose commit fails, and goes on', async () => {
    await (await open()).close();
    alter(`CREATE TABLE nowhere (id text PRIMARY KEY);
      CREATE TABLE doomed (id text REFERENCES nowhere (id) DEFERRABLE INITIALLY DEFERRED);
      CREATE TRIGGER doom AFTER INSERT ON resource WHEN NEW.name = 'doomed' BEGIN INSERT INTO doomed VALUES ('x'); END`);
    const store = await open();
    let reached = false;
    const failing = store.transaction(async (tx) => {
      await tx.create(secret('with-it'));
      await tx.create(secret('doomed'));
      reached = true;
    });
    await expect(failing).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('FOREIGN KEY'),
    });
    expect(reached).toBe(true);
    expect(await store.list('Secret')).toEqual([]);
    expect((await store.transaction((tx) => tx.create(secret('next')))).revision.n).toBe(1);
  });

  it('keeps no part of a transaction that the database itself rolled back, as it does on a full disk', async () => {
    await (await open()).close();
    alter(`CREATE TRIGGER full BEFORE INSERT ON resource WHEN NEW.name = 'full'
      BEGIN SELECT RAISE(ROLLBACK, 'database or disk is full'); END`);
    const store = await open();
    const failing = store.transaction(async (tx) => {
      await tx.create(secret('before'));
      for (const name of ['full', 'after']) await tx.savepoint(() => tx.create(secret(name))).catch(() => undefined);
    });
    await expect(failing).rejects.toMatchObject({
      code: 'unavailable',
      message: `store ${file} has undone the transaction`,
    });
    expect(await store.list('Secret')).toEqual([]);
    expect((await store.transaction((tx) => tx.create(secret('next')))).revision.n).toBe(1);
  });

  it('does not show what was to be stored in an error, since that may be a private key', async () => {
    await (await open()).close();
    alter("CREATE TRIGGER bad BEFORE INSERT ON resource BEGIN SELECT RAISE(ABORT, 'no'); END");
    const store = await open();
    const error: unknown = await create(store, secret('one', 'default', { data: 'c2VjcmV0' })).catch(
      (thrown) => thrown,
    );
    expect(error).toMatchObject({ code: 'unavailable' });
    for (let shown = error; shown instanceof Error; shown = shown.cause) {
      expect(JSON.stringify(shown, Object.getOwnPropertyNames(shown))).not.toContain('c2VjcmV0');
    }
  });

  it('refuses to be asked from inside its own transaction, instead of waiting for ever', async () => {
    const store = await open();
    await store.transaction(async () => {
      for (const ask of [() => store.get(secret('one')), () => store.transaction(async () => 1), () => store.close()]) {
        await expect(ask()).rejects.toThrow('inside a transaction use its tx');
      }
    });
    let later: Promise<unknown> | undefined;
    await store.transaction(async () => {
      later = new Promise((resolve) => setTimeout(resolve, 20)).then(() => store.list('Secret'));
    });
    expect(await later).toEqual([]);
  });

  it('lets the event loop turn while a long queue is written', async () => {
    const store = await open();
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await Promise.all(Array.from({ length: 500 }, (_, n) => create(store, secret(`s${n}`))));
    clearInterval(timer);
    expect(turns).toBeGreaterThan(2);
  });

  it('ends what was asked before it is closed, takes nothing after, and can be closed twice', async () => {
    const store = await open();
    const asked = Array.from({ length: 20 }, (_, n) => create(store, secret(`s${n}`)));
    const closing = store.close();
    await expect(store.list('Secret')).rejects.toThrow(`store ${file} is closed`);
    await Promise.all([...asked, closing, store.close()]);
    expect(await (await open()).list('Secret')).toHaveLength(20);
  });
});
