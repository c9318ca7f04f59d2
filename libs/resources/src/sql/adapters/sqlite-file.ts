import { ControlPlaneError, type Log } from '@koguma/core';
import Libsql from 'libsql';
import { DataSource, QueryFailedError } from 'typeorm';
import { MIGRATIONS, MIGRATIONS_TABLE } from '../migrations.js';
import { endHold, holderOf, makeFile, takeHold } from './holder.js';
import { migrate } from './migrate.js';

const IN_MEMORY = ':memory:';
const TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'";

export interface OpenSqlite {
  readonly source: DataSource;
  readonly connection: Libsql.Database;
  /** The names of the migrations that were applied. */
  readonly migrated: readonly string[];
}

/** Opens the file, takes its lock for the life of the connection and brings its tables up to date. */
export async function openSqlite(file: string, log: Log): Promise<OpenSqlite> {
  let connection: Libsql.Database | undefined;
  const source = new DataSource({
    type: 'better-sqlite3',
    driver: Libsql,
    database: file,
    timeout: 0, // a lock is held for as long as its holder lives: waiting is of no use
    migrations: MIGRATIONS,
    migrationsTableName: MIGRATIONS_TABLE,
    logging: false,
    prepareDatabase: (opened: Libsql.Database) => {
      connection = opened;
      opened.pragma('locking_mode = EXCLUSIVE');
      refuseStranger(opened, file);
      opened.pragma('journal_mode = WAL');
      opened.pragma('synchronous = FULL');
    },
  });
  try {
    if (file !== IN_MEMORY) makeFile(file);
    await source.initialize();
    if (!connection) throw new TypeError('TypeORM opened no connection');
    if (file !== IN_MEMORY) takeHold(file, log);
    return { source, connection, migrated: await migrate(source, file) };
  } catch (error) {
    if (connection && source.isInitialized) {
      endHold(file);
      release(connection, file, log);
    }
    connection?.close();
    throw unavailable(file, error);
  }
}

/** Does what opening does to the tables, and leaves it at that. */
export async function migrateSqlite(file: string, log: Log): Promise<readonly string[]> {
  const { source, connection, migrated } = await openSqlite(file, log);
  endHold(file);
  release(connection, file, log);
  await source.destroy();
  return migrated;
}

/**
 * Leaves WAL and exclusive locking, which puts all into the one file and frees it: closing does not, as long as a
 * prepared statement waits for the garbage collector.
 */
export function release(connection: Libsql.Database, file: string, log: Log): void {
  try {
    connection.pragma('wal_checkpoint(TRUNCATE)');
    connection.pragma('journal_mode = DELETE');
    connection.pragma('locking_mode = NORMAL');
    connection.prepare(TABLES).all(); // a lock goes with the first read after
  } catch (error) {
    log.warn('the store is left with its write-ahead log', { file, error: String(error) });
  }
}

/** Text and code of the database's own error. TypeORM's holds the parameters too, which may be private keys. */
export function unavailable(file: string, thrown: unknown): ControlPlaneError {
  const error = thrown instanceof QueryFailedError ? thrown.driverError : thrown;
  if (error instanceof ControlPlaneError) return error;
  const refuse = (message: string) =>
    new ControlPlaneError('unavailable', `store ${file} ${message}`, { cause: error });
  switch ((error as { code?: unknown }).code) {
    case 'SQLITE_BUSY':
      return refuse(`is in use by ${holderOf(file)}: stop it first, or choose another file`);
    case 'SQLITE_NOTADB':
      return refuse('is not a database: restore it from a copy, or choose another file');
    default:
      return refuse(`cannot be used: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The first read of a file: it takes the lock, and fails on what is no database. Nothing was written yet. */
function refuseStranger(connection: Libsql.Database, file: string): void {
  const tables = connection.prepare(TABLES).all() as { name: string }[];
  if (tables.length === 0 || tables.some(({ name }) => name === MIGRATIONS_TABLE)) return;
  throw new ControlPlaneError('unavailable', `${file} is the database of another program: choose another file`);
}
