import type { Claim, Lease } from '../store.js';
import type { SqlDatabase } from './database.js';

/** The time of the database: clocks of the processes may differ, and jump. */
const NOW = 'CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)';
const LIVE = `INSERT INTO instance (id, expires_at) VALUES ($1, ${NOW} + $2)
  ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at`;
/** Nothing is returned while another holds it. Waits for writers that were let through with the number in force. */
const CLAIM = `INSERT INTO lease AS held (id, holder, fence, expires_at) VALUES (1, $1, 1, ${NOW} + $2)
  ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at,
    fence = CASE WHEN held.holder = excluded.holder THEN held.fence ELSE held.fence + 1 END
  WHERE held.holder = excluded.holder OR held.expires_at <= ${NOW}
  RETURNING fence`;
const LIVING = `SELECT id FROM instance WHERE expires_at > ${NOW}`;
const BURY = `DELETE FROM instance WHERE expires_at < ${NOW} - 3600000`;
const RELEASE = 'UPDATE lease SET expires_at = 0 WHERE holder = $1';
const DIE = 'DELETE FROM instance WHERE id = $1';

/** Leadership among the processes of one PostgreSQL database, as a row. */
export class PostgresLease implements Lease {
  readonly #database: SqlDatabase;

  constructor(database: SqlDatabase) {
    this.#database = database;
  }

  async claim(instance: string, forMs: number): Promise<Claim> {
    await this.#database.query(LIVE, [instance, forMs]);
    const [held] = await this.#database.query(CLAIM, [instance, forMs]);
    if (held) await this.#database.query(BURY);
    const living = (await this.#database.query(LIVING)).map(({ id }) => String(id));
    return { fence: held && Number(held.fence), living };
  }

  async release(instance: string): Promise<void> {
    await this.#database.query(RELEASE, [instance]);
    await this.#database.query(DIE, [instance]);
  }
}
