import { formatDuration } from '../duration.js';
import { type Nested, nest, type Table, valueAt } from './table.js';
import { duration } from './values.js';

/** Stands for any secret, also for one that is empty: its length and presence are secret too. */
export const MASK = '*****';

/**
 * The settings of a table as they may be shown: secrets masked, durations as people write them, so that the result
 * can be given back as YAML.
 */
export function masked<T extends Table>(table: T, config: Nested<T>): Record<string, unknown> {
  const shown = Object.entries(table).map(([path, { schema, secret }]) => {
    const value = valueAt(config, path);
    if (secret) return [path, MASK] as const;
    return [path, schema === duration ? formatDuration(BigInt(Math.round(Number(value) * 1e6))) : value] as const;
  });
  return nest(new Map<string, unknown>(shown));
}
