import type { Config, Entropy, Log } from '@koguma/core';
import type { ResourceStore } from '../store.js';
import { SqlStore } from './sql-store.js';

export interface PostgresStoreOptions {
  readonly settings: Config['store']['postgres'];
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
 * Opens a store in a PostgreSQL database, which other processes may have open too, and brings its tables up to date.
 * While the database cannot be reached everything that is asked fails with `unavailable`; afterwards it works again.
 * @throws ControlPlaneError `unavailable` when it cannot be reached, belongs to another program or is a newer one's
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<ResourceStore> {
  const { settings, entropy, log, logLimit, owner, keyFile = '' } = options;
  // Loaded here, since TypeORM takes 200 ms and 30 MB that only those who have a database should pay.
  const { PostgresDatabase } = await import('./adapters/postgres-database.js');
  const database = await PostgresDatabase.open(settings, { entropy, log: log.scope('store') });
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
