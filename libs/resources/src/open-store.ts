import { type Config, ControlPlaneError, type Entropy, expandHome, type Log } from '@koguma/core';
import { MemoryStore } from './memory-store.js';
import { addKey } from './sql/adapters/key-file.js';
import { openPostgresStore } from './sql/postgres.js';
import { openSqliteStore } from './sql/sqlite.js';
import type { ResourceStore } from './store.js';

/** Opens the store that the configuration asks for, and brings its tables up to date. */
export async function openStore(
  { mode, multizone, store, koguma }: Config,
  { entropy, log }: { entropy: Entropy; log: Log },
): Promise<ResourceStore> {
  const owner = mode === 'global' ? 'global' : `zone ${multizone.zone.name}`;
  const { keyFile } = koguma.store.encryption;
  switch (store.type) {
    case 'memory':
      return new MemoryStore(entropy.uuid());
    case 'sqlite':
      return openSqliteStore({ file: expandHome(koguma.store.sqlite.path), entropy, log, owner, keyFile });
    case 'postgres':
      return openPostgresStore({ settings: store.postgres, entropy, log, owner, keyFile });
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

/**
 * Puts a new key before those of the configured key file, or makes the file. Control planes that run notice it within a second, and
 * wrap the key of their store anew.
 * @returns what to tell whoever asked for it, line by line
 * @throws ControlPlaneError `invalid` where no file is configured, or it holds something else
 */
export async function rotateStoreKey({ koguma }: Config): Promise<readonly string[]> {
  const { keyFile } = koguma.store.encryption;
  if (keyFile === '')
    throw new ControlPlaneError(
      'invalid',
      'KOGUMA_STORE_ENCRYPTION_KEY_FILE: got "", allowed: the file that the new key is put into',
    );
  const name = addKey(keyFile);
  return [
    `The first key of ${keyFile} is ${name} now. Control planes that run wrap the key of their store by it within a second.`,
    'Take the older keys out of the file when their logs say so.',
  ];
}
