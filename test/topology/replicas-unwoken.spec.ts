import { SILENT, systemEntropy } from '@koguma/core';
import { openPostgresStore, type SecretSpec } from '@koguma/resources';
import { WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasPostgres, ThrowawayCluster } from '../support/throwaway-cluster.js';

const WRITES = 1_000;
const SECRETS = 20;
/** As long as a replica that nobody wakes sleeps. */
const SLEEP_MS = 5_000;
/**
 * Stands before PostgreSQL's own function of that name for whoever uses this database: half of the notifications are
 * lost, the others come twice. What is sent twice within a transaction is sent once, so the second one says something else.
 */
const UNRELIABLE = `
  CREATE SEQUENCE lost; CREATE SEQUENCE doubled;
  CREATE FUNCTION public.pg_notify(channel text, payload text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    IF random() < 0.5 THEN PERFORM nextval('lost'); RETURN; END IF;
    PERFORM nextval('doubled');
    PERFORM pg_catalog.pg_notify(channel, payload);
    PERFORM pg_catalog.pg_notify(channel, payload || ' again');
  END $$;`;
const DEAF = `CREATE OR REPLACE FUNCTION public.pg_notify(channel text, payload text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    PERFORM nextval('lost');
  END $$;`;

describe.skipIf(!hasPostgres())('two replicas of global whose notifications are lost or doubled', () => {
  let cluster: ThrowawayCluster;
  const labOf = (zones: readonly string[]) =>
    new WiredLab({
      zones,
      openStore: (name) =>
        name === 'global'
          ? openPostgresStore({ settings: cluster.settings('global'), entropy: systemEntropy, log: SILENT })
          : Promise.resolve(undefined),
    });
  let [one, two] = [] as unknown as [WiredLab, WiredLab];

  beforeAll(async () => {
    cluster = await ThrowawayCluster.start();
    await cluster.createDatabase('global');
    await cluster.query('ALTER DATABASE global SET search_path = public, pg_catalog');
    await cluster.query(UNRELIABLE, 'global');
    [one, two] = [labOf([]), labOf(['east'])];
    await one.global.start();
    await two.start();
  }, 60_000);
  afterAll(async () => {
    await Promise.all([one?.stop(), two?.stop()]);
    await cluster?.drop();
  });

  const write = (number: number) =>
    one.global.served.manager.put(
      { type: 'Secret', mesh: 'default', name: `secret-${number % SECRETS}` },
      { data: Buffer.from(String(number)).toString('base64') },
    );
  const numberOf = (spec: unknown) => Number(Buffer.from((spec as SecretSpec).data ?? '', 'base64').toString());
  /** What a zone has, by name; it is attached to the replica on which nobody writes. */
  const there = () =>
    two
      .zone('east')
      .served.view.list('Secret')
      .filter(({ name }) => name.startsWith('secret-'))
      .map(({ name, spec }) => [name, numberOf(spec)]);
  const faults = async () => {
    const [row] = await cluster.query(
      'SELECT lost.last_value::int AS lost, doubled.last_value::int AS doubled FROM lost, doubled',
      'global',
    );
    return row as { lost: number; doubled: number };
  };

  it('bring a zone every write, and nothing in it ever goes back', {
    timeout: 120_000,
  }, async () => {
    const newest = new Map<string, number>();
    const relapses: string[] = [];
    let revision = 0;
    two.zone('east').served.view.onChange(({ entries }) => {
      for (const { key, resource } of entries) {
        if (!resource || !key.name.startsWith('secret-')) continue;
        const number = numberOf(resource.spec);
        if (number < (newest.get(key.name) ?? 0)) relapses.push(`${key.name} went back to ${number}`);
        newest.set(key.name, number);
      }
    });
    two.global.served.view.onChange(({ revision: { n } }) => {
      if (n < revision) relapses.push(`the other replica went back to revision ${n}`);
      revision = n;
    });
    for (let number = 1; number <= WRITES; number++) await write(number);
    const { lost, doubled } = await faults();
    console.log(`${lost} notifications were lost, ${doubled} came twice`);
    expect(lost + doubled).toBeGreaterThanOrEqual(WRITES);

    await cluster.query(DEAF, 'global'); // nothing after this wakes anybody
    await write(WRITES + 1);
    two.clock.hurry(SLEEP_MS);
    const last = Array.from({ length: SECRETS }, (_, index) => WRITES + 1 - index);
    const all = last.map((number) => [`secret-${number % SECRETS}`, number]);
    await expect.poll(() => Object.fromEntries(there()), { timeout: 2 * SLEEP_MS }).toEqual(Object.fromEntries(all));
    expect(relapses).toEqual([]);
  });
});
