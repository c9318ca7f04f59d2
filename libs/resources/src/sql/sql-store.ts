import { ControlPlaneError, type Log, requestId } from '@koguma/core';
import { RESOURCE_TYPE_NAMES, type Resource, type ResourceKey, type ResourceType } from '../resource.js';
import type { Committed, Entry, Feed, Lease, ResourceStore, Revision, StoreTransaction } from '../store.js';
import { isInsight } from '../types.js';
import { Overtaken, type SqlDatabase, type SqlSession, type SqlWriter } from './database.js';
import { PostgresLease } from './postgres-lease.js';
import { ReadSet } from './read-set.js';
import { keyOf, type Position, positionOf, readAll, readOne, readPosition, resourceOf } from './reads.js';
import { SqlTransaction } from './sql-transaction.js';
import { OPEN, openVault, type Vault } from './vault.js';

const FOUND = 'INSERT INTO revision (id, epoch, n, pruned_to) VALUES (1, $1, 0, 0) ON CONFLICT DO NOTHING';
const OWN = 'INSERT INTO owner (id, name) VALUES (1, $1) ON CONFLICT DO NOTHING';
const OWNER = 'SELECT name FROM owner';
/** Whoever wants to take the lease now has to wait for the end of this transaction. */
const FENCE = 'SELECT fence FROM lease WHERE fence = $1 FOR SHARE';
const ADVANCE = 'UPDATE revision SET n = n + 1 RETURNING epoch, n, pruned_to';
const LOG = 'INSERT INTO change (revision, request, type, mesh, name) VALUES';
/** The upper end changes nothing, but without statistics PostgreSQL takes an open end for a third of the table. */
const RECENT = 'change.revision > $1 AND change.revision <= (SELECT n FROM revision)';
const LOGGED = `SELECT DISTINCT type, mesh, name FROM change WHERE ${RECENT}`;
/** With who asked for the last change of each. */
const LAST_LOGGED = `SELECT type, mesh, name, request FROM (
    SELECT type, mesh, name, request, ROW_NUMBER() OVER (PARTITION BY type, mesh, name ORDER BY revision DESC) AS nth
    FROM change WHERE ${RECENT}
  ) AS numbered WHERE nth = 1`;
const PRUNE = 'DELETE FROM change WHERE revision <= $1';
const PRUNED = 'UPDATE revision SET pruned_to = $1';
/** Where the store is, beside each key that changed since and what it is now: one statement, so one snapshot. */
const CHANGED = `SELECT revision.epoch, revision.n, revision.pruned_to, changed.type, changed.mesh, changed.name,
    changed.request, spec, labels, version, creation_time, modification_time
  FROM revision
  LEFT JOIN (${LAST_LOGGED}) AS changed ON revision.pruned_to <= $1 AND revision.epoch = $2
  LEFT JOIN resource ON resource.type = changed.type AND resource.mesh = changed.mesh AND resource.name = changed.name`;

/** How many revisions the log remembers; a reader that is further behind starts over. */
const DEFAULT_LOG_LIMIT = 10_000;
/** Databases limit how many parameters a statement has. */
const KEYS_PER_STATEMENT = 500;

export interface SqlStoreOptions {
  /** The epoch of a database that has none yet; others keep theirs. */
  readonly newEpoch: string;
  /** The control plane whose store this is (`global`, `zone east`): nobody else's then. Not asked when left out. */
  readonly owner?: string | undefined;
  /** How many revisions the log of changes remembers. */
  readonly logLimit?: number | undefined;
  /** How secrets are written; see `openVault`. In the clear when left out. */
  readonly encryption?: { readonly keyFile: string; readonly log: Log } | undefined;
}

interface Outcome<T> {
  readonly value: T;
  readonly changed: boolean;
  readonly revision: Revision;
}

/**
 * Resources in a SQL database. The revision is a row that each writing transaction updates last, beside the log of
 * what it changed: so whoever reads a revision also sees all before it, which a sequence cannot promise.
 *
 * On a database that others write to, a transaction runs beside theirs. Who comes to the revision later looks in the
 * log whether anything that it read has changed since it began; if so it is undone, and runs again with all other
 * writers waiting. So a transaction is as if alone, and the only lock that all must pass is held for a moment.
 */
export class SqlStore implements ResourceStore {
  readonly lease: Lease | undefined;
  readonly #database: SqlDatabase;
  readonly #logLimit: number;
  readonly #vault: Vault;
  readonly #wakes = new Set<() => void>();
  /** The latest revision that was seen here; the store may have gone on, but not back. */
  #seen: Revision;

  private constructor(database: SqlDatabase, seen: Revision, logLimit: number, vault: Vault) {
    this.lease = database.shared ? new PostgresLease(database) : undefined;
    this.#database = database;
    this.#seen = seen;
    this.#logLimit = logLimit;
    this.#vault = vault;
    database.onAnnounced(() => this.#wake());
  }

  /** @throws ControlPlaneError `unavailable` when the database is the store of another control plane; also as `openVault` */
  static async open(
    database: SqlDatabase,
    { newEpoch, owner, logLimit = DEFAULT_LOG_LIMIT, encryption }: SqlStoreOptions,
  ): Promise<SqlStore> {
    const position = await database.write(async (session) => {
      await session.query(FOUND, [newEpoch]);
      if (owner !== undefined) await claimOwnership(session, owner);
      return readPosition(session);
    }, false);
    const vault = encryption ? await openVault(database, encryption.keyFile, encryption.log) : OPEN;
    return new SqlStore(database, position, logLimit, vault);
  }

  get shared(): boolean {
    return this.#database.shared;
  }

  async get<R extends Resource = Resource>(key: ResourceKey): Promise<R | undefined> {
    return (await readOne(this.#database, key, this.#vault)) as R | undefined;
  }

  list(type: ResourceType, mesh?: string): Promise<Resource[]> {
    return readAll(this.#database, this.#vault, type, mesh);
  }

  async transaction<T>(work: (tx: StoreTransaction) => Promise<T>, fence?: number): Promise<Committed<T>> {
    const beside = this.#database.shared ? await this.#runBesideOthers(work, fence) : undefined;
    const { value, changed, revision } = beside ?? (await this.#run(work, new ReadSet(), { alone: true, fence }));
    this.#see(revision);
    if (changed) this.#wake();
    return { value, revision };
  }

  async since(after: Revision | undefined): Promise<Feed> {
    const feed =
      (after && (await this.#changes(after))) ??
      (await this.#database.read((session) => everything(session, this.#vault)));
    this.#see(feed.revision);
    return feed;
  }

  onCommit(wake: () => void): () => void {
    this.#wakes.add(wake);
    return () => this.#wakes.delete(wake);
  }

  close(): Promise<void> {
    this.#wakes.clear();
    this.#vault.close();
    return this.#database.close();
  }

  /** @returns undefined when the log does not tell */
  async #changes(after: Revision): Promise<Feed | undefined> {
    const rows = await this.#database.query(CHANGED, [after.n, after.epoch]);
    const { epoch, n, prunedTo } = positionOf(rows[0]);
    if (after.epoch !== epoch || after.n < prunedTo || after.n > n) return undefined;
    const entries = rows
      .filter((row) => row.type !== null)
      .map((row) => ({
        key: keyOf(row),
        resource: row.version === null ? undefined : resourceOf(row, this.#vault),
        ...(row.request === null ? {} : { request: row.request as string }),
      }));
    return { revision: { epoch, n }, reset: false, entries };
  }

  /** @returns undefined when another writer changed what `work` had read, so that it has to run again, alone */
  async #runBesideOthers<T>(
    work: (tx: StoreTransaction) => Promise<T>,
    fence: number | undefined,
  ): Promise<Outcome<T> | undefined> {
    const reads = new ReadSet();
    try {
      return await this.#run(work, reads, { alone: false, fence });
    } catch (error) {
      if (error instanceof Overtaken) return undefined;
      if (error instanceof ControlPlaneError && error.code === 'unavailable') throw error;
      // It may have failed only for what is not so any more.
      if (await isOvertaken(this.#database, reads, await readPosition(this.#database))) return undefined;
      throw error;
    }
  }

  #run<T>(
    work: (tx: StoreTransaction) => Promise<T>,
    reads: ReadSet,
    { alone, fence }: { readonly alone: boolean; readonly fence: number | undefined },
  ): Promise<Outcome<T>> {
    return this.#database.write(async (session) => {
      if (fence !== undefined && this.#database.shared) await requireFence(session, fence);
      reads.begun = alone ? undefined : this.#seen;
      const tx = new SqlTransaction(session, reads, this.#vault);
      const value = await work(tx);
      const { changed } = tx;
      if (changed.length === 0) {
        const position = await readPosition(session);
        if (await isOvertaken(session, reads, position)) throw overtaken();
        return { value, changed: false, revision: revisionOf(position) };
      }
      const [row] = await session.query(ADVANCE); // from here to the commit the revision is ours
      const position = positionOf(row);
      if (await isOvertaken(session, reads, { ...position, n: position.n - 1 })) throw overtaken();
      await this.#record(session, changed, position);
      return { value, changed: true, revision: revisionOf(position) };
    }, alone);
  }

  async #record(session: SqlWriter, changed: readonly ResourceKey[], position: Position): Promise<void> {
    session.announce();
    for (let from = 0; from < changed.length; from += KEYS_PER_STATEMENT) {
      const keys = changed.slice(from, from + KEYS_PER_STATEMENT);
      const rows = keys.map((_, row) => `($1, $2, $${3 * row + 3}, $${3 * row + 4}, $${3 * row + 5})`);
      const parameters = keys.flatMap(({ type, mesh, name }) => [type, mesh, name]);
      await session.query(`${LOG} ${rows.join(', ')}`, [position.n, requestId() ?? null, ...parameters]);
    }
    await this.#prune(session, position);
  }

  /** Once in a tenth of the limit, so that hardly any commit pays for it. */
  async #prune(session: SqlSession, { n, prunedTo }: Position): Promise<void> {
    if (n - prunedTo < this.#logLimit * 1.1) return;
    await session.query(PRUNE, [n - this.#logLimit]);
    await session.query(PRUNED, [n - this.#logLimit]);
  }

  #see(revision: Revision): void {
    if (revision.epoch !== this.#seen.epoch || revision.n > this.#seen.n) this.#seen = revision;
  }

  #wake(): void {
    for (const wake of this.#wakes) wake();
  }
}

/** Whether, from before the first read until `now`, another writer changed what was read. */
async function isOvertaken(session: SqlSession, reads: ReadSet, now: Position): Promise<boolean> {
  const { begun, contradicted } = reads;
  if (!begun) return false;
  if (contradicted || now.epoch !== begun.epoch || now.n < begun.n || now.prunedTo > begun.n) return true;
  if (now.n === begun.n) return false;
  return (await session.query(LOGGED, [begun.n])).some((row) => reads.has(keyOf(row)));
}

async function requireFence(session: SqlSession, fence: number): Promise<void> {
  const [inForce] = await session.query(FENCE, [fence]);
  if (!inForce)
    throw new ControlPlaneError('conflict', 'another replica has taken the lead: this one writes nothing for it');
}

/** Two control planes in one store would take each other's resources for their own. */
async function claimOwnership(session: SqlSession, owner: string): Promise<void> {
  await session.query(OWN, [owner]);
  const [row] = await session.query(OWNER);
  if (row?.name === owner) return;
  const message = `this store belongs to ${String(row?.name)}, and this is ${owner}: give each control plane a store of its own`;
  throw new ControlPlaneError('unavailable', message);
}

function overtaken(): Overtaken {
  return new Overtaken('another writer changed what was read: try again');
}

function revisionOf({ epoch, n }: Position): Revision {
  return { epoch, n };
}

/** All that there is, for a reader that has to start over. */
async function everything(session: SqlSession, vault: Vault): Promise<Feed> {
  const revision = revisionOf(await readPosition(session));
  const entries: Entry[] = [];
  for (const type of RESOURCE_TYPE_NAMES) {
    if (isInsight(type)) continue;
    for (const resource of await readAll(session, vault, type)) {
      entries.push({ key: { type, mesh: resource.mesh, name: resource.name }, resource });
    }
  }
  return { revision, reset: true, entries };
}
