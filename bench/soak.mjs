#!/usr/bin/env node
// Real processes under a steady load for half an hour: is their memory flat, is everything that was opened closed again?
// `--minutes` says how long. Ends with 1 when something is not as it should be.
import { setMaxListeners } from 'node:events';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { SOAK } from './files.mjs';
import { Lab } from './lab.mjs';
import { giveUp } from './processes.mjs';
import { Deeds } from './soak/deeds.mjs';
import { Load } from './soak/load.mjs';
import { judge } from './soak/verdict.mjs';
import { MB, ofControlPlane, ofProcess } from './soak/watch.mjs';

const EVERY_MS = 10_000;
const SETTLE_MS = 5_000;
/** What comes after the load: streams are closed, dataplanes of proxies that left are taken away (10 s). */
const AFTERMATH_MS = 60_000;

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '30' } } });
const minutes = Number(values.minutes);
if (!(minutes >= 0.5 && minutes <= 1_440)) giveUp(`--minutes ${values.minutes} is not a time: use 0.5 to 1440`);
setTimeout(() => giveUp('the soak did not end by itself'), minutes * 60_000 + 4 * AFTERMATH_MS).unref();

process.env.NODE_OPTIONS = `--import=${new URL('soak/collect.mjs', import.meta.url)}`;
const lab = await Lab.start({ KUMA_DP_SERVER_AUTHN_ENABLE_RELOADABLE_TOKENS: 'true' });
delete process.env.NODE_OPTIONS;
for (const each of lab.all) each.api.close();
await sleep(SETTLE_MS);
const before = await vitals();
const deeds = new Deeds(lab);
const load = new Load(deeds.list());
const others = await deeds.start();
const samples = Object.fromEntries([...lab.all, ...others].map(({ name }) => [name, []]));
const over = AbortSignal.timeout(minutes * 60_000);
setMaxListeners(0, over);
const began = performance.now();
console.log(`${lab.all.map(({ name, pid }) => `${name} is ${pid}`).join(', ')}; ${minutes} minutes`);
const loaded = load.run(over);
for (let nth = 1; !over.aborted; nth++) {
  const isMinute = nth % 6 === 0;
  await sample(isMinute);
  if (isMinute) tell();
  const rest = began + nth * EVERY_MS - performance.now();
  await sleep(Math.max(0, rest), undefined, { signal: over }).catch(() => undefined);
}
await loaded;
const seconds = (performance.now() - began) / 1000;
await deeds.end();
const { after, sync, leftOver } = await calm();
const complaints = lab.all.flatMap((each) => each.complaints());
const errors = complaints.filter(({ isError }) => isError).map(({ text }) => text);
const { failures } = load;
const findings = judge({ samples, before, after, failures, errors, sync, leftOver });
const counts = [...load.counts].map(([name, { done, totalMs, longestMs }]) => ({
  name,
  done,
  meanMs: totalMs / done,
  longestMs,
}));
const warnings = tally(complaints.filter(({ isError }) => !isError));
const good = findings.every((finding) => finding.good !== false);
writeFileSync(
  SOAK,
  `${JSON.stringify({ when: new Date().toISOString(), node: process.version, seconds, good, findings, counts, failures, errors, warnings, before, after, samples }, undefined, 1)}\n`,
);
for (const { name, done, meanMs, longestMs } of counts)
  console.log(`${String(done).padStart(7)}  ${name} (${meanMs.toFixed(0)} ms, at most ${longestMs.toFixed(0)} ms)`);
for (const { what, good, says } of findings)
  console.log(`${good === undefined ? '?     ' : good ? 'ok    ' : 'NOT OK'}  ${what}: ${says}`);
for (const { deed, at, reason } of failures.slice(0, 20)) console.log(`failed at ${at}: ${deed}: ${reason}`);
for (const error of errors.slice(0, 20)) console.log(`error: ${error}`);
for (const { text, count, last } of warnings) console.log(`${count} warnings, the last at ${last}: ${text}`);
console.log(good ? 'the soak is good' : 'the soak is NOT good');
process.exit(good ? 0 : 1);

async function vitals() {
  const all = await Promise.all(lab.all.map(async (each) => [each.name, await ofControlPlane(each)]));
  return Object.fromEntries(all);
}

async function sample(isMinute) {
  const at = (performance.now() - began) / 1000;
  for (const [name, one] of Object.entries(await vitals())) samples[name].push({ at, ...one });
  // After the other, so that what each held with its garbage is seen too.
  if (isMinute) for (const each of lab.all) samples[each.name].at(-1).alive = (await each.aliveBytes()) / MB;
  for (const { name, pid } of others) samples[name].push({ at, ...ofProcess(pid) });
}

function tell() {
  const each = Object.entries(samples).map(([name, all]) => {
    const [last, previous] = [all.at(-1), all.at(-7) ?? all[0]];
    const cpu = (100 * (last.cpu - previous.cpu)) / (last.at - previous.at);
    return `${name} ${last.rss.toFixed(0)} MB ${cpu.toFixed(0)} %`;
  });
  const minute = Math.round((performance.now() - began) / 60_000);
  console.log(`minute ${minute}: ${load.done} deeds, ${load.failures.length} failed; ${each.join(', ')}`);
}

/** What the control planes are when what the load left behind is over, or does not get less. */
async function calm() {
  for (const until = performance.now() + AFTERMATH_MS; ; ) {
    await sleep(SETTLE_MS);
    const now = { after: await vitals(), ...(await whatIsLeft()) };
    lab.global.api.close();
    const isBack = ({ name }) => ['files', 'handles'].every((what) => now.after[name][what] <= before[name][what]);
    if ((lab.all.every(isBack) && now.leftOver.length === 0) || performance.now() > until) return now;
  }
}

/** Which types each zone is behind with, and what is still there of what was made. */
async function whatIsLeft() {
  const [sync, ...lists] = await Promise.all(
    ['/koguma/sync', '/meshes', '/meshes/default/dataplanes', '/meshes/default/secrets'].map(async (at) =>
      JSON.parse(await lab.global.api.call('GET', at)),
    ),
  );
  const made = /^(mesh-|hand-|staying-|visitor-|lost-|soak-)/;
  return {
    sync: sync.zones.map(({ zone, state, types }) => ({
      zone,
      behind: [
        ...(state === 'Online' ? [] : [state]),
        ...types.filter(({ written, applied }) => applied < written).map(({ type }) => type),
      ],
    })),
    leftOver: lists.flatMap(({ items }) => items.map(({ name }) => name).filter((name) => made.test(name))),
  };
}

/** Lines of a log, how often each came, and when last. */
function tally(lines) {
  const found = new Map();
  for (const { text, time } of lines) found.set(text, { text, count: (found.get(text)?.count ?? 0) + 1, last: time });
  return [...found.values()].sort((one, other) => other.count - one.count);
}
