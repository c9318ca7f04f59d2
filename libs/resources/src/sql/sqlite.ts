import type { Entropy, Log } from '@koguma/core';
import type { ResourceStore } from '../store.js';
import { SqlStore } from './sql-store.js';

export interface SqliteStoreOptions {
  /** Made when missing, with its folder. `:memory:` is a store that dies with the process. */
  readonly file: string;
  readonly entropy: Entropy;
  readonly log: Log;
  /** How many revisions the log of changes remembers. */
  readonly logLimit?: number;
  /** See `SqlStoreOptions`. */
  readonly owner?: string;
  /** The file of the key that secrets are encrypted with; empty or left out for none. */
  readonly keyFile?: string;
}

/**
 * Opens the embedded store: one file, held by one process, that survives a kill and a power cut.
 * @throws ControlPlaneError `unavailable` when the file is in use (it says by whom), is no store, or is a newer one's
 */
export async function openSqliteStore({
  file,
  entropy,
  log,
  logLimit,
  owner,
  keyFile = '',
}: SqliteStoreOptions): Promise<ResourceStore> {
  // Loaded here, since TypeORM takes 200 ms and 30 MB that only those who open a file should pay.
  const { SqliteDatabase } = await import('./adapters/sqlite-database.js');
  const database = await SqliteDatabase.open(file, log.scope('store'));
  try {
    return await SqlStore.open(database, {
      newEpoch: entropy.uuid(),
      owner,
      logLimit,
      encryption: { keyFile, log: log.scope('store') },
    });
  } catch (error) {
    await database.close();
    throw error;
  }
}
