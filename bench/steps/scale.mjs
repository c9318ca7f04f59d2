import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { median, quantile, row } from '../figures.mjs';
import { ControlPlane, freePorts, orderOf } from '../lab.mjs';
import { folder, Zones } from '../processes.mjs';

const MESH = 'default';
const LIST = `dataplane-token-revocations-${MESH}`;
/** Ids of 36 characters and a comma: 4,070 bytes. */
const LIST_LENGTH = 110;
const QUIET_MS = 1_000;
const MEMORY_GOAL_KB = 300;

const now = () => Number(process.hrtime.bigint()) / 1e6;

/** One global and more and more zones: what a change costs, how long it takes, and how all come back when global was gone. */
export async function scale({ counts, changes, echo, progress }) {
  const sections = [];
  for (const count of progress.each(counts)) sections.push(await withZones(count, changes, echo));
  return sections;
}

async function withZones(count, changes, echo) {
  const place = await Place.open(count);
  const { global } = place;
  const alone = await rest(global);
  const zones = new Zones();
  const names = Array.from({ length: count }, (_, index) => `zone-${index + 1}`);
  const began = now();
  const { at } = await zones.order('start', { names, address: place.address, rootCa: place.rootCa });
  const before = await rest(global);
  const readBefore = zones.readBytes;
  const taken = [];
  let ids = Array.from({ length: LIST_LENGTH }, () => crypto.randomUUID());
  for (let n = 0; n < changes; n++) {
    const { token, id } = await issued(global);
    ids = [...ids.slice(1), id];
    taken.push(await change(global, zones, { ids, token }));
  }
  const after = await rest(global);
  const read = zones.readBytes - readBefore;
  const each = (of) => taken.map(of);
  const perZone = (value) => value / (changes * count);
  const [resumed, anew] = [await reconnect(place, zones, true), await reconnect(place, zones, false)];
  await zones.end();
  await place.global.stop();
  const goals = {
    time: count <= 2 ? 50 : 1_000,
    memory: { text: `${MEMORY_GOAL_KB} KB`, holds: (value) => value <= MEMORY_GOAL_KB },
  };
  const goal = { text: `${goals.time} ms`, holds: (value) => value <= goals.time };
  return {
    title: `${count} zones, lists of 4 KB, ${changes} changes`,
    rows: [
      row({ name: 'all zones started and in sync', unit: 's', samples: [(at - began) / 1000] }),
      row({
        name: 'PUT on global to applied, of all zones, median',
        unit: 'ms',
        samples: each(({ all }) => median(all)),
        limit: echo,
      }),
      row({
        name: 'PUT on global to applied, of all zones, p99',
        unit: 'ms',
        samples: each(({ all }) => quantile(all, 0.99)),
        value: quantile(
          taken.flatMap(({ all }) => all),
          0.99,
        ),
        goal,
      }),
      row({ name: 'PUT on global to refused in the last zone', unit: 'ms', samples: each(({ refused }) => refused) }),
      row({
        name: 'CPU of global for a change and zone',
        unit: 'µs',
        samples: [perZone(1e6 * (after.cpu - before.cpu))],
      }),
      row({
        name: 'bytes to a zone for a change',
        unit: 'KB',
        samples: [perZone(read / 1000)],
      }),
      row({
        name: 'memory of global for an idle zone',
        unit: 'KB',
        samples: [(before.rss - alone.rss) / 1000 / count],
        goal: count >= 100 ? goals.memory : undefined,
      }),
      row({ name: 'global was killed: all in sync again', unit: 's', samples: [resumed.seconds] }),
      row({ name: 'the same without resume', unit: 's', samples: [anew.seconds] }),
      row({ name: 'bytes to a zone that comes back', unit: 'KB', samples: [resumed.bytes / 1000 / count] }),
      row({ name: 'the same without resume', unit: 'KB', samples: [anew.bytes / 1000 / count] }),
    ],
  };
}

/** Where a global lives, over all the processes that it is in turn. */
class Place {
  #home;
  #ports;
  #env;

  static async open(count) {
    const place = new Place();
    const [api, https, diagnostics, dp, kds] = await freePorts(5);
    place.#home = path.join(folder, `scale-${count}`);
    place.#ports = { api, https, diagnostics, dp };
    place.#env = { KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT: String(kds), KOGUMA_TLS_CA_DIR: place.#home };
    place.address = `grpcs://localhost:${kds}`;
    place.rootCa = path.join(place.#home, 'ca.crt');
    await place.start();
    return place;
  }

  async start() {
    this.global = new ControlPlane('global', 'global', this.#home, this.#ports, this.#env);
    await this.global.serving;
  }
}

/** One revocation. @returns milliseconds from sending it to global until each zone has it, and until the last refuses */
async function change(global, zones, { ids, token }) {
  const watching = zones.told('watching');
  const over = zones.order('watch', { mesh: MESH, name: LIST, token });
  await watching;
  const began = now();
  const data = Buffer.from(ids.join(',')).toString('base64');
  const put = { type: 'Secret', mesh: MESH, name: LIST, data };
  await global.api.call('PUT', `/meshes/${MESH}/secrets/${LIST}`, put);
  const { applied, refused } = await over;
  return { all: applied.map((time) => time - began), refused: refused - began };
}

/** A crash of global, and what it takes until all zones have found it again and are in sync. */
async function reconnect(place, zones, resumes) {
  await zones.order('resume', resumes);
  await place.global.kill();
  await place.start();
  const [began, before] = [now(), zones.readBytes];
  const { at } = await zones.order('gather');
  await sleep(QUIET_MS);
  return { seconds: Math.max(0, at - began) / 1000, bytes: zones.readBytes - before };
}

/** What a global has used, once what went on is over. */
async function rest(global) {
  await sleep(QUIET_MS);
  const [cpu, rss] = [await global.cpuSeconds(), await global.rssBytes()];
  return { cpu, rss };
}

async function issued({ api }) {
  const token = await api.send('POST', '/tokens/dataplane', orderOf(MESH));
  return { token, id: JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).jti };
}
