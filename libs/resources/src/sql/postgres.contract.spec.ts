import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { loadConfig, SILENT, systemEntropy } from '@koguma/core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startProcess } from '../../../../test/support/second-process.js';
import { hasPostgres, ThrowawayCluster } from '../../../../test/support/throwaway-cluster.js';
import { migrateStore } from '../open-store.js';
import { create, secret } from '../samples.contract.js';
import type { ResourceStore } from '../store.js';
import { openPostgresStore, type PostgresStoreOptions } from './postgres.js';

type Settings = PostgresStoreOptions['settings'];

const dbName = 'tested';
const SOON = { timeout: 10_000 };
const OF_TYPE = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name LIKE 'koguma%' AND datname";

describe.skipIf(!hasPostgres())('a PostgreSQL store', () => {
  let cluster: ThrowawayCluster;
  const opened: ResourceStore[] = [];

  const open = async (more: Partial<Settings> = {}) => {
    const settings = cluster.settings(dbName, more);
    const store = await openPostgresStore({ settings, entropy: systemEntropy, log: SILENT });
    opened.push(store);
    return store;
  };
  const alter = (sql: string) => cluster.query(sql, dbName);
  const connections = async () => (await cluster.query(`${OF_TYPE} = '${dbName}'`))[0]?.n;
  const url = (user = 'kuma', port = cluster.port, db = dbName) => `postgres://${user}@127.0.0.1:${port}/${db}`;

  beforeAll(async () => {
    const tls = ['ssl=on', 'ssl_cert_file=../server.crt', 'ssl_key_file=../server.key'];
    cluster = await ThrowawayCluster.start(tls, makeCertificates);
  });
  afterAll(() => cluster?.drop());
  beforeEach(async () => {
    await cluster.createDatabase(dbName);
  });
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
  });

  describe('that cannot be opened says which one it is and why, but no password', () => {
    const refused = async (more: Partial<Settings>, message: string) => {
      const error: unknown = await open({ password: 'hunter2', ...more }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'unavailable', message: expect.stringContaining(message) });
      expect(everythingIn(error)).not.toContain('hunter2');
    };

    it('when nothing listens there', async () => {
      await refused(
        { port: 1 },
        `store ${url('kuma', 1)} is not running: start it, or correct KUMA_STORE_POSTGRES_HOST`,
      );
    });

    it('when it is not let in', async () => {
      await refused({}, `store ${url()} does not let us in (password authentication failed for user "kuma")`);
      await refused({ user: 'nobody' }, `store ${url('nobody')} does not let us in`);
    });

    it('when there is no such database', async () => {
      const missing = { dbName: 'missing', password: 'kuma' };
      await refused(missing, `store ${url('kuma', cluster.port, 'missing')} is on a server that has no such database`);
    });

    it('when the server takes no more connections', async () => {
      await alter(`ALTER DATABASE ${dbName} CONNECTION LIMIT 0`);
      await alter("CREATE ROLE guest LOGIN PASSWORD 'guest'");
      await refused({ user: 'guest', password: 'guest' }, 'lower KUMA_STORE_POSTGRES_MAX_OPEN_CONNECTIONS');
    });
  });

  describe('in a database', () => {
    it('of another program is refused, and nothing is touched', async () => {
      await alter('CREATE TABLE recipes (name text)');
      const message = `store ${url()} is the database of another program (it has a table "recipes"): create another one`;
      await expect(open()).rejects.toMatchObject({ code: 'unavailable', message });
      expect(await alter("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).toHaveLength(1);
    });

    it('that cannot hold all characters is refused', async () => {
      await cluster.createDatabase(dbName, "ENCODING 'LATIN1' TEMPLATE template0");
      await expect(open()).rejects.toMatchObject({ message: expect.stringContaining("ENCODING 'UTF8'") });
    });

    it('that a newer version wrote is refused, with the name of what is not known', async () => {
      await (await open()).close();
      await alter("INSERT INTO migration (timestamp, name) VALUES (9, 'AddColours9999999999999')");
      const message = `store ${url()} was written by a newer version (AddColours9999999999999): use that version or newer`;
      await expect(open()).rejects.toMatchObject({ code: 'unavailable', message });
      await expect(migrate()).rejects.toMatchObject({ code: 'unavailable', message });
    });

    it('in which it may make no tables is opened once somebody else has made them', async () => {
      await alter("CREATE ROLE clerk LOGIN PASSWORD 'clerk'");
      const clerk = { user: 'clerk', password: 'clerk' };
      const message = `store ${url('clerk')} needs new tables, and this user may not make them: run "migrate up" as their owner`;
      await expect(open(clerk)).rejects.toMatchObject({ code: 'unavailable', message });
      expect(await migrate()).toEqual([
        'CreateStore1764000000000',
        'CreateLease1764200000000',
        'AddRequest1764300000000',
        'CreateDataKey1764400000000',
      ]);
      expect(await migrate()).toEqual([]);
      await alter('GRANT SELECT, INSERT, UPDATE, DELETE ON resource, revision, change, data_key TO clerk');
      await alter('GRANT SELECT ON migration TO clerk');
      await create(await open(clerk), secret('one'));
    });
  });

  it('is migrated once, by as many processes as start at the same time', async () => {
    const settings = JSON.stringify(cluster.settings(dbName));
    const script = `
      import { SILENT, systemEntropy } from '@koguma/core';
      import { openPostgresStore } from '@koguma/resources';
      const open = () => openPostgresStore({ settings: ${settings}, entropy: systemEntropy, log: SILENT });
      const stores = await Promise.all([open(), open(), open()]);
      for (const store of stores) console.log((await store.since(undefined)).revision.epoch);
      process.exit();`;
    const epochs: string[] = [];
    const collect = async (lines: AsyncIterable<string>) => {
      for await (const line of lines) epochs.push(line);
    };
    await Promise.all([startProcess(script), startProcess(script)].map(({ lines }) => collect(lines)));
    expect(epochs).toHaveLength(6);
    expect(new Set(epochs).size).toBe(1);
    expect(await alter('SELECT name FROM migration')).toEqual([
      { name: 'CreateStore1764000000000' },
      { name: 'CreateLease1764200000000' },
      { name: 'AddRequest1764300000000' },
      { name: 'CreateDataKey1764400000000' },
    ]);
  });

  describe('over TLS', () => {
    const ca = () => path.join(cluster.folder, 'ca.crt');
    const encrypted = async (more: Partial<Settings>) => {
      await open(more);
      const [row] =
        await cluster.query(`SELECT bool_and(ssl) AS every FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE application_name LIKE 'koguma%' AND datname = '${dbName}'`);
      return row?.every;
    };
    const tls = (mode: Settings['tls']['mode'], caPath = '') => ({ mode, caPath, certPath: '', keyPath: '' });

    it('takes any certificate when it is not to be verified', async () => {
      expect(await encrypted({ tls: tls('verifyNone') })).toBe(true);
    });

    it('checks by whom the certificate is, and for whom', async () => {
      expect(await encrypted({ tls: tls('verifyFull', ca()) })).toBe(true);
      expect(await encrypted({ tls: tls('verifyCa', ca()), host: 'localhost' })).toBe(true);
      const wrongHost = open({ tls: tls('verifyFull', ca()), host: 'localhost' });
      await expect(wrongHost).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining('localhost'),
      });
      const wrongAuthority = open({ tls: tls('verifyCa', path.join(cluster.folder, 'other.crt')) });
      await expect(wrongAuthority).rejects.toMatchObject({ code: 'unavailable' });
      const missing = open({ tls: tls('verifyCa', '/nowhere/ca.crt') });
      await expect(missing).rejects.toMatchObject({
        code: 'invalid',
        message: expect.stringContaining('/nowhere/ca.crt'),
      });
    });
  });

  describe('that fails', () => {
    it('does not show what was to be stored, since that may be a private key', async () => {
      const store = await open();
      await alter("ALTER TABLE resource ADD CONSTRAINT never CHECK (mesh <> 'never')");
      const error: unknown = await create(store, secret('one', 'never', { data: 'c2VjcmV0' })).catch(
        (thrown) => thrown,
      );
      expect(error).toMatchObject({ code: 'unavailable' });
      expect(everythingIn(error)).not.toContain('c2VjcmV0');
    });

    it('says so when it cannot hold a character, and goes on', async () => {
      const store = await open();
      await expect(create(store, secret('a\u0000b'))).rejects.toMatchObject({ code: 'invalid' });
      await expect(store.get(secret('a\u0000b'))).rejects.toMatchObject({ code: 'invalid' });
      expect((await store.transaction((tx) => tx.create(secret('next')))).revision.n).toBe(1);
    });

    it('undoes the transaction whose commit fails, and goes on', async () => {
      const store = await open();
      await alter(`CREATE TABLE nowhere (id text PRIMARY KEY);
        CREATE TABLE doomed (id text REFERENCES nowhere (id) DEFERRABLE INITIALLY DEFERRED);
        CREATE FUNCTION doom() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO doomed VALUES (''x''); RETURN NEW; END';
        CREATE TRIGGER doom AFTER INSERT ON resource FOR EACH ROW WHEN (NEW.name = 'doomed') EXECUTE FUNCTION doom()`);
      const failing = create(store, secret('doomed'));
      await expect(failing).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining('foreign key'),
      });
      expect(await store.list('Secret')).toEqual([]);
      expect((await store.transaction((tx) => tx.create(secret('next')))).revision.n).toBe(1);
    });

    it('does not pretend to have stored what the database gave up, when that was let pass', async () => {
      const store = await open();
      const failing = store.transaction(async (tx) => {
        await tx.create(secret('with-it'));
        await tx.get(secret('a\u0000b')).catch(() => undefined);
      });
      await expect(failing).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('aborted') });
      expect(await store.list('Secret')).toEqual([]);
    });
  });

  it('does not wait for ever when all its connections are busy, and goes on when they are not', async () => {
    const store = await open({ maxOpenConnections: 1, connectionTimeout: 1 });
    await store.transaction(async () => {
      const message = `store ${url()} gives no connection: it does not answer, or all are busy`;
      await expect(store.get(secret('one'))).rejects.toMatchObject({ code: 'unavailable', message });
    });
    expect(await store.get(secret('one'))).toBeUndefined();
  });

  it('keeps to its connections, and gives them back when it is closed', async () => {
    const store = await open({ maxOpenConnections: 2 });
    const asked = Array.from({ length: 40 }, (_, n) => create(store, secret(`s${n}`)));
    await Promise.all(asked.slice(0, 20));
    expect(await connections()).toBeLessThanOrEqual(3);
    const closing = store.close();
    await expect(store.list('Secret')).rejects.toThrow(`store ${url()} is closed`);
    await Promise.all([...asked, closing, store.close()]);
    await expect.poll(connections, SOON).toBe(0);
    expect(await (await open({ maxOpenConnections: 1 })).list('Secret')).toHaveLength(40);
  });

  function migrate(): Promise<readonly string[]> {
    const { config } = loadConfig({ role: 'zone', env: { KUMA_STORE_TYPE: 'postgres' } });
    return migrateStore({ ...config, store: { ...config.store, postgres: cluster.settings(dbName) } }, { log: SILENT });
  }
});

/** All that a log could show of an error, its causes included. */
function everythingIn(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${JSON.stringify(error, Object.getOwnPropertyNames(error))} ${everythingIn(error.cause)}`;
}

/** A certificate for 127.0.0.1, who signed it, and somebody else. */
function makeCertificates(folder: string): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  for (const name of ['ca', 'other']) {
    openssl('req', '-x509', ...key, '-keyout', `${name}.key`, '-out', `${name}.crt`, '-subj', `/CN=${name}`);
  }
  const by = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-addext', 'subjectAltName=IP:127.0.0.1'];
  openssl('req', '-x509', ...by, ...key, '-keyout', 'server.key', '-out', 'server.crt', '-subj', '/CN=server');
}
