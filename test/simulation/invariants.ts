import type { Resource, Spec } from '@koguma/resources';
import { type GlobalNode, healthySince, type ZoneNode } from './nodes.js';
import type { Issued, Run } from './run.js';

/** A message takes 40 ms at most, an apply none: what is written on global is in a healthy zone well within this. */
const BOUND_MS = 500;
/** A replica that missed a notification looks into the store after 5 s. */
const REPLICA_BOUND_MS = 6_000;
/** Three heartbeats of 5 s, and one more until the other end is told. */
const STALE_SEEN_MS = 21_000;
/** Longer than the longest wait between two dials, twice. */
const HEALING_MS = 200_000;
/** Tokens that are compared each time: the newest, and all that were revoked. */
const COMPARED = 4;

/** What must hold at every moment. @throws Error that names what does not */
export async function checkInvariants(run: Run): Promise<void> {
  const [[invariant, what] = ['whole-states', ''] as const] = run.broken;
  run.expect(invariant, run.broken.length === 0, what);
  const lost = await run.ledger.lost();
  run.expect('acknowledged-kept', lost === undefined, `${lost} is not`);
  for (const node of [...run.globals, ...run.zones]) revisionGrows(run, node);
  for (const zone of run.zones) {
    stalenessShows(run, zone);
    if (healthyFor(run, zone) >= boundOf(run)) await isUpToDate(run, zone);
    if (healthyFor(run, zone) >= STALE_SEEN_MS) isShownOnline(run, zone);
  }
}

/** Everything works again, and after a while everything is everywhere. @throws Error that names what is not */
export async function checkConverged(run: Run): Promise<void> {
  for (const node of run.globals) await run.startGlobal(node);
  for (const zone of run.zones) {
    run.lead(zone, false);
    run.heal(zone);
    await run.startZone(zone);
  }
  await run.pass(HEALING_MS);
  await checkInvariants(run);
  for (const zone of run.zones) {
    const state = zone.running?.link?.state;
    run.expect('heals', state === 'in-sync', `${zone.name} is ${state}`);
    await isUpToDate(run, zone);
    const here = dataplanesOf(await zone.store.list('Dataplane'), zone.name);
    for (const { store } of run.globals) {
      const there = dataplanesOf(await store.list('Dataplane'), zone.name);
      run.expect('proxies-on-global', there === here, zone.name);
    }
  }
}

function revisionGrows(run: Run, { name, store, running }: GlobalNode | ZoneNode): void {
  if (!running) return;
  const { n } = ('plane' in running ? running.plane : running).view.revision;
  const before = run.revisions.get(store)?.get(name) ?? 0;
  run.expect('revision-grows', n >= before, `${name}, from ${before} to ${n}`);
  const ofStore = run.revisions.get(store) ?? new Map<string, number>();
  run.revisions.set(store, ofStore.set(name, n));
}

/** Who cannot hear, or is not heard, is never shown as in sync. */
function stalenessShows(run: Run, zone: ZoneNode): void {
  if (zone.weather.cut === 'none' || run.clock.mono() - zone.weather.cutAt < STALE_SEEN_MS) return;
  const where = `${zone.name}, cut off (${zone.weather.cut})`;
  run.expect('zone-knows-stale', zone.running?.link?.state !== 'in-sync', where);
  for (const node of run.globals) run.expect('global-knows-stale', stateOn(node, zone) !== 'Online', where);
}

function isShownOnline(run: Run, zone: ZoneNode): void {
  for (const node of run.globals) {
    const state = stateOn(node, zone);
    if (state !== undefined)
      run.expect('global-shows-online', state === 'Online', `${zone.name} is ${state} on ${node.name}`);
  }
}

/** How a zone stands in the eyes of a global; undefined when that does not run. */
export function stateOn({ running }: GlobalNode, { name }: ZoneNode): string | undefined {
  const { zones } = (running?.plane.kds.report() ?? { zones: [] }) as { zones: { zone: string; state: string }[] };
  return zones.find(({ zone }) => zone === name)?.state;
}

/** What was written longer ago than the bound is in a healthy zone, and what it says of tokens is what global says. */
async function isUpToDate(run: Run, zone: ZoneNode): Promise<void> {
  const bound = boundOf(run);
  const now = run.clock.mono();
  for (const issued of run.issued) {
    const at = run.revokedAt.get(issued.jti);
    if (at === undefined || now - at < bound) continue;
    const accepted = await run.accepts(zone, issued);
    run.expect('revoked-refused', accepted !== true, zone.name);
  }
  if (now - run.lastWrite < bound) return;
  const [here, there] = [await run.history.contentsOf(zone.store), run.history.latest()];
  for (const type of ['Mesh', 'Secret', 'GlobalSecret'] as const) {
    run.expect('up-to-date', here[type] === there[type], `${type} in ${zone.name}`);
  }
  const global = run.globals.find(({ running }) => running);
  if (!global) return;
  for (const issued of run.issued.slice(-COMPARED)) await agree(run, zone, global, issued);
}

async function agree(run: Run, zone: ZoneNode, global: GlobalNode, issued: Issued): Promise<void> {
  const [here, there] = [await run.accepts(zone, issued), await run.accepts(global, issued)];
  if (here === undefined || there === undefined) return;
  run.expect('same-verdict', here === there, `${zone.name}, a ${issued.kind} token`);
}

function healthyFor(run: Run, zone: ZoneNode): number {
  const since = healthySince(zone);
  return since === undefined ? -1 : run.clock.mono() - since;
}

function boundOf(run: Run): number {
  return run.replicated ? REPLICA_BOUND_MS : BOUND_MS;
}

function dataplanesOf(resources: readonly Resource[], zone: string): string {
  const own = resources.filter(({ labels }) => labels['kuma.io/zone'] === zone);
  return own
    .map(({ name, labels, spec }) => `${labels['kuma.io/display-name'] ?? name} ${sorted(spec)}`)
    .sort()
    .join('\n');
}

/** As JSON, with members in one order: the wire keeps none. */
function sorted(spec: Spec): string {
  return JSON.stringify(spec, (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}
