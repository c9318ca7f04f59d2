import { type Entropy, SeededEntropy, SILENT, systemClock, systemEntropy, Tasks } from '@koguma/core';
import { openPostgresStore, ResourceView, type SecretSpec } from '@koguma/resources';
import { freePort } from '@koguma/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { ControlPlaneProcess } from '../support/control-plane-process.js';
import { Ledger } from '../support/ledger.js';
import { eventually, ROOT } from '../support/processes.js';
import { hasPostgres, ThrowawayCluster } from '../support/throwaway-cluster.js';

const ROUNDS = 50;
/** Of each writer in a round; one replica is killed during one of them. */
const WRITES = 20;
const SECRETS = 12;
const MESH = 'default';
const ZONES = ['east', 'west'];
/** Both replicas, wherever this name is looked up. */
const NAME = 'global.koguma.test';
const ONE_NAME = `--import ${ROOT}/test/support/one-name.mjs`;
const SEED = Number(process.env.KOGUMA_CRASH_SEED ?? Date.now() % 1_000_000);

const cleanups: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const clean of cleanups.reverse()) await clean();
});

/** Somebody who writes secrets with ever larger numbers, by whichever replica answers, and remembers who said yes. */
class Writer {
  readonly ledger = new Ledger();
  readonly #names: readonly string[];
  readonly #replicas: readonly ControlPlaneProcess[];
  readonly #chance: Entropy;
  #at = 0;
  #number = 0;

  constructor(name: string, replicas: readonly ControlPlaneProcess[], chance: Entropy) {
    this.#names = Array.from({ length: SECRETS }, (_, index) => `${name}-${index}`);
    this.#replicas = replicas;
    this.#chance = chance;
  }

  /** Writes until so many were acknowledged. @param milestone called when a part of them is */
  async write(milestone: number, reached: () => void): Promise<void> {
    const aim = this.ledger.acknowledged + WRITES;
    while (this.ledger.acknowledged < aim) {
      if (this.ledger.acknowledged === aim - milestone) reached();
      await this.#writeOne().catch((error: unknown) => {
        // Nobody answered: the other one may. What was answered, and was not a yes, is a failure.
        if (!(error instanceof TypeError)) throw error;
        this.#at = 1 - this.#at;
      });
    }
  }

  #writeOne(): Promise<void> {
    const name = this.#names[Math.floor(this.#chance.random() * SECRETS)] as string;
    const goes = this.#chance.random() < 0.15 && this.ledger.contents.has(name);
    const content = goes ? undefined : String(++this.#number);
    return this.ledger.write(name, content, async () => {
      const path = `/meshes/${MESH}/secrets/${name}`;
      const data = content && Buffer.from(content).toString('base64');
      const replica = this.#replicas[this.#at] as ControlPlaneProcess;
      const { status, text } = await replica.call(goes ? 'DELETE' : 'PUT', path, goes ? undefined : { data });
      if (status >= 300) throw new Error(`${path} was answered ${status}: ${text}`);
    });
  }
}

/** Follows what a zone has, change by change, in the zone's own store: nothing may ever come back. */
class Watch {
  readonly relapses: string[] = [];
  readonly zone: ControlPlaneProcess;
  readonly #view: ResourceView;
  readonly #newest = new Map<string, number>();
  readonly #applied = new Map<string, number>();

  private constructor(zone: ControlPlaneProcess, view: ResourceView) {
    this.zone = zone;
    this.#view = view;
    view.onChange(({ entries }) => {
      for (const { key, resource } of entries)
        if (key.type === 'Secret' && key.mesh === MESH && resource) this.#see(key.name, numberIn(resource.spec));
    });
  }

  static async of(zone: ControlPlaneProcess, settings: ReturnType<ThrowawayCluster['settings']>): Promise<Watch> {
    const store = await openPostgresStore({ settings, entropy: systemEntropy, log: SILENT });
    const view = new ResourceView({ store, clock: systemClock, log: SILENT });
    await view.load();
    const tasks = new Tasks((owner, error) => console.error(owner, error));
    tasks.start('watch', (signal) => view.run(signal));
    cleanups.push(async () => {
      await tasks.stop();
      await store.close();
    });
    return new Watch(zone, view);
  }

  has(contents: ReadonlyMap<string, string>): boolean {
    const secrets = this.#view.list('Secret').filter(({ mesh, name }) => mesh === MESH && /^[ab]-/.test(name));
    return (
      secrets.length === contents.size &&
      secrets.every(({ name, spec }) => contents.get(name) === String(numberIn(spec)))
    );
  }

  /** Looks how far the zone says that it is with each type. */
  async lookAtRevisions(): Promise<void> {
    const { body } = await this.zone.get<{ types: { type: string; applied: number | null }[] }>('/koguma/sync');
    for (const { type, applied } of body.types) {
      const before = this.#applied.get(type) ?? 0;
      if ((applied ?? 0) < before) this.relapses.push(`${type} went back from revision ${before} to ${applied}`);
      this.#applied.set(type, applied ?? 0);
    }
  }

  #see(name: string, number: number): void {
    const newest = this.#newest.get(name) ?? 0;
    if (number < newest) this.relapses.push(`${name} went back from ${newest} to ${number}`);
    this.#newest.set(name, Math.max(newest, number));
  }
}

function numberIn(spec: unknown): number {
  return Number(Buffer.from((spec as SecretSpec).data ?? '', 'base64').toString());
}

async function secretsOf(replica: ControlPlaneProcess): Promise<Map<string, string>> {
  const path = `/meshes/${MESH}/secrets?size=1000`;
  const { items } = (await replica.get<{ items: { name: string; data: string }[] }>(path)).body;
  return new Map(items.map(({ name, data }) => [name, Buffer.from(data, 'base64').toString()]));
}

async function topology() {
  const cluster = await ThrowawayCluster.start();
  cleanups.push(() => cluster.drop());
  for (const name of ['global', ...ZONES]) await cluster.createDatabase(name);
  const store = (name: string) => {
    const { host, port, user, password, dbName } = cluster.settings(name);
    return {
      KUMA_STORE_TYPE: 'postgres',
      KUMA_STORE_POSTGRES_HOST: host,
      KUMA_STORE_POSTGRES_PORT: String(port),
      KUMA_STORE_POSTGRES_USER: user,
      KUMA_STORE_POSTGRES_PASSWORD: password,
      KUMA_STORE_POSTGRES_DB_NAME: dbName,
    };
  };
  const kds = String(await freePort());
  const replica = (address: string) =>
    ControlPlaneProcess.of('global', {
      ...store('global'),
      KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT: kds,
      KOGUMA_MULTIZONE_GLOBAL_KDS_INTERFACE: address,
      KOGUMA_MULTIZONE_GLOBAL_KDS_AUTH_TYPE: 'none',
    });
  const zone = (name: string) =>
    ControlPlaneProcess.of('zone', {
      ...store(name),
      NODE_OPTIONS: ONE_NAME,
      KUMA_MULTIZONE_ZONE_NAME: name,
      KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: `grpc://${NAME}:${kds}`,
      KOGUMA_MULTIZONE_ZONE_RECONNECT_BASE: '20ms',
      KOGUMA_MULTIZONE_ZONE_RECONNECT_MAX: '200ms',
    });
  const replicas = await Promise.all(['127.0.0.1', '127.0.0.2'].map(replica));
  const zones = await Promise.all(ZONES.map(zone));
  for (const one of [...zones, ...replicas]) cleanups.push(() => one.end('SIGKILL'));
  await Promise.all([...replicas, ...zones].map((one) => one.start()));
  const watches = await Promise.all(zones.map((one, at) => Watch.of(one, cluster.settings(ZONES[at] as string))));
  return { replicas, watches };
}

/** How long nobody leads when the one that does is killed. */
async function msUntilAnotherLeads(replicas: readonly ControlPlaneProcess[]): Promise<number> {
  const leads = ({ log }: ControlPlaneProcess) =>
    log.lastIndexOf('this replica leads') > log.lastIndexOf('this replica does not lead any more');
  await eventually(() => replicas.some(leads), 'one of two leads');
  const [leader, other] = [replicas.find(leads), replicas.find((one) => !leads(one))] as ControlPlaneProcess[];
  const began = performance.now();
  await leader?.end('SIGKILL');
  await eventually(() => other !== undefined && leads(other), 'the other leads', 10_000);
  return performance.now() - began;
}

/** Zones reach both replicas by one name; Linux has more than one loopback address to give it. */
describe.skipIf(!hasPostgres() || process.platform !== 'linux')('two replicas of global under kill -9', () => {
  it('lose no acknowledged write, and no zone ever goes back or is left behind', { timeout: 400_000 }, async () => {
    const chance = new SeededEntropy(SEED);
    const { replicas, watches } = await topology();
    const writers = ['a', 'b'].map((name) => new Writer(name, replicas, chance));
    const lost: string[] = [];
    const msToConverge: number[] = [];
    const began = performance.now();
    for (let round = 1; round <= ROUNDS; round++) {
      const dying = Math.floor(chance.random() * 2);
      const [victim, survivor] = [replicas[dying], replicas[1 - dying]] as [ControlPlaneProcess, ControlPlaneProcess];
      const writing: Promise<void>[] = [];
      await new Promise<void>((resolve) => {
        const milestone = 1 + Math.floor(chance.random() * WRITES);
        for (const writer of writers) writing.push(writer.write(milestone, resolve));
      });
      await victim.end('SIGKILL');
      const back = victim.start();
      await Promise.all(writing);
      const rested = performance.now();
      const there = await secretsOf(survivor);
      for (const { ledger } of writers) lost.push(...ledger.lost(there).map((what) => `round ${round}: ${what}`));
      const contents = new Map(writers.flatMap(({ ledger }) => [...ledger.contents]));
      for (const watch of watches) await eventually(() => watch.has(contents), `round ${round} has converged`);
      msToConverge.push(performance.now() - rested);
      for (const watch of watches) await watch.lookAtRevisions();
      await back;
    }
    const seconds = Math.round((performance.now() - began) / 1_000);
    const acknowledged = writers.reduce((sum, { ledger }) => sum + ledger.acknowledged, 0);
    const slowest = Math.round(Math.max(...msToConverge));
    console.log(
      `seed ${SEED}: ${ROUNDS} kills in ${seconds} s, ${acknowledged} writes acknowledged, ${lost.length} lost; ` +
        `every zone had everything ${slowest} ms after the last write of a round, at the latest`,
    );
    expect(lost).toEqual([]);
    console.log(`the lease moved ${Math.round(await msUntilAnotherLeads(replicas))} ms after its holder was killed`);
    expect(watches.flatMap(({ relapses }) => relapses)).toEqual([]);
    expect(acknowledged).toBe(ROUNDS * writers.length * WRITES);
  });
});
