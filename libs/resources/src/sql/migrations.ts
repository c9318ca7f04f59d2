import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Standard SQL, the same for every dialect. A migration that was released is never edited: add another. */
class CreateStore implements MigrationInterface {
  readonly name = 'CreateStore1764000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE resource (
      type text NOT NULL,
      mesh text NOT NULL,
      name text NOT NULL,
      version bigint NOT NULL,
      spec text NOT NULL,
      labels text NOT NULL,
      creation_time bigint NOT NULL,
      modification_time bigint NOT NULL,
      PRIMARY KEY (type, mesh, name)
    )`);
    await runner.query(`CREATE TABLE revision (
      id integer NOT NULL PRIMARY KEY CHECK (id = 1),
      epoch text NOT NULL,
      n bigint NOT NULL,
      pruned_to bigint NOT NULL
    )`);
    await runner.query(`CREATE TABLE change (
      revision bigint NOT NULL,
      type text NOT NULL,
      mesh text NOT NULL,
      name text NOT NULL,
      PRIMARY KEY (revision, type, mesh, name)
    )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['change', 'revision', 'resource']) await runner.query(`DROP TABLE ${table}`);
  }
}

/** Whose store it is, who leads among those who share it, and who of them lives. */
class CreateLease implements MigrationInterface {
  readonly name = 'CreateLease1764200000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE owner (id integer NOT NULL PRIMARY KEY CHECK (id = 1), name text NOT NULL)');
    await runner.query(`CREATE TABLE lease (
      id integer NOT NULL PRIMARY KEY CHECK (id = 1),
      holder text NOT NULL,
      fence bigint NOT NULL,
      expires_at bigint NOT NULL
    )`);
    await runner.query('CREATE TABLE instance (id text NOT NULL PRIMARY KEY, expires_at bigint NOT NULL)');
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['instance', 'lease', 'owner']) await runner.query(`DROP TABLE ${table}`);
  }
}

/** Who asked for a change, so that it can be followed into the zones. */
class AddRequest implements MigrationInterface {
  readonly name = 'AddRequest1764300000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE change ADD COLUMN request text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE change DROP COLUMN request');
  }
}

/** What secrets are encrypted with, wrapped by a key that is kept elsewhere; no row while they are not. */
class CreateDataKey implements MigrationInterface {
  readonly name = 'CreateDataKey1764400000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE data_key (id integer NOT NULL PRIMARY KEY CHECK (id = 1), wrapped text NOT NULL)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE data_key');
  }
}

export const MIGRATIONS = [CreateStore, CreateLease, AddRequest, CreateDataKey];
export const MIGRATIONS_TABLE = 'migration';
