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

export const MIGRATIONS = [CreateStore];
export const MIGRATIONS_TABLE = 'migration';
