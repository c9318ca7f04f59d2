import { SILENT, VirtualClock } from '@koguma/core';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ResourceView } from '../view.js';
import type { Row, SqlDatabase } from './database.js';
import { SqlStore } from './sql-store.js';

const POSITION = { epoch: 'one', n: '5', pruned_to: '0' };

/** A shared database in which nothing happens; it remembers what it was asked. */
class IdleDatabase implements SqlDatabase {
  readonly shared = true;
  readonly asked: string[] = [];

  async query(sql: string): Promise<Row[]> {
    this.asked.push(sql.includes('FROM revision') ? 'revision' : sql);
    if (sql.includes('FROM resource')) return [];
    return [{ ...POSITION, type: null, version: null }];
  }

  read<T>(work: (session: SqlDatabase) => Promise<T>): Promise<T> {
    this.asked.push('snapshot');
    return work(this);
  }

  write<T>(work: (session: SqlDatabase & { announce(): void }) => Promise<T>): Promise<T> {
    this.asked.push('transaction');
    return work(Object.assign(this, { announce: () => undefined }));
  }

  onAnnounced(): void {}

  async close(): Promise<void> {}
}

describe('a view of a shared SQL store in which nothing happens', () => {
  let database: IdleDatabase;
  let clock: VirtualClock;

  beforeEach(async () => {
    database = new IdleDatabase();
    clock = new VirtualClock();
    const view = new ResourceView({ store: await SqlStore.open(database, { newEpoch: 'one' }), clock, log: SILENT });
    await view.load();
    void view.run(new AbortController().signal);
    await vi.waitFor(() => expect(clock.next()).toBe(5_000));
    database.asked.length = 0;
  });

  it('asks for one thing each time it looks: a single statement, without a transaction', async () => {
    for (const time of [5_000, 10_000, 15_000]) {
      clock.step();
      await vi.waitFor(() => expect(clock.next()).toBe(time + 5_000));
    }
    expect(database.asked).toEqual(['revision', 'revision', 'revision']);
  });
});
