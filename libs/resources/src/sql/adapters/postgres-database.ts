import { ControlPlaneError, type Entropy, type Log } from '@koguma/core';
import type { ClientBase, QueryConfig } from 'pg';
import type { DataSource } from 'typeorm';
import { Overtaken, type Row, type SqlDatabase, type SqlSession, type SqlWriter } from '../database.js';
import { clientConfig, nameOf, type PostgresSettings } from './postgres-client.js';
import { endsConnection, storeError } from './postgres-errors.js';
import { announcement, PostgresListener } from './postgres-listener.js';
import { LOCKS, openSource } from './postgres-source.js';
import { Turns } from './turns.js';

const WRITER_LOCK = 2;
const BEGIN_READING = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';
const BEGIN_WRITING = 'BEGIN ISOLATION LEVEL READ COMMITTED';
/** Writers share a lock, and who writes alone has it for themselves. In one text, so in one round trip. */
const BEGIN_BESIDE = `${BEGIN_WRITING}; SELECT pg_advisory_xact_lock_shared(${LOCKS}, ${WRITER_LOCK})`;
const BEGIN_ALONE = `${BEGIN_WRITING}; SELECT pg_advisory_xact_lock(${LOCKS}, ${WRITER_LOCK})`;

/** Short texts have a name, by which each connection reads and plans them once: half of what a statement costs. */
const NAMED_UP_TO = 700;
const STATEMENT_NAMES = new Map<string, string>();

/**
 * PostgreSQL, on a pool that heals by itself: a connection that broke is thrown away, and whoever needs one next gets
 * a new one or is told why there is none.
 */
export class PostgresDatabase implements SqlDatabase {
  readonly shared = true;
  readonly #store: string;
  readonly #source: DataSource;
  readonly #announcement: string;
  readonly #listener: PostgresListener;
  readonly #running = new Set<Promise<unknown>>();
  #wake: () => void = () => undefined;
  #closed: Promise<void> | undefined;

  private constructor(
    settings: PostgresSettings,
    source: DataSource,
    { entropy, log }: { entropy: Entropy; log: Log },
  ) {
    const self = entropy.uuid();
    this.#store = nameOf(settings);
    this.#source = source;
    this.#announcement = announcement(self);
    const config = clientConfig(settings, 'koguma listener');
    this.#listener = new PostgresListener({ config, self, wake: () => this.#wake(), log });
  }

  static async open(settings: PostgresSettings, parts: { entropy: Entropy; log: Log }): Promise<PostgresDatabase> {
    const { source } = await openSource(settings, parts.log);
    const database = new PostgresDatabase(settings, source, parts);
    await database.#listener.ready;
    return database;
  }

  query(sql: string, parameters?: readonly unknown[]): Promise<Row[]> {
    return this.#connected((connection) => connection.run(sql, parameters));
  }

  read<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    return this.#connected((connection) =>
      connection.transaction(BEGIN_READING, async (query) => ({ value: await work({ query }), last: '' })),
    );
  }

  write<T>(work: (session: SqlWriter) => Promise<T>, alone: boolean): Promise<T> {
    return this.#connected((connection) =>
      connection.transaction(alone ? BEGIN_ALONE : BEGIN_BESIDE, async (query) => {
        let last = '';
        const announce = () => {
          last = `${this.#announcement}; `;
        };
        return { value: await work({ query, announce }), last };
      }),
    );
  }

  onAnnounced(wake: () => void): void {
    this.#wake = wake;
  }

  close(): Promise<void> {
    this.#closed ??= (async () => {
      await this.#listener.stop();
      await Promise.allSettled(this.#running);
      await this.#source.destroy();
    })();
    return this.#closed;
  }

  async #connected<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    if (this.#closed) throw new ControlPlaneError('unavailable', `store ${this.#store} is closed`);
    const running = this.#onConnection(work);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  async #onConnection<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const runner = this.#source.createQueryRunner();
    try {
      const client = await runner.connect().catch((error: unknown) => Promise.reject(storeError(this.#store, error)));
      const connection = new Connection(this.#store, client as ClientBase);
      return await work(connection).finally(() => connection.leave());
    } finally {
      await runner.release();
    }
  }
}

/** A connection for as long as it is out of the pool. */
class Connection {
  readonly #store: string;
  readonly #client: ClientBase;
  #broken = false;

  constructor(store: string, client: ClientBase) {
    this.#store = store;
    this.#client = client;
  }

  async run(sql: string, parameters?: readonly unknown[]): Promise<Row[]> {
    try {
      const { rows } = await this.#client.query<Row>(parameters ? named(sql, parameters) : sql);
      return rows;
    } catch (error) {
      this.#broken ||= endsConnection(error);
      throw storeError(this.#store, error);
    }
  }

  /** @param work returns its value, and what is still to be said in the same breath as the commit */
  async transaction<T>(
    begin: string,
    work: (query: SqlSession['query']) => Promise<{ value: T; last: string }>,
  ): Promise<T> {
    const statements = new Turns();
    let ended = false;
    let overtaken: Overtaken | undefined;
    const query: SqlSession['query'] = (sql, parameters) =>
      statements.take(async () => {
        if (ended) throw new TypeError('this transaction has ended');
        return this.run(sql, parameters).catch((error: unknown) => {
          if (error instanceof Overtaken) overtaken = error;
          throw error;
        });
      });
    const end = () => {
      ended = true;
      return statements.over();
    };
    try {
      await this.run(begin);
      const { value, last } = await work(query);
      await end();
      if (overtaken) throw overtaken;
      await this.#commit(last);
      return value;
    } catch (error) {
      await end();
      await this.#undo();
      throw overtaken ?? error;
    }
  }

  /** A connection that broke must not serve anybody else. */
  leave(): void {
    if (this.#broken) (this.#client as ClientBase & { end(): Promise<void> }).end().catch(() => undefined);
  }

  async #commit(last: string): Promise<void> {
    // A statement failed and whoever asked for it let that pass: a COMMIT would undo everything without a word.
    if (this.#client.getTransactionStatus() !== 'T') {
      throw new ControlPlaneError('unavailable', `store ${this.#store} has undone the transaction`);
    }
    try {
      await this.run(`${last}COMMIT`);
    } catch (error) {
      if (!this.#broken) throw error;
      const message = `store ${this.#store} was lost during a commit: the change may be stored or not`;
      throw new ControlPlaneError('unavailable', message, { cause: error });
    }
  }

  async #undo(): Promise<void> {
    if (this.#broken) return;
    await this.run('ROLLBACK').catch(() => {
      this.#broken = true;
    });
  }
}

function named(text: string, parameters: readonly unknown[]): QueryConfig {
  const values = [...parameters];
  if (text.length > NAMED_UP_TO) return { text, values };
  const name = STATEMENT_NAMES.get(text) ?? `koguma_${STATEMENT_NAMES.size}`;
  STATEMENT_NAMES.set(text, name);
  return { name, text, values };
}
