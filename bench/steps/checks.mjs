import { row } from '../figures.mjs';
import { checkOf } from '../lab.mjs';
import { authAlone } from './auth-alone.mjs';
import { fullSpeed, IN_FLIGHT, slices } from './slices.mjs';

/** Each size is a mesh of its own with a list of its own, so that slices of time can go to each in turn. */
const SIZES = [0, 1_000, 100_000];
const meshOf = (size) => `revoked-${size}`;
const idsOf = (size) => Array.from({ length: size }, () => crypto.randomUUID());

const JUDGEMENTS = 1_000;
const KEEPS_95_PERCENT = { text: 'within 5 %', holds: (ratio) => ratio >= 0.95 };

/** How fast tokens are checked by the auth lib, in this process, with lists of every length. */
export async function checksInProcess({ plan, progress, openssl }) {
  const { issuer, validator } = await authAlone(SIZES.map((size) => ({ mesh: meshOf(size), ids: idsOf(size) })));
  const tokens = new Map();
  const proofs = new Map();
  for (const size of SIZES) {
    const mesh = meshOf(size);
    const token = await issuer.issue('dataplane', { identity: { Name: 'web-1', Mesh: mesh }, mesh }, 3600);
    tokens.set(size, token);
    proofs.set(size, await validator.prove(token, 'dataplane', mesh));
  }
  const results = await slices(SIZES, plan, progress, async (size) => {
    const { times, seconds, cpu } = await fullSpeed(plan.ms, async () => {
      const { accepted } = await validator.verify(tokens.get(size), 'dataplane', meshOf(size));
      if (!accepted) throw new Error('a good token was refused');
    });
    const proof = proofs.get(size);
    const began = performance.now();
    for (let n = 0; n < JUDGEMENTS; n++) validator.judge(proof);
    return { times, seconds, cpu, decision: (1000 * (performance.now() - began)) / JUDGEMENTS };
  });
  const decisions = SIZES.map((size) =>
    row({
      name: `of which the decision, ${listed(size)}`,
      of: 'the decision of a check',
      at: { ids: size },
      unit: 'µs',
      samples: results.get(size).map(({ decision }) => decision / plan.slices),
    }),
  );
  return {
    title: `Checking a token in process, ${IN_FLIGHT} in flight`,
    rows: [...rateRows(results, 'in process', openssl), ...decisions],
  };
}

/** The same through HTTP, on one zone that got its lists from global. */
export async function checksOverHttp({ lab, client, plan, progress, openssl }) {
  const [zone] = lab.zones;
  for (const size of SIZES) {
    await lab.global.api.call('PUT', `/meshes/${meshOf(size)}`, { type: 'Mesh', name: meshOf(size) });
    await lab.revoke(idsOf(size), meshOf(size));
  }
  await lab.synced();
  const orders = new Map();
  for (const size of SIZES) {
    const { token } = await lab.issue(zone, meshOf(size));
    const body = checkOf(token, meshOf(size));
    const { accepted } = JSON.parse(await zone.api.send('POST', '/koguma/tokens/verify', body));
    if (!accepted) throw new Error('a good token was refused');
    orders.set(size, { url: zone.api.url, path: '/koguma/tokens/verify', body, inFlight: IN_FLIGHT, ms: plan.ms });
  }
  const results = await slices(SIZES, plan, progress, async (size) => {
    const before = zone.cpuSeconds();
    const { requests, seconds } = await client.load(orders.get(size));
    return { times: requests, seconds, cpu: (zone.cpuSeconds() - before) * 1e6 };
  });
  // What is measured after this should not meet such lists.
  for (const size of SIZES) await lab.global.api.call('DELETE', `/meshes/${meshOf(size)}`);
  await lab.synced();
  return {
    title: `Checking a token on one zone over HTTP, ${IN_FLIGHT} in flight`,
    rows: rateRows(results, 'over HTTP', openssl),
  };
}

/** What a check costs without a list, then what is left of its rate with one: by the clock, and by CPU time. */
function rateRows(results, where, openssl) {
  const rate = ({ times, seconds }) => times / seconds;
  const cost = ({ times, cpu }) => cpu / times;
  const none = results.get(0);
  const rawCheck = { name: 'one raw check', value: 1e6 / openssl.one };
  const kept = SIZES.slice(1).flatMap((size) => {
    const against = (share) => results.get(size).map((some, round) => share(some, none[round]));
    const what = { unit: '×', goal: KEEPS_95_PERCENT, at: { ids: size } };
    return [
      row({
        ...what,
        name: `rate with ${listed(size)}, to none`,
        of: `rate of checks to that without, ${where}`,
        samples: against((some, without) => rate(some) / rate(without)),
      }),
      row({
        ...what,
        name: `checks a CPU second with ${listed(size)}, to none`,
        of: `checks a CPU second to those without, ${where}`,
        samples: against((some, without) => cost(without) / cost(some)),
      }),
    ];
  });
  return [
    row({
      name: 'checks, no ids revoked',
      unit: '/s',
      samples: none.map(rate),
      limit: { name: 'OpenSSL checking on all cores', value: openssl.all },
    }),
    row({ name: 'CPU for a check, no ids revoked', unit: 'µs', samples: none.map(cost), limit: rawCheck }),
    ...kept,
  ];
}

function listed(size) {
  return `${size.toLocaleString('en')} ids`;
}
