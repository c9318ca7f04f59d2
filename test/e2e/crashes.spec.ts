import { join } from 'node:path';
import { type Entropy, SeededEntropy } from '@koguma/core';
import type { ControlPlaneClient } from '@koguma/testkit';
import { freePort } from '@koguma/testkit';
import { afterAll, describe, expect, it } from 'vitest';
import { ControlPlaneProcess } from '../support/control-plane-process.js';
import { Ledger } from '../support/ledger.js';
import { eventually, scratchFolder } from '../support/processes.js';
import { hasPostgres, ThrowawayCluster } from '../support/throwaway-cluster.js';

const KILLS_OF_EACH = 25;
/** Of each side in a round; one side is killed during one of them. */
const WRITES = 40;
/** About as long as one write takes. */
const ONE_WRITE_MS = 8;
const SEED = Number(process.env.KOGUMA_CRASH_SEED ?? Date.now() % 1_000_000);

const MESHES = 10;
const SECRETS = 60;
const DATAPLANES = 60;
const MESH = 'default';
const LISTS = ['zone-token-revocations', 'zone-ingress-token-revocations'];

const cleanups: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const clean of cleanups.reverse()) await clean();
});

/** Where the stores of one topology are. */
const STORES = {
  async sqlite() {
    const { path, remove } = await scratchFolder();
    cleanups.push(remove);
    return (name: string) => ({ KUMA_STORE_TYPE: 'sqlite', KOGUMA_STORE_SQLITE_PATH: join(path, `${name}.db`) });
  },
  async postgres() {
    const cluster = await ThrowawayCluster.start();
    cleanups.push(() => cluster.drop());
    for (const name of ['global', 'east']) await cluster.createDatabase(name);
    return (name: string) => {
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
  },
};

/** A control plane that is killed under the writes of its own users. */
class Side {
  readonly ledger = new Ledger();
  readonly process: ControlPlaneProcess;
  readonly #write: (side: Side) => Promise<void>;
  readonly #read: (from: ControlPlaneClient) => Promise<Map<string, string>>;
  #writing: Promise<void> = Promise.resolve();
  #isKilled = false;
  #revision = 0;

  constructor(
    process: ControlPlaneProcess,
    write: (side: Side) => Promise<void>,
    read: (from: ControlPlaneClient) => Promise<Map<string, string>>,
  ) {
    this.process = process;
    this.#write = write;
    this.#read = read;
  }

  /** Starts the process; nobody writes then. @returns what it has lost since its last life */
  async start(): Promise<string[]> {
    await this.process.start();
    this.#isKilled = false;
    const lost = this.ledger.lost(await this.readAt(this.process));
    const { n } = (await syncOf(this.process)).revision;
    if (n < this.#revision) lost.push(`the revision went back from ${this.#revision} to ${n}`);
    this.#revision = n;
    return lost;
  }

  /** Its users begin to write, one write after the other. @returns once `count` of these are acknowledged */
  beginWrites(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#writing = this.#writeAll(count, resolve);
    });
  }

  /** Their last write is over. */
  rest(): Promise<void> {
    return this.#writing;
  }

  async kill(): Promise<void> {
    this.#isKilled = true;
    await this.process.end('SIGKILL');
    await this.#writing;
  }

  /** Its own resources, as a control plane shows them. */
  readAt(place: ControlPlaneClient): Promise<Map<string, string>> {
    return this.#read(place);
  }

  async #writeAll(milestone: number, reached: () => void): Promise<void> {
    try {
      for (let count = 0; count < WRITES; count++) {
        if (count === milestone) reached();
        await this.#write(this);
      }
    } catch (error) {
      // Nobody answered, as is to be expected of a process that was killed; of one that lives it is a failure.
      if (!this.#isKilled) throw error;
    } finally {
      reached();
    }
  }
}

const syncOf = async (side: ControlPlaneClient) =>
  (await side.get<{ state: string; revision: { n: number }; zones: Row[] }>('/koguma/sync')).body;

interface Row {
  readonly zone: string;
  readonly state: string;
  readonly types: readonly { readonly written: number; readonly applied: number | null }[];
}

interface Item {
  readonly name: string;
  readonly data?: string;
  readonly labels?: Record<string, string>;
  readonly networking?: { readonly inbound: readonly { readonly port: number }[] };
}

async function listed(from: ControlPlaneClient, path: string): Promise<readonly Item[]> {
  return (await from.get<{ items: Item[] }>(`${path}?size=1000`)).body.items;
}

async function answered(sent: Promise<{ status: number; text: string }>): Promise<void> {
  const { status, text } = await sent;
  if (status >= 300) throw new Error(`answered ${status}: ${text}`);
}

/** What people write on global: meshes come, secrets come, change and go, lists grow. */
function writeOnGlobal(chance: Entropy): (side: Side) => Promise<void> {
  const pick = (most: number) => Math.floor(chance.random() * most);
  return ({ process, ledger }) => {
    const content = chance.uuid();
    const what = chance.random();
    if (what < 0.05) {
      const name = `mesh-${pick(MESHES)}`;
      return ledger.write(`/meshes/${name}`, '', () => answered(process.call('PUT', `/meshes/${name}`, {})));
    }
    if (what < 0.25) {
      const path = `/global-secrets/${LISTS[pick(LISTS.length)]}`;
      return ledger.write(path, content, () => answered(process.call('PUT', path, { data: base64(content) })));
    }
    const path = `/meshes/${MESH}/secrets/secret-${pick(SECRETS)}`;
    if (what < 0.85 || ledger.contents.get(path) === undefined)
      return ledger.write(path, content, () => answered(process.call('PUT', path, { data: base64(content) })));
    return ledger.write(path, undefined, () => answered(process.call('DELETE', path)));
  };
}

async function readOfGlobal(from: ControlPlaneClient): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  for (const { name } of await listed(from, '/meshes')) all.set(`/meshes/${name}`, '');
  for (const path of [`/meshes/${MESH}/secrets`, '/global-secrets'])
    for (const { name, data = '' } of await listed(from, path)) all.set(`${path}/${name}`, text(data));
  return all;
}

/** What people write in a zone: proxies come, change and go. */
function writeInZone(chance: Entropy): (side: Side) => Promise<void> {
  return ({ process, ledger }) => {
    const name = `dp-${Math.floor(chance.random() * DATAPLANES)}`;
    const path = `/meshes/${MESH}/dataplanes/${name}`;
    if (chance.random() < 0.2 && ledger.contents.get(name) !== undefined)
      return ledger.write(name, undefined, () => answered(process.call('DELETE', path)));
    const port = 1 + Math.floor(chance.random() * 65_535);
    const inbound = [{ port, tags: { 'kuma.io/service': 'web' } }];
    const body = { type: 'Dataplane', mesh: MESH, name, networking: { address: '10.0.0.1', inbound } };
    return ledger.write(name, String(port), () => answered(process.call('PUT', path, body)));
  };
}

/** Also on global, where a proxy has another name and tells its own one. */
async function readOfZone(from: ControlPlaneClient): Promise<Map<string, string>> {
  const proxies = await listed(from, `/meshes/${MESH}/dataplanes`);
  return new Map(
    proxies.map(({ name, labels, networking }) => [
      labels?.['kuma.io/display-name'] ?? name,
      String(networking?.inbound[0]?.port),
    ]),
  );
}

const base64 = (content: string) => Buffer.from(content).toString('base64');
const text = (data: string) => Buffer.from(data, 'base64').toString();

async function topology(store: keyof typeof STORES, chance: Entropy) {
  const at = await STORES[store]();
  const kds = String(await freePort());
  const global = await ControlPlaneProcess.of('global', {
    ...at('global'),
    KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT: kds,
  });
  const east = await ControlPlaneProcess.of('zone', {
    ...at('east'),
    KUMA_MULTIZONE_ZONE_NAME: 'east',
    KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: `grpc://127.0.0.1:${kds}`,
    KOGUMA_MULTIZONE_ZONE_RECONNECT_BASE: '20ms',
    KOGUMA_MULTIZONE_ZONE_RECONNECT_MAX: '200ms',
  });
  for (const one of [east, global]) cleanups.push(() => one.end('SIGKILL'));
  return {
    global: new Side(global, writeOnGlobal(chance), readOfGlobal),
    east: new Side(east, writeInZone(chance), readOfZone),
  };
}

/** Each side as often as the other, in an order of chance. */
function shuffled<T>(sides: readonly T[], chance: Entropy): T[] {
  const left = sides.flatMap((side) => Array.from({ length: KILLS_OF_EACH }, () => side));
  return Array.from({ length: left.length }, () => left.splice(Math.floor(chance.random() * left.length), 1)[0] as T);
}

async function converged({ global, east }: { global: Side; east: Side }): Promise<void> {
  await eventually(async () => {
    const row = (await syncOf(global.process)).zones.find(({ zone }) => zone === 'east');
    const hasAll = row?.types.length === 4 && row.types.every(({ written, applied }) => applied === written);
    return hasAll && row?.state === 'Online' && (await syncOf(east.process)).state === 'in-sync';
  }, 'east has all that global has');
  const proxies = east.ledger.contents;
  await eventually(async () => {
    const onGlobal = await east.readAt(global.process);
    return onGlobal.size === proxies.size && missing(proxies, onGlobal).length === 0;
  }, 'global has the proxies of east, and no others');
  expect(missing(global.ledger.contents, await global.readAt(east.process))).toEqual([]);
}

function missing(wanted: ReadonlyMap<string, string>, there: ReadonlyMap<string, string>): [string, string][] {
  return [...wanted].filter(([name, content]) => there.get(name) !== content);
}

describe.concurrent('kill -9 at random moments, under writes', () => {
  const stores = hasPostgres() ? (['sqlite', 'postgres'] as const) : (['sqlite'] as const);
  it.each(stores)(
    'loses no acknowledged write on %s, and everything converges',
    { timeout: 600_000 },
    async (store) => {
      const chance = new SeededEntropy(SEED);
      const sides = await topology(store, chance);
      const lost = [...(await sides.global.start()), ...(await waitFor(sides.east))];
      const began = performance.now();
      for (const [round, side] of shuffled([sides.global, sides.east], chance).entries()) {
        const other = side === sides.global ? sides.east : sides.global;
        void other.beginWrites(0);
        await side.beginWrites(Math.floor(chance.random() * WRITES));
        await new Promise((resolve) => setTimeout(resolve, chance.random() * ONE_WRITE_MS)); // the moment of the fault
        await side.kill();
        lost.push(...(await side.start()).map((what) => `after kill ${round + 1}: ${what}`));
        await other.rest();
      }
      const seconds = Math.round((performance.now() - began) / 1_000);
      const acknowledged = sides.global.ledger.acknowledged + sides.east.ledger.acknowledged;
      console.log(
        `${store}, seed ${SEED}: ${2 * KILLS_OF_EACH} kills in ${seconds} s, ${acknowledged} writes acknowledged ` +
          `(${sides.global.ledger.acknowledged} on global, ${sides.east.ledger.acknowledged} in the zone), ${lost.length} lost`,
      );
      expect(lost).toEqual([]);
      // The side that is not killed writes all that it wants.
      expect(acknowledged).toBeGreaterThan(2 * KILLS_OF_EACH * WRITES);
      await converged(sides);
    },
  );
});

/** The zone takes proxies once it has the mesh. */
async function waitFor(east: Side): Promise<string[]> {
  await east.process.start();
  await eventually(async () => (await east.process.get(`/meshes/${MESH}`)).status === 200, 'east has the mesh');
  await east.process.end('SIGKILL');
  return east.start();
}
