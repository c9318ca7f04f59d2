import { AsyncLocalStorage } from 'node:async_hooks';
import { ControlPlaneError, type Log } from '@koguma/core';
import type Libsql from 'libsql';
import type { DataSource, QueryRunner } from 'typeorm';
import type { Row, SqlDatabase, SqlSession, SqlWriter } from '../database.js';
import { Breath } from './breath.js';
import { endHold } from './holder.js';
import { openSqlite, release, unavailable } from './sqlite-file.js';
import { Turns } from './turns.js';

/** A transaction as the code that runs inside it knows it. */
interface Running {
  ended: boolean;
}

/**
 * SQLite through TypeORM, which has one connection there: whoever reads or writes waits for their turn, so nobody
 * sees or joins a transaction of somebody else.
 */
export class SqliteDatabase implements SqlDatabase {
  readonly shared = false;
  readonly #file: string;
  readonly #log: Log;
  readonly #source: DataSource;
  readonly #connection: Libsql.Database;
  readonly #runner: QueryRunner;
  readonly #turns = new Turns();
  readonly #breath = new Breath();
  readonly #inside = new AsyncLocalStorage<Running>();
  #closed: Promise<void> | undefined;

  private constructor(file: string, log: Log, source: DataSource, connection: Libsql.Database) {
    this.#file = file;
    this.#log = log;
    this.#source = source;
    this.#connection = connection;
    this.#runner = source.createQueryRunner();
  }

  static async open(file: string, log: Log): Promise<SqliteDatabase> {
    const { source, connection } = await openSqlite(file, log);
    return new SqliteDatabase(file, log, source, connection);
  }

  query(sql: string, parameters?: readonly unknown[]): Promise<Row[]> {
    return this.#inTurn(() => this.#run(sql, parameters));
  }

  read<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    return this.#inTurn(() => work({ query: (sql, parameters) => this.#run(sql, parameters) }));
  }

  /** Always alone. */
  write<T>(work: (session: SqlWriter) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      const running: Running = { ended: false };
      const statements = new Turns();
      const query = (sql: string, parameters?: readonly unknown[]) =>
        statements.take(() => this.#runIn(running, sql, parameters));
      const end = () => {
        running.ended = true;
        this.#inside.disable(); // nobody is inside now, and on Node 20 it makes every await of the process slower
        return statements.over();
      };
      await this.#run('BEGIN IMMEDIATE');
      try {
        const value = await this.#inside.run(running, () => work({ query, announce: () => undefined }));
        await end();
        this.#requireTransaction();
        await this.#run('COMMIT');
        return value;
      } catch (error) {
        await end();
        if (this.#connection.inTransaction) await this.#run('ROLLBACK');
        throw error;
      }
    });
  }

  /** There are no others. */
  onAnnounced(): void {}

  async close(): Promise<void> {
    this.#refuseInside();
    this.#closed ??= this.#turns.take(async () => {
      endHold(this.#file);
      release(this.#connection, this.#file, this.#log);
      await this.#source.destroy();
    });
    return this.#closed;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#refuseInside();
    if (this.#closed) throw new ControlPlaneError('unavailable', `store ${this.#file} is closed`);
    return this.#turns.take(work);
  }

  /** Who asks the store from inside a transaction would wait for a turn that comes after their own: for ever. */
  #refuseInside(): void {
    if (this.#inside.getStore()?.ended !== false) return;
    throw new TypeError('inside a transaction use its tx: the store waits for the transaction to end');
  }

  /** One statement of a transaction, which must still be the one that began. */
  async #runIn(running: Running, sql: string, parameters?: readonly unknown[]): Promise<Row[]> {
    if (running.ended) throw new TypeError('this transaction has ended');
    this.#requireTransaction();
    return this.#run(sql, parameters);
  }

  /** A full disk makes SQLite roll back by itself; what came after would be committed statement by statement. */
  #requireTransaction(): void {
    if (this.#connection.inTransaction) return;
    throw new ControlPlaneError('unavailable', `store ${this.#file} has undone the transaction`);
  }

  async #run(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    await this.#breath.due();
    try {
      const { records } = await this.#runner.query(sql, [...parameters], true);
      return records as Row[];
    } catch (error) {
      throw unavailable(this.#file, error);
    }
  }
}
