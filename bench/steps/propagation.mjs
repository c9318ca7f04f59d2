import { median, quantile, row } from '../figures.mjs';
import { checkOf } from '../lab.mjs';
import { durableWrite } from '../machine.mjs';

/** Ids of 36 characters and a comma: 4,070 bytes. */
const LIST_LENGTH = 110;
const GOAL_MS = 50;
const WARM_UP = 20;
const PATIENCE_MS = 5_000;

/** From sending a revocation list to global until each zone refuses the token that is new on it. */
export async function propagation({ lab, plan, progress }) {
  const { rounds, changes } = plan;
  const tokens = [];
  while (tokens.length < WARM_UP + rounds * changes) tokens.push(await lab.issue(lab.zones[0]));
  let ids = Array.from({ length: LIST_LENGTH }, () => crypto.randomUUID());
  const change = () => {
    const { token, id } = tokens.pop();
    ids = [...ids.slice(1), id];
    return revokeOnce(lab, token, ids);
  };
  for (let n = 0; n < WARM_UP; n++) await change();

  const taken = [];
  for (const _ of progress.rounds(plan)) {
    const inRound = [];
    for (let n = 0; n < changes; n++) inRound.push({ ...(await change()), floor: await floorOf(lab) });
    taken.push(inRound);
  }
  const all = taken.flat();
  const rows = (name, of, limit, goal) => [
    row({ name: `${name}, median`, unit: 'ms', samples: taken.map((inRound) => median(inRound.map(of))), limit }),
    row({
      name: `${name}, p99`,
      unit: 'ms',
      samples: taken.map((inRound) => quantile(inRound.map(of), 0.99)),
      value: quantile(all.map(of), 0.99),
      goal,
    }),
  ];
  const limit = {
    name: '2 durable writes and 2 HTTP round trips',
    value: median(all.map(({ floor }) => floor)),
  };
  const goal = { text: `${GOAL_MS} ms`, holds: (value) => value <= GOAL_MS };
  return {
    title: `A revocation list of 4 KB: PUT on global to the first refusal in a zone, ${all.length} changes`,
    rows: [
      ...rows('slower zone', ({ zones }) => Math.max(...zones), limit, goal),
      ...lab.zones.flatMap(({ name }, index) => rows(`zone ${name}`, ({ zones }) => zones[index])),
      ...rows('PUT on global alone', ({ put }) => put, limit),
      rows('resolution: one check', ({ polls }) => median(polls))[0],
    ],
  };
}

async function revokeOnce(lab, token, ids) {
  const began = performance.now();
  const polls = [];
  const put = lab.revoke(ids).then(() => performance.now() - began);
  const zones = lab.zones.map(async (zone) => {
    for (let sent = began; sent - began < PATIENCE_MS; ) {
      sent = performance.now();
      const { accepted, reason } = JSON.parse(
        await zone.api.send('POST', '/koguma/tokens/verify', checkOf(token, 'default')),
      );
      polls.push(performance.now() - sent);
      if (reason === 'revoked') return performance.now() - began;
      if (!accepted) throw new Error(`${zone.name} refused a good token: ${reason}`);
    }
    throw new Error(`${zone.name} still accepted a revoked token after ${PATIENCE_MS} ms`);
  });
  return { put: await put, zones: await Promise.all(zones), polls };
}

/** The least that a change can take here: it is made durable twice, and two requests must go and come. */
async function floorOf(lab) {
  const began = performance.now();
  await lab.global.diagnostics.call('GET', '/healthy');
  return 2 * (performance.now() - began + durableWrite());
}
