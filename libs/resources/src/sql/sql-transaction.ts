import { ControlPlaneError, type ErrorCode } from '@koguma/core';
import { type Draft, describe, keyText, type Resource, type ResourceKey, type ResourceType } from '../resource.js';
import type { StoreTransaction } from '../store.js';
import { isInsight } from '../types.js';
import type { SqlSession } from './database.js';
import type { ReadSet } from './read-set.js';
import { readAll, readOne } from './reads.js';
import type { Vault } from './vault.js';

/** A key that is there gives no row, instead of an error that would end the transaction on some databases. */
const CREATE = `INSERT INTO resource (type, mesh, name, spec, labels, version, creation_time, modification_time)
  VALUES ($1, $2, $3, $4, $5, 1, $6, $7) ON CONFLICT DO NOTHING RETURNING version`;
const UPDATE = `UPDATE resource SET spec = $1, labels = $2, modification_time = $3, version = version + 1
  WHERE type = $4 AND mesh = $5 AND name = $6 AND version = $7 RETURNING creation_time`;
const DELETE = 'DELETE FROM resource WHERE type = $1 AND mesh = $2 AND name = $3 RETURNING version';

/** One transaction on a session that has begun; it remembers the keys that it changed, for the log of changes. */
export class SqlTransaction implements StoreTransaction {
  readonly #session: SqlSession;
  readonly #reads: ReadSet;
  readonly #vault: Vault;
  readonly #changed: ResourceKey[] = [];

  /** @param reads is told all that is read here */
  constructor(session: SqlSession, reads: ReadSet, vault: Vault) {
    this.#session = session;
    this.#reads = reads;
    this.#vault = vault;
  }

  /** Each changed key once, without insights: what makes a revision. */
  get changed(): readonly ResourceKey[] {
    return [...new Map(this.#changed.map((key) => [keyText(key), key])).values()];
  }

  async get<R extends Resource = Resource>(key: ResourceKey): Promise<R | undefined> {
    this.#reads.noteKey(key);
    return (await readOne(this.#session, key, this.#vault)) as R | undefined;
  }

  list(type: ResourceType, mesh?: string): Promise<Resource[]> {
    this.#reads.noteList(type, mesh);
    return readAll(this.#session, this.#vault, type, mesh);
  }

  async create(draft: Draft): Promise<Resource> {
    const { type, mesh, name, spec, labels, creationTime, modificationTime } = draft;
    const texts = [this.#vault.write(draft, spec), JSON.stringify(labels)];
    const [created] = await this.#session.query(CREATE, [type, mesh, name, ...texts, creationTime, modificationTime]);
    if (!created) throw this.#refusal(draft, 'conflict', 'already exists');
    this.#note(draft);
    return { ...draft, version: 1 };
  }

  async update(resource: Resource): Promise<Resource> {
    const { type, mesh, name, spec, labels, modificationTime, version } = resource;
    const set = [this.#vault.write(resource, spec), JSON.stringify(labels), modificationTime];
    const [updated] = await this.#session.query(UPDATE, [...set, type, mesh, name, version]);
    if (!updated) throw this.#refusal(resource, 'conflict', 'was changed meanwhile: read it again and retry');
    this.#note(resource);
    return { ...resource, creationTime: Number(updated.creation_time), version: version + 1 };
  }

  async delete(key: ResourceKey): Promise<void> {
    const [deleted] = await this.#session.query(DELETE, [key.type, key.mesh, key.name]);
    if (!deleted) throw this.#refusal(key, 'not_found', 'is not found');
    this.#note(key);
  }

  /** One name serves all levels: the innermost savepoint of a name is the one that is meant. */
  async savepoint<T>(work: () => Promise<T>): Promise<T> {
    const changed = this.#changed.length;
    await this.#session.query('SAVEPOINT item');
    try {
      const value = await work();
      await this.#session.query('RELEASE SAVEPOINT item');
      return value;
    } catch (error) {
      await this.#session.query('ROLLBACK TO SAVEPOINT item');
      await this.#session.query('RELEASE SAVEPOINT item');
      this.#changed.length = changed;
      throw error;
    }
  }

  #refusal(key: ResourceKey, code: ErrorCode, why: string): ControlPlaneError {
    this.#reads.noteRefusal(key);
    return new ControlPlaneError(code, `${describe(key)} ${why}`);
  }

  #note({ type, mesh, name }: ResourceKey): void {
    if (!isInsight(type)) this.#changed.push({ type, mesh, name });
  }
}
