import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { median, row } from '../figures.mjs';
import { owned } from '../processes.mjs';

const PROGRAM = fileURLToPath(new URL('../../apps/koguma-dp/bin/koguma-dp.js', import.meta.url));
const FOR_ALL = { name: '', tags: {} };
const QUIET_MS = 500;
const PATIENCE_MS = 40_000;
const CUT_GOAL_MS = 1_000;

/** Proxies join one zone, a process full of them after another, until their token is revoked on global. */
export async function fleet({ lab, plan, progress }) {
  const zone = lab.zones.at(-1); // which nobody made work before, so that its memory grows by its proxies alone
  const { size } = plan;
  const { token, id } = await lab.issue(zone, 'default', FOR_ALL);
  const fleets = [];
  const [joining, cpu, memory] = [[], [], []];
  const first = await used(zone);
  let before = first;
  for (const round of progress.rounds(plan)) {
    const proxies = new Fleet(zone, { token, size, name: `web-${round}` });
    fleets.push(proxies);
    await proxies.all('connected');
    joining.push((Math.max(...proxies.timesOf('connected')) - Math.min(...proxies.timesOf('bootstrapped'))) / 1000);
    const after = await used(zone);
    cpu.push((1000 * (after.cpuSeconds - before.cpuSeconds)) / size);
    memory.push((after.rssBytes - before.rssBytes) / 1000 / size);
    before = after;
  }

  const [began, beganAt] = [performance.now(), Date.now()];
  await lab.revoke([id]);
  await Promise.all(fleets.map((proxies) => proxies.all('refused')));
  const cuts = fleets.flatMap((proxies) => proxies.timesOf('refused').map((time) => time - began));
  for (const proxies of fleets) proxies.end();
  const ended = await endedTimes(zone, cuts.length);
  const perProxy = (before.rssBytes - first.rssBytes) / 1000 / cuts.length;
  const seconds = joining.reduce((sum, one) => sum + one);
  const goal = { text: `${CUT_GOAL_MS} ms`, holds: (value) => value <= CUT_GOAL_MS };
  return {
    title: `${cuts.length} proxies join one zone over TLS, ${size} from each process, then lose their token on global`,
    rows: [
      row({ name: 'from bootstrap to connected, all', unit: 's', samples: joining, value: seconds }),
      row({ name: 'proxies that join', unit: '/s', samples: joining.map((one) => size / one) }),
      row({ name: 'CPU of the zone for one to join', unit: 'ms', samples: cpu }),
      row({ name: 'memory of the zone for one', unit: 'KB', samples: memory, value: perProxy }),
      row({
        name: 'PUT on global to all ended by the zone',
        unit: 'ms',
        samples: [Math.max(...ended) - beganAt],
        goal,
      }),
      row({ name: 'PUT on global to one that sees it, median', unit: 'ms', samples: cuts, value: median(cuts) }),
      row({ name: 'PUT on global to all that see it', unit: 'ms', samples: [Math.max(...cuts)] }),
    ],
  };
}

/** When the zone ended each, as its log tells, which is written a little later. */
async function endedTimes(zone, count) {
  for (;;) {
    const first = new Map();
    for (const { proxy, time } of zone.logged('refused a proxy').reverse()) first.set(proxy, Date.parse(time));
    if (first.size >= count) return [...first.values()];
    await sleep(QUIET_MS);
  }
}

/** What a control plane has used, once what went on is over. */
async function used(controlPlane) {
  await sleep(QUIET_MS);
  return { cpuSeconds: await controlPlane.cpuSeconds(), rssBytes: await controlPlane.rssBytes() };
}

/** `koguma-dp run --count`: when what happened to each of its proxies, for the first time. */
class Fleet {
  #child;
  #size;
  /** By event, by proxy. */
  #times = new Map();
  #heard = () => undefined;

  constructor({ proxies, authority }, { token, size, name }) {
    this.#size = size;
    const inbound = [{ port: 8080, tags: { 'kuma.io/service': 'web' } }];
    const dataplane = { type: 'Dataplane', mesh: 'default', name, networking: { address: '127.0.0.1', inbound } };
    const what = ['--dataplane', JSON.stringify(dataplane), '--dataplane-token', token, '--count', String(size)];
    const where = ['--cp-address', proxies, '--ca-cert-file', authority, '--log-format', 'json'];
    this.#child = owned(
      spawn(process.execPath, [PROGRAM, 'run', ...where, ...what], {
        stdio: ['ignore', 'pipe', 'inherit'],
        detached: true, // Ctrl-C is for the benchmark alone, which ends its processes itself
      }),
    );
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#hear(JSON.parse(line)));
  }

  timesOf(event) {
    return [...(this.#times.get(event)?.values() ?? [])];
  }

  /** Resolves when this has happened to each. */
  all(event) {
    return new Promise((resolve, reject) => {
      const some = () => this.#times.get(event)?.size ?? 0;
      const late = () => reject(new Error(`${some()} of ${this.#size} proxies were ${event} in ${PATIENCE_MS} ms`));
      const timer = setTimeout(late, PATIENCE_MS);
      this.#heard = () => {
        if (some() < this.#size) return;
        clearTimeout(timer);
        resolve();
      };
      this.#heard();
    });
  }

  end() {
    this.#child.kill('SIGKILL');
  }

  #hear({ proxy, event }) {
    const times = this.#times.get(event) ?? new Map();
    this.#times.set(event, times);
    if (!times.has(proxy)) times.set(proxy, performance.now());
    this.#heard();
  }
}
