import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { median, quantile, row } from '../figures.mjs';
import { Connection } from '../http.mjs';
import { orderOf } from '../lab.mjs';
import { allCores, oneCore } from '../machine.mjs';
import { cpuSecondsOf } from '../processes.mjs';

const IN_FLIGHT = 32;
const PROBE_EVERY_MS = 5;
const QUIET_MS = 1_000;
/** As many times one raw signature. */
const CPU_GOAL = 1.6;
const HEALTHY_GOAL_MS = 10;

/**
 * One zone issuing as fast as it can over HTTP, between measurements of what OpenSSL does on this machine, and of a server
 * that does nothing but sign: what is between the two figures is ours.
 */
export async function issuing({ lab, client, bare, plan, progress }) {
  const [zone] = lab.zones;
  const order = { url: zone.api.url, path: '/tokens/dataplane', body: orderOf('default'), inFlight: IN_FLIGHT };
  const { ms } = plan;
  await client.load({ ...order, ms: plan.warmUpMs });
  const [one, all, bareRates, signer, issuer, quiet] = [[], [], [], figures(), figures(), []];
  const toBare = { ...order, url: `http://127.0.0.1:${bare.http}`, path: '/' };
  const signing = { ...toBare, path: '/sign' };
  const nextToIt = new Connection(toBare.url);
  for (const _ of progress.rounds(plan)) {
    one.push(await oneCore());
    all.push(await allCores());
    const bareLoad = await client.load({ ...toBare, ms: ms / 2 });
    bareRates.push(bareLoad.requests / bareLoad.seconds);
    quiet.push(await healthy(zone.diagnostics, sleep(QUIET_MS)));
    await flatOut(
      signer,
      () => client.load({ ...signing, ms }),
      nextToIt,
      () => cpuSecondsOf(bare.pid),
    );
    await flatOut(
      issuer,
      () => client.load({ ...order, ms }),
      zone.diagnostics,
      () => zone.cpuSeconds(),
    );
  }
  nextToIt.close();
  const signs = (measured) => measured.map(({ signs }) => signs);
  const checks = (measured) => median(measured.map(({ checks }) => checks));
  const microseconds = (seconds) => seconds * 1e6;
  const perfect = { name: 'as many times one core', value: cpus().length * median(signs(one)) };
  const signature = { name: 'one raw signature', value: microseconds(1 / median(signs(one))) };
  const section = {
    title: `Issuing dataplane tokens on one zone over HTTP, ${IN_FLIGHT} in flight`,
    rows: [
      row({
        name: 'tokens',
        unit: '/s',
        samples: issuer.rates,
        limit: { name: 'OpenSSL signing on all cores', value: median(signs(all)) },
      }),
      row({ name: 'requests to a bare HTTP endpoint', unit: '/s', samples: bareRates }),
      row({ name: 'OpenSSL signing on all cores', unit: '/s', samples: signs(all), limit: perfect }),
      row({ name: 'OpenSSL signing on one core', unit: '/s', samples: signs(one) }),
      row({
        name: 'CPU of the zone for a token',
        unit: 'µs',
        samples: issuer.costs.map(microseconds),
        limit: signature,
        goal: { text: `${CPU_GOAL} ×`, holds: (value) => value <= CPU_GOAL * signature.value },
      }),
      row({
        name: 'CPU of a bare HTTP server that signs, for one',
        unit: 'µs',
        samples: signer.costs.map(microseconds),
        limit: signature,
      }),
      row({
        name: 'GET /healthy meanwhile, p99',
        unit: 'ms',
        samples: issuer.probes.map((times) => quantile(times, 0.99)),
        value: quantile(issuer.probes.flat(), 0.99),
        limit: { name: 'the same while idle', value: quantile(quiet.flat(), 0.99) },
        goal: { text: `${HEALTHY_GOAL_MS} ms`, holds: (value) => value <= HEALTHY_GOAL_MS },
      }),
      row({
        name: 'the same of a bare HTTP server that signs, p99',
        unit: 'ms',
        samples: signer.probes.map((times) => quantile(times, 0.99)),
        value: quantile(signer.probes.flat(), 0.99),
      }),
      row({ name: 'signatures of a bare HTTP server', unit: '/s', samples: signer.rates }),
    ],
  };
  return { section, openssl: { one: checks(one), all: checks(all) } };
}

const figures = () => ({ rates: [], costs: [], probes: [] });

/** Adds a round to figures: requests a second, CPU seconds for one, and how long a request beside them took. */
async function flatOut({ rates, costs, probes }, load, beside, cpuSeconds) {
  const before = cpuSeconds();
  const loaded = load();
  probes.push(await healthy(beside, loaded));
  const { requests, seconds } = await loaded;
  rates.push(requests / seconds);
  costs.push((cpuSeconds() - before) / requests);
}

/** Times of GET /healthy, one after another, until something is over. */
async function healthy(connection, until) {
  const times = [];
  let over = false;
  const end = () => {
    over = true;
  };
  until.then(end, end);
  while (!over) {
    const began = performance.now();
    await connection.call('GET', '/healthy');
    times.push(performance.now() - began);
    await sleep(PROBE_EVERY_MS);
  }
  return times;
}
