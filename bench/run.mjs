#!/usr/bin/env node
// Measures what Koguma promises of speed, each beside what this machine itself can do. Never a test: nothing fails
// for being slow. `--quick` does fewer rounds; `--docs` measures nothing, and writes what was measured last, by this and by the
// soak, into the documents.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { median, withUnit } from './figures.mjs';
import { busyShare, echoTimes } from './machine.mjs';
import { Bare, Client, folder, giveUp, run } from './processes.mjs';
import { Progress, report } from './report.mjs';
import { checksInProcess, checksOverHttp } from './steps/checks.mjs';
import { fleets } from './steps/fleet.mjs';
import { idle } from './steps/idle.mjs';
import { issuing } from './steps/issuing.mjs';
import { keys } from './steps/keys.mjs';
import { lists } from './steps/lists.mjs';
import { propagation } from './steps/propagation.mjs';
import { scale } from './steps/scale.mjs';
import { rest, start } from './steps/start.mjs';

const LONGEST_MS = 590_000;
/** What a round may take longer than the one before it. */
const SPARE_MS = 10_000;
/** The last step needs the rest. */
const HURRY_AFTER_MS = 400_000;
const FULL = {
  start: { rounds: 5, longestMs: 18_000 },
  idle: { rounds: 3, ms: 5_000, longestMs: 20_000 },
  propagation: { rounds: 5, changes: 60, longestMs: 22_000 },
  issuing: { rounds: 3, ms: 2_000, warmUpMs: 3_000, longestMs: 36_000 },
  overHttp: { rounds: 6, slices: 5, ms: 100, longestMs: 15_000 },
  inProcess: { rounds: 10, slices: 15, ms: 15, longestMs: 12_000 },
  keys: {
    counts: [1, 10, 100],
    tokens: { rounds: 5, slices: 3, ms: 40, longestMs: 8_000 },
    rotations: { rounds: 10, longestMs: 5_000 },
  },
  lists: { lengths: [1, 1_000, 10_000, 100_000], zones: 10, plan: { rounds: 3, longestMs: 12_000 } },
  fleets: { rounds: 2, sizes: [100, 500, 1_000, 2_000], longestMs: 100_000 },
  // What is known of zones is written ten seconds after the start; a heartbeat comes every five.
  scale: [
    { count: 1, changes: 10, settleMs: 10_000, idleMs: 5_000, rounds: 2, longestMs: 60_000 },
    { count: 10, changes: 10, settleMs: 10_000, idleMs: 5_000, rounds: 2, longestMs: 60_000 },
    { count: 100, changes: 20, settleMs: 10_000, idleMs: 5_000, rounds: 2, longestMs: 75_000 },
    // After that long V8 has given back what only the start needed.
    { count: 1_000, changes: 15, settleMs: 10_000, idleMs: 35_000, rounds: 2, longestMs: 240_000, isLast: true },
  ],
};
const QUICK = {
  start: { rounds: 2, longestMs: 6_000 },
  idle: { rounds: 1, ms: 5_000, longestMs: 6_000 },
  propagation: { rounds: 2, changes: 20, longestMs: 5_000 },
  issuing: { rounds: 1, ms: 1_000, warmUpMs: 1_000, longestMs: 5_000 },
  overHttp: { rounds: 2, slices: 3, ms: 100, longestMs: 5_000 },
  inProcess: { rounds: 3, slices: 8, ms: 15, longestMs: 4_000 },
  keys: {
    counts: [1, 10],
    tokens: { rounds: 2, slices: 2, ms: 30, longestMs: 3_000 },
    rotations: { rounds: 2, longestMs: 3_000 },
  },
  lists: { lengths: [1, 1_000], zones: 2, plan: { rounds: 1, longestMs: 3_000 } },
  fleets: { rounds: 1, sizes: [50, 100], longestMs: 6_000 },
  scale: [
    { count: 1, changes: 5, settleMs: 1_000, idleMs: 1_000, rounds: 1, longestMs: 10_000 },
    { count: 50, changes: 5, settleMs: 1_000, idleMs: 1_000, rounds: 1, longestMs: 10_000 },
  ],
};

const ECHOES = 2_000;

const flag = { type: 'boolean', default: false };
const { quick, docs } = parseArgs({ options: { quick: flag, docs: flag } }).values;
if (docs) {
  const { publish } = await import('./publish.mjs');
  console.log(`written: ${(await publish()).join(', ')}`);
  process.exit();
}
const plans = quick ? QUICK : FULL;
const progress = new Progress({ hurryAfterMs: HURRY_AFTER_MS, endAfterMs: LONGEST_MS - SPARE_MS });
const began = performance.now();
const sections = [];
const machine = { node: process.version, cpu: `${cpus().length} × ${cpus()[0].model}` };
let doing = '';
setTimeout(() => end(`not over after ${LONGEST_MS / 1000} s: gave up while ${doing}`), LONGEST_MS).unref();

try {
  await measure();
  end();
} catch (error) {
  end(`failed while ${doing}: ${error.stack}\n(its files were in ${folder})`);
}

/** All steps, one after another: nothing runs beside what is measured. */
async function measure() {
  machine.busyBefore = await step('looking at the machine', () => busyShare(1_000));
  machine.openssl = (await run('openssl', ['version'])).trim();
  const { lab, memory } = await step('starting labs', async () => {
    const started = await start({ plan: plans.start, progress });
    sections.push(started.section);
    return started;
  });
  // Meanwhile the last of the labs rests.
  await section('writing lists', () => lists({ ...plans.lists, progress }));
  await section('joining proxies', () => fleets({ plan: plans.fleets, progress }));
  const restingBytes = await step('resting', () => {
    const rested = rest({ lab, memory });
    sections.push(rested.section);
    return rested.restingBytes;
  });
  await section('idling', () => idle({ lab, plan: plans.idle, progress }));
  await section('revoking', () => propagation({ lab, plan: plans.propagation, progress }));
  const client = new Client();
  const bareServers = new Bare();
  const bare = await bareServers.ports();
  const roundTrips = await step('echoing', () => echoTimes(bare.grpc, ECHOES));
  const openssl = await step('issuing', async () => {
    const issued = await issuing({ lab, client, bare, plan: plans.issuing, progress });
    sections.push(issued.section);
    return issued.openssl;
  });
  await section('checking over HTTP', () => checksOverHttp({ lab, client, plan: plans.overHttp, progress, openssl }));
  client.close();
  bareServers.close();
  await section('checking in process', () => checksInProcess({ plan: plans.inProcess, progress, openssl }));
  await section('rotating keys', () => keys({ lab, ...plans.keys, progress }));
  await lab.stop();
  const echo = { name: 'a round trip on a bare gRPC stream', value: median(roundTrips) };
  for (const plan of plans.scale)
    await section(`gathering zones: ${plan.count}`, () => scale({ plan, echo, restingBytes, progress }));
}

async function step(text, work) {
  doing = text;
  progress.step(text);
  return work();
}

/** A step that comes to a section of the table, or several. */
async function section(text, work) {
  sections.push(...[await step(text, work)].flat());
}

/** Shows what was measured, also when that is not all. */
function end(complaint) {
  progress.end();
  const seconds = (performance.now() - began) / 1000;
  const { cpu, node, openssl = '', busyBefore = 0 } = machine;
  console.log(`${cpu}, Node.js ${node}, ${openssl}`);
  console.log(
    `CPU in use by others before the run: ${withUnit(busyBefore, '%')}; the run took ${withUnit(seconds, 's')}`,
  );
  if (sections.length > 0) report({ when: new Date().toISOString(), quick, seconds, machine }, sections);
  if (complaint) giveUp(complaint);
  process.exit();
}
