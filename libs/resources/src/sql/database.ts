/** One row, by column name. */
export type Row = Readonly<Record<string, unknown>>;

/** Where statements run. They are standard SQL with `$1` placeholders in order, which every dialect here takes. */
export interface SqlSession {
  query(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
}

/**
 * What the store asks of a database, and all in which dialects differ: how a connection is had, what a snapshot is
 * and what a transaction is. A dialect opens, locks and migrates before it is handed over.
 */
export interface SqlDatabase {
  /** True when other processes write to it too. */
  readonly shared: boolean;
  /** Runs `work` on one snapshot: it never sees a part of a transaction. */
  read<T>(work: (session: SqlSession) => Promise<T>): Promise<T>;
  /** Runs `work` in a transaction and commits it whole, or not at all when it throws or the commit fails. */
  write<T>(work: (session: SqlSession) => Promise<T>): Promise<T>;
  /** Waits for what was asked before, then lets go of the database. */
  close(): Promise<void>;
}
