import { setTimeout as sleep } from 'node:timers/promises';
import { median, row } from '../figures.mjs';
import { Fleet, FOR_ALL } from '../fleet.mjs';
import { Lab } from '../lab.mjs';

const QUIET_MS = 500;
const CUT_GOAL_MS = 1_000;

/** Proxies join one zone, more and more, until their token is revoked on global; each round in a lab of its own. */
export async function fleets({ plan, progress }) {
  const rounds = [];
  for (const _ of progress.rounds(plan)) rounds.push(await oneRound(plan.sizes));
  const of = (pick) => rounds.map(pick);
  const joined = plan.sizes.map((size, index) => ({
    title: `${size} proxies on one zone, over TLS`,
    at: { proxies: size },
    rows: [
      row({ name: 'new streams, each with its bootstrap', unit: '/s', samples: of(({ steps }) => steps[index].rate) }),
      row({ name: 'CPU of the zone for one to join', unit: 'ms', samples: of(({ steps }) => steps[index].cpu) }),
      row({
        name: 'memory of the zone for one idle stream',
        unit: 'KB',
        samples: of(({ steps }) => steps[index].each),
      }),
      row({ name: 'memory of the zone', unit: 'MB', samples: of(({ steps }) => steps[index].rss) }),
    ],
  }));
  const goal = { text: `${CUT_GOAL_MS} ms`, holds: (value) => value <= CUT_GOAL_MS };
  const cut = {
    title: `${plan.sizes.at(-1)} proxies lose their token on global`,
    rows: [
      row({ name: 'PUT on global to all ended by the zone', unit: 'ms', samples: of(({ ended }) => ended), goal }),
      row({ name: 'PUT on global to one that sees it, median', unit: 'ms', samples: of(({ cuts }) => median(cuts)) }),
      row({ name: 'PUT on global to all that see it', unit: 'ms', samples: of(({ cuts }) => Math.max(...cuts)) }),
    ],
  };
  return [...joined, cut];
}

async function oneRound(sizes) {
  const lab = await Lab.start();
  const [zone] = lab.zones;
  const { token, id } = await lab.issue(zone, 'default', FOR_ALL);
  const all = [];
  const steps = [];
  const first = await used(zone);
  let before = first;
  let present = 0;
  for (const size of sizes) {
    const more = size - present;
    const proxies = new Fleet(zone, { token, size: more, name: `web-${size}` });
    all.push(proxies);
    await proxies.all('connected');
    const ms = Math.max(...proxies.timesOf('connected')) - Math.min(...proxies.timesOf('bootstrapped'));
    const after = await used(zone);
    steps.push({
      rate: (1000 * more) / ms,
      cpu: (1000 * (after.cpuSeconds - before.cpuSeconds)) / more,
      each: (after.rssBytes - first.rssBytes) / 1000 / size,
      rss: after.rssBytes / 1e6,
    });
    present = size;
    before = after;
  }

  const [began, beganAt] = [performance.now(), Date.now()];
  await lab.revoke([id]);
  await Promise.all(all.map((proxies) => proxies.all('refused')));
  const cuts = all.flatMap((proxies) => proxies.timesOf('refused').map((time) => time - began));
  await Promise.all(all.map((proxies) => proxies.end('SIGKILL')));
  const ended = Math.max(...(await endedTimes(zone, present))) - beganAt;
  await lab.stop();
  return { steps, cuts, ended };
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
  return { cpuSeconds: controlPlane.cpuSeconds(), rssBytes: controlPlane.rssBytes() };
}
