import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SILENT, systemEntropy } from '@koguma/core';
import { openSqliteStore } from '@koguma/resources';
import { startWiredLab } from '@koguma/testkit';
import { row } from '../figures.mjs';
import { ControlPlane, freePorts } from '../lab.mjs';
import { startPostgres } from '../postgres.mjs';
import { folder } from '../processes.mjs';

const QUIET_MS = 1_000;
const POLL_S = 5;
const SINCE = 'koguma_store_seconds_count{operation="since",outcome="ok"}';
const NONE = { text: 'none', holds: (value) => value === 0 };
const ONE = { text: 'one', holds: (value) => value <= 1 };

/**
 * What control planes do while nobody asks for anything: real processes for CPU, a lab in this one for store reads, and two
 * replicas for what they read of a database that they share.
 */
export async function idle({ lab, plan, progress }) {
  const { ms } = plan;
  const seconds = ms / 1_000;
  const uses = new Map();
  const counted = await countedLab(uses);
  const replicas = await Replicas.start();
  await settled(uses);
  const [cpu, used, read] = [new Map(), new Map(), []];
  for (const _ of progress.rounds(plan)) {
    const before = { uses: new Map(uses), reads: await replicas?.reads(), cpu: cpuOf(lab) };
    await sleep(ms);
    for (const [index, after] of cpuOf(lab).entries())
      add(cpu, lab.all[index].name, (1_000 * (after - before.cpu[index])) / seconds);
    for (const [name, count] of uses) add(used, name, count - before.uses.get(name));
    for (const [index, after] of ((await replicas?.reads()) ?? []).entries())
      read.push(((after - before.reads[index]) * POLL_S) / seconds);
  }
  await Promise.all([counted.stop(), replicas?.stop()]);
  return {
    title: `Idle for ${seconds} s, linked and in sync`,
    rows: [
      ...[...used].map(([name, samples]) =>
        row({ name: `store reads and writes of ${name}`, unit: 'times', samples, goal: NONE }),
      ),
      ...(read.length > 0
        ? [row({ name: 'revisions read by a replica, in 5 s', unit: 'times', samples: read, goal: ONE })]
        : []),
      ...[...cpu].map(([name, samples]) => row({ name: `CPU of ${name}, in 1 s`, unit: 'ms', samples })),
    ],
  };
}

function add(samples, name, value) {
  samples.set(name, [...(samples.get(name) ?? []), value]);
}

function cpuOf(lab) {
  return lab.all.map((controlPlane) => controlPlane.cpuSeconds());
}

function countedLab(uses) {
  return startWiredLab({
    zones: ['east'],
    env: { KUMA_MULTIZONE_GLOBAL_KDS_ZONE_INSIGHT_FLUSH_INTERVAL: '100ms' },
    openStore: async (name) => {
      const file = path.join(folder, `counted-${name}.db`);
      return counting(await openSqliteStore({ file, entropy: systemEntropy, log: SILENT }), () =>
        uses.set(name, (uses.get(name) ?? 0) + 1),
      );
    },
  });
}

/** Two processes of global on one PostgreSQL. */
class Replicas {
  #cluster;
  #all;

  /** @returns undefined where PostgreSQL is not installed */
  static async start() {
    const cluster = await startPostgres();
    if (!cluster) return undefined;
    await cluster.createDatabase('global');
    const { host, port, user, password, dbName } = cluster.settings('global');
    const replicas = new Replicas();
    replicas.#cluster = cluster;
    replicas.#all = [];
    for (const name of ['one', 'other']) {
      const [api, https, diagnostics, dp, kds] = await freePorts(5);
      const home = path.join(folder, `replica-${name}`);
      const replica = new ControlPlane(
        name,
        'global',
        home,
        { api, https, diagnostics, dp },
        {
          KUMA_STORE_TYPE: 'postgres',
          KUMA_STORE_POSTGRES_HOST: host,
          KUMA_STORE_POSTGRES_PORT: String(port),
          KUMA_STORE_POSTGRES_USER: user,
          KUMA_STORE_POSTGRES_PASSWORD: password,
          KUMA_STORE_POSTGRES_DB_NAME: dbName,
          KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT: String(kds),
          KOGUMA_TLS_CA_DIR: home,
        },
      );
      await replica.serving;
      replicas.#all.push(replica);
    }
    return replicas;
  }

  /** How often each has asked the database for what is new, since it began. */
  reads() {
    return Promise.all(this.#all.map(async (replica) => (await replica.metrics([SINCE]))[SINCE]));
  }

  async stop() {
    await Promise.all(this.#all.map((replica) => replica.stop()));
    await this.#cluster.drop();
  }
}

/** The same store, telling of each use: get, list, since and transaction. */
function counting(store, used) {
  return new Proxy(store, {
    get(target, name) {
      const member = Reflect.get(target, name, target);
      if (!['get', 'list', 'since', 'transaction'].includes(name)) {
        return typeof member === 'function' ? member.bind(target) : member;
      }
      return (...args) => {
        used();
        return member.apply(target, args);
      };
    },
  });
}

/** Waits until what follows a start is over. */
async function settled(uses) {
  for (;;) {
    const before = new Map(uses);
    await sleep(QUIET_MS);
    if ([...uses].every(([name, count]) => before.get(name) === count)) return;
  }
}
