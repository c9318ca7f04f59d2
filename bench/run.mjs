#!/usr/bin/env node
// Measures what Koguma promises of speed, each beside what this machine itself can do. Never a test: nothing fails
// for being slow. `--quick` does fewer rounds.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { median, withUnit } from './figures.mjs';
import { busyShare, echoTimes } from './machine.mjs';
import { Bare, Client, folder, giveUp, run } from './processes.mjs';
import { Progress, report } from './report.mjs';
import { checksInProcess, checksOverHttp } from './steps/checks.mjs';
import { fleet } from './steps/fleet.mjs';
import { idle } from './steps/idle.mjs';
import { issuing } from './steps/issuing.mjs';
import { propagation } from './steps/propagation.mjs';
import { scale } from './steps/scale.mjs';
import { start } from './steps/start.mjs';

const LONGEST_MS = 590_000;
const HURRY_AFTER_MS = 400_000;
const FULL = {
  start: { rounds: 5, longestMs: 16_000 },
  idle: { ms: 10_000 },
  propagation: { rounds: 5, changes: 60, longestMs: 22_000 },
  issuing: { rounds: 3, ms: 2_000, warmUpMs: 3_000, longestMs: 18_000 },
  overHttp: { rounds: 25, ms: 150, longestMs: 16_000 },
  inProcess: { rounds: 60, ms: 40, longestMs: 10_000 },
  fleet: { rounds: 4, size: 500, longestMs: 30_000 },
  scale: { counts: [1, 10, 100, 1_000], changes: 20 },
};
const QUICK = {
  start: { rounds: 2, longestMs: 6_000 },
  idle: { ms: 3_000 },
  propagation: { rounds: 2, changes: 20, longestMs: 5_000 },
  issuing: { rounds: 1, ms: 1_000, warmUpMs: 1_000, longestMs: 5_000 },
  overHttp: { rounds: 7, ms: 150, longestMs: 5_000 },
  inProcess: { rounds: 20, ms: 40, longestMs: 4_000 },
  fleet: { rounds: 2, size: 100, longestMs: 6_000 },
  scale: { counts: [1, 50], changes: 5 },
};

const ECHOES = 2_000;

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const { quick } = values;
const plans = quick ? QUICK : FULL;
const progress = new Progress(HURRY_AFTER_MS);
const began = performance.now();
let doing = '';
setTimeout(() => giveUp(`not over after ${LONGEST_MS / 1000} s: gave up while ${doing}`), LONGEST_MS).unref();

async function step(text, work) {
  doing = text;
  progress.step(text);
  return work();
}

try {
  const busy = await step('looking at the machine', () => busyShare(1_000));
  const machine = {
    node: process.version,
    openssl: (await run('openssl', ['version'])).trim(),
    cpu: `${cpus().length} × ${cpus()[0].model}`,
    busyBefore: busy,
  };
  const { lab, section: starts } = await step('starting labs', () => start({ plan: plans.start, progress }));
  const idles = await step('idling', () => idle({ lab, ...plans.idle }));
  const revocations = await step('revoking', () => propagation({ lab, plan: plans.propagation, progress }));
  const client = new Client();
  const bareServers = new Bare();
  const bare = await bareServers.ports();
  const roundTrips = await step('echoing', () => echoTimes(bare.grpc, ECHOES));
  const { section: issued, openssl } = await step('issuing', () =>
    issuing({ lab, client, bare, plan: plans.issuing, progress }),
  );
  const overHttp = await step('checking over HTTP', () =>
    checksOverHttp({ lab, client, plan: plans.overHttp, progress, openssl }),
  );
  client.close();
  bareServers.close();
  const inProcess = await step('checking in process', () =>
    checksInProcess({ plan: plans.inProcess, progress, openssl }),
  );
  const fleets = await step('joining proxies', () => fleet({ lab, plan: plans.fleet, progress }));
  await lab.stop();
  const echo = { name: 'a round trip on a bare gRPC stream', value: median(roundTrips) };
  const scales = await step('gathering zones', () => scale({ ...plans.scale, echo, progress }));
  progress.end();
  const seconds = (performance.now() - began) / 1000;
  console.log(`${machine.cpu}, Node.js ${machine.node}, ${machine.openssl}`);
  console.log(`CPU in use by others before the run: ${withUnit(busy, '%')}; the run took ${withUnit(seconds, 's')}`);
  report({ when: new Date().toISOString(), quick, seconds, machine }, [
    starts,
    idles,
    revocations,
    issued,
    inProcess,
    overHttp,
    fleets,
    ...scales,
  ]);
  process.exit();
} catch (error) {
  giveUp(`failed while ${doing}: ${error.stack}\n(its files were in ${folder})`);
}
