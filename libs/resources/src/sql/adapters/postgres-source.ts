import { ControlPlaneError, type Log } from '@koguma/core';
import pg from 'pg';
import { DataSource, type QueryRunner } from 'typeorm';
import { MIGRATIONS, MIGRATIONS_TABLE } from '../migrations.js';
import { migrate, refuseNewer } from './migrate.js';
import { clientConfig, nameOf, type PostgresSettings } from './postgres-client.js';
import { storeError } from './postgres-errors.js';

/** The first number of all our advisory locks, so that they are nobody else's. */
export const LOCKS = 0x6b6f_6775; // "kogu"
const MIGRATION_LOCK = 1;

const ENCODING = "SELECT current_setting('server_encoding') AS encoding, current_schema() AS schema";
/** Tables in the schema where ours are or will be, but those of extensions. */
const TABLES = `SELECT relname AS name FROM pg_class WHERE relkind IN ('r', 'p')
  AND relnamespace = current_schema()::regnamespace
  AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')`;

export interface OpenSource {
  readonly source: DataSource;
  /** The names of the migrations that were applied. */
  readonly migrated: readonly string[];
}

/** Connects a pool to the database and brings its tables up to date. */
export async function openSource(settings: PostgresSettings, log: Log): Promise<OpenSource> {
  const store = nameOf(settings);
  const source = new DataSource({
    type: 'postgres',
    driver: pg,
    database: settings.dbName,
    migrations: MIGRATIONS,
    migrationsTableName: MIGRATIONS_TABLE,
    installExtensions: false,
    logging: false,
    poolErrorHandler: () => undefined, // connections that are lost while idle: who needs one gets another
    extra: { ...clientConfig(settings, 'koguma'), max: settings.maxOpenConnections },
  });
  try {
    await source.initialize();
    const migrated = await withRunner(source, (runner) => bringUpToDate(source, runner, store));
    if (migrated.length > 0) log.info('brought the tables up to date', { store, migrations: migrated });
    return { source, migrated };
  } catch (error) {
    await source.driver.disconnect().catch(() => undefined);
    throw failure(store, error);
  }
}

/** Does what opening does to the tables, and leaves it at that. */
export async function migratePostgres(settings: PostgresSettings, log: Log): Promise<readonly string[]> {
  const { source, migrated } = await openSource({ ...settings, maxOpenConnections: 1 }, log);
  await source.destroy();
  return migrated;
}

/**
 * Whoever may only read and write rows can do so once somebody else has made the tables: nothing is locked or
 * created when all is as it should be.
 */
async function bringUpToDate(source: DataSource, runner: QueryRunner, store: string): Promise<string[]> {
  const refuse = (why: string) => new ControlPlaneError('unavailable', `store ${store} ${why}`);
  const [{ encoding, schema }] = (await runner.query(ENCODING)) as [{ encoding: string; schema: string | null }];
  if (encoding !== 'UTF8') throw refuse(`is encoded in ${encoding}: create the database with ENCODING 'UTF8'`);
  if (schema === null) throw refuse('has no schema that we may use: grant USAGE on schema public');
  if (await isUpToDate(source, runner, store, refuse)) return [];

  await runner.startTransaction();
  try {
    // Whoever was slower to get here finds nothing left to do.
    await runner.query('SELECT pg_advisory_xact_lock($1, $2)', [LOCKS, MIGRATION_LOCK]);
    const migrated = await migrate(source, store, runner);
    await runner.commitTransaction();
    return migrated;
  } catch (error) {
    await runner.rollbackTransaction().catch(() => undefined);
    if (failureCode(error) !== '42501') throw error;
    const message = `store ${store} needs new tables, and this user may not make them: run "migrate up" as their owner`;
    throw new ControlPlaneError('unavailable', message, { cause: error });
  }
}

async function isUpToDate(
  source: DataSource,
  runner: QueryRunner,
  store: string,
  refuse: (why: string) => ControlPlaneError,
): Promise<boolean> {
  const tables = ((await runner.query(TABLES)) as { name: string }[]).map(({ name }) => name);
  if (!tables.includes(MIGRATIONS_TABLE)) {
    if (tables.length === 0) return false;
    throw refuse(`is the database of another program (it has a table "${tables[0]}"): create another one`);
  }
  const rows = (await runner.query(`SELECT name FROM "${MIGRATIONS_TABLE}"`)) as { name: string }[];
  const applied = rows.map(({ name }) => name);
  refuseNewer(source, applied, store);
  return source.migrations.every(({ name = '' }) => applied.includes(name));
}

async function withRunner<T>(source: DataSource, work: (runner: QueryRunner) => Promise<T>): Promise<T> {
  const runner = source.createQueryRunner();
  try {
    return await work(runner);
  } finally {
    await runner.release();
  }
}

/** TypeORM wraps what the driver threw together with the statement and its parameters. */
function failure(store: string, thrown: unknown): ControlPlaneError {
  return storeError(store, (thrown as { driverError?: unknown }).driverError ?? thrown);
}

function failureCode(thrown: unknown): unknown {
  return (thrown as { driverError?: { code?: unknown } }).driverError?.code;
}
