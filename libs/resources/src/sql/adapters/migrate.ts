import { ControlPlaneError } from '@koguma/core';
import { type DataSource, MigrationExecutor, type QueryRunner } from 'typeorm';

/** Refuses a store that knows more than this version does. */
export function refuseNewer(source: DataSource, applied: readonly string[], store: string): void {
  const known = new Set(source.migrations.map(({ name }) => name));
  const newer = applied.filter((name) => !known.has(name));
  if (newer.length === 0) return;
  const message = `store ${store} was written by a newer version (${newer.join(', ')}): use that version or newer`;
  throw new ControlPlaneError('unavailable', message);
}

/**
 * Brings the tables up to date, all or nothing. Whoever else could do the same is kept out by the caller.
 * @param runner what to work on; a transaction that it is in is left open
 * @returns the names of the migrations that were applied
 */
export async function migrate(source: DataSource, store: string, runner?: QueryRunner): Promise<string[]> {
  const executor = new MigrationExecutor(source, runner);
  const applied = await executor.getExecutedMigrations();
  refuseNewer(
    source,
    applied.map(({ name }) => name),
    store,
  );
  executor.transaction = 'all';
  return (await executor.executePendingMigrations()).map(({ name }) => name);
}
