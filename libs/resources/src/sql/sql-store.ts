import { RESOURCE_TYPE_NAMES, type Resource, type ResourceKey, type ResourceType } from '../resource.js';
import type { Committed, Entry, Feed, ResourceStore, Revision, StoreTransaction } from '../store.js';
import { isInsight } from '../types.js';
import type { SqlDatabase, SqlSession } from './database.js';
import { keyOf, type Position, positionOf, readAll, readOne, readPosition, resourceOf } from './reads.js';
import { SqlTransaction } from './sql-transaction.js';

const FOUND = 'INSERT INTO revision (id, epoch, n, pruned_to) VALUES (1, $1, 0, 0) ON CONFLICT DO NOTHING';
const ADVANCE = 'UPDATE revision SET n = n + 1 RETURNING epoch, n, pruned_to';
const LOG = 'INSERT INTO change (revision, type, mesh, name) VALUES ($1, $2, $3, $4)';
const PRUNE = 'DELETE FROM change WHERE revision <= $1';
const PRUNED = 'UPDATE revision SET pruned_to = $1';
/** The log collapsed to its keys, each with what it is now. */
const CHANGED = `SELECT changed.type, changed.mesh, changed.name, spec, labels, version, creation_time, modification_time
  FROM (SELECT DISTINCT type, mesh, name FROM change WHERE revision > $1) AS changed
  LEFT JOIN resource ON resource.type = changed.type AND resource.mesh = changed.mesh AND resource.name = changed.name`;

/** How many revisions the log remembers; a reader that is further behind starts over. */
const DEFAULT_LOG_LIMIT = 10_000;

/**
 * Resources in a SQL database. The revision is a row that each writing transaction updates last, beside the log of
 * what it changed: so whoever reads a revision also sees all before it, which a sequence cannot promise.
 */
export class SqlStore implements ResourceStore {
  readonly #database: SqlDatabase;
  readonly #logLimit: number;
  readonly #wakes = new Set<() => void>();

  private constructor(database: SqlDatabase, logLimit: number) {
    this.#database = database;
    this.#logLimit = logLimit;
  }

  /** @param newEpoch the epoch of a database that has none yet; others keep theirs */
  static async open(database: SqlDatabase, newEpoch: string, logLimit = DEFAULT_LOG_LIMIT): Promise<SqlStore> {
    await database.write((session) => session.query(FOUND, [newEpoch]));
    return new SqlStore(database, logLimit);
  }

  get shared(): boolean {
    return this.#database.shared;
  }

  async get<R extends Resource = Resource>(key: ResourceKey): Promise<R | undefined> {
    return (await this.#database.read((session) => readOne(session, key))) as R | undefined;
  }

  list(type: ResourceType, mesh?: string): Promise<Resource[]> {
    return this.#database.read((session) => readAll(session, type, mesh));
  }

  async transaction<T>(work: (tx: StoreTransaction) => Promise<T>): Promise<Committed<T>> {
    const { value, changed, position } = await this.#database.write(async (session) => {
      const tx = new SqlTransaction(session);
      const value = await work(tx);
      const { changed } = tx;
      return { value, changed: changed.length > 0, position: await this.#record(session, changed) };
    });
    if (changed) for (const wake of this.#wakes) wake();
    return { value, revision: { epoch: position.epoch, n: position.n } };
  }

  since(after: Revision | undefined): Promise<Feed> {
    return this.#database.read(async (session) => {
      const { epoch, n, prunedTo } = await readPosition(session);
      const revision = { epoch, n };
      if (after === undefined || after.epoch !== epoch || after.n < prunedTo || after.n > n) {
        return { revision, reset: true, entries: await everything(session) };
      }
      const rows = after.n === n ? [] : await session.query(CHANGED, [after.n]);
      const entries = rows.map((row) => ({
        key: keyOf(row),
        resource: row.version === null ? undefined : resourceOf(row),
      }));
      return { revision, reset: false, entries };
    });
  }

  onCommit(wake: () => void): () => void {
    this.#wakes.add(wake);
    return () => this.#wakes.delete(wake);
  }

  close(): Promise<void> {
    this.#wakes.clear();
    return this.#database.close();
  }

  /** The last statements of a transaction: until it commits, the revision row is its own. */
  async #record(session: SqlSession, changed: readonly ResourceKey[]): Promise<Position> {
    if (changed.length === 0) return readPosition(session);
    const [row] = await session.query(ADVANCE);
    const position = positionOf(row);
    for (const { type, mesh, name } of changed) await session.query(LOG, [position.n, type, mesh, name]);
    await this.#prune(session, position);
    return position;
  }

  /** Once in a tenth of the limit, so that hardly any commit pays for it. */
  async #prune(session: SqlSession, { n, prunedTo }: Position): Promise<void> {
    if (n - prunedTo < this.#logLimit * 1.1) return;
    await session.query(PRUNE, [n - this.#logLimit]);
    await session.query(PRUNED, [n - this.#logLimit]);
  }
}

async function everything(session: SqlSession): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const type of RESOURCE_TYPE_NAMES) {
    if (isInsight(type)) continue;
    for (const resource of await readAll(session, type)) {
      entries.push({ key: { type, mesh: resource.mesh, name: resource.name }, resource });
    }
  }
  return entries;
}
