import { type Config, type Entropy, expandHome, type Log } from '@koguma/core';
import { MemoryStore } from './memory-store.js';
import { openPostgresStore } from './sql/postgres.js';
import { openSqliteStore } from './sql/sqlite.js';
import type { ResourceStore } from './store.js';

/** Opens the store that the configuration asks for, and brings its tables up to date. */
export async function openStore(
  { mode, multizone, store, koguma }: Config,
  { entropy, log }: { entropy: Entropy; log: Log },
): Promise<ResourceStore> {
  const owner = mode === 'global' ? 'global' : `zone ${multizone.zone.name}`;
  switch (store.type) {
    case 'memory':
      return new MemoryStore(entropy.uuid());
    case 'sqlite':
      return openSqliteStore({ file: expandHome(koguma.store.sqlite.path), entropy, log, owner });
    case 'postgres':
      return openPostgresStore({ settings: store.postgres, entropy, log, owner });
  }
}

/**
 * Brings the tables of the configured store up to date and opens nothing: for those who let a control plane use a
 * database in which it may not make tables. Any number of processes may do it at once.
 * @returns the names of the migrations that were applied; none when there was nothing to do
 */
export async function migrateStore({ store, koguma }: Config, { log }: { log: Log }): Promise<readonly string[]> {
  switch (store.type) {
    case 'memory':
      return [];
    case 'sqlite': {
      const { migrateSqlite } = await import('./sql/adapters/sqlite-file.js');
      return migrateSqlite(expandHome(koguma.store.sqlite.path), log.scope('store'));
    }
    case 'postgres': {
      const { migratePostgres } = await import('./sql/adapters/postgres-source.js');
      return migratePostgres(store.postgres, log.scope('store'));
    }
  }
}
