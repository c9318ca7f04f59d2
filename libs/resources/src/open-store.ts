import { type Config, type Entropy, expandHome, type Log } from '@koguma/core';
import { MemoryStore } from './memory-store.js';
import { openSqliteStore } from './sql/sqlite.js';
import type { ResourceStore } from './store.js';

/** Opens the store that the configuration asks for. */
export async function openStore(
  { store, koguma }: Config,
  { entropy, log }: { entropy: Entropy; log: Log },
): Promise<ResourceStore> {
  if (store.type === 'memory') return new MemoryStore(entropy.uuid());
  return openSqliteStore({ file: expandHome(koguma.store.sqlite.path), entropy, log });
}
