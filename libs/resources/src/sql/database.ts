import { ControlPlaneError } from '@koguma/core';

/** One row, by column name. */
export type Row = Readonly<Record<string, unknown>>;

/** Where statements run. They are standard SQL with `$1` placeholders in order, which every dialect here takes. */
export interface SqlSession {
  query(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
}

/** The session of a transaction that writes. */
export interface SqlWriter extends SqlSession {
  /** Wakes the other processes once this has committed: there is a revision to read. */
  announce(): void;
}

/** Another writer was in the way: what was to be done can be done again, alone. */
export class Overtaken extends ControlPlaneError {
  constructor(message: string, cause?: unknown) {
    super('conflict', message, { cause });
  }
}

/**
 * What the store asks of a database, and all in which dialects differ: how a connection is had, what a snapshot is
 * and what a transaction is. A dialect opens, locks and migrates before it is handed over. A `query` on the database
 * itself is one statement, and so a snapshot of its own.
 */
export interface SqlDatabase extends SqlSession {
  /** True when other processes write to it too, and transactions of this one run beside each other. */
  readonly shared: boolean;
  /** Runs `work` on one snapshot: it never sees a part of a transaction. */
  read<T>(work: (session: SqlSession) => Promise<T>): Promise<T>;
  /**
   * Runs `work` in a transaction and commits it whole, or not at all when it throws or the commit fails. When the
   * database is shared, others may commit between two statements of `work`, unless it runs `alone`: then the writers
   * of all processes are waited for, and wait.
   * @throws Overtaken when the database gave way to another writer, also when `work` kept that to itself
   */
  write<T>(work: (session: SqlWriter) => Promise<T>, alone: boolean): Promise<T>;
  /** Has `wake` called when another process has committed, and whenever that may have been missed. */
  onAnnounced(wake: () => void): void;
  /** Waits for what was asked before, then lets go of the database. */
  close(): Promise<void>;
}
