import type { Resource } from '@koguma/resources';
import type { Issued, Run } from './run.js';
import type { GlobalNode, ZoneNode } from './world.js';

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
  run.expect(run.broken.length === 0, run.broken[0] ?? '');
  const lost = await run.ledger.lost();
  run.expect(lost === undefined, lost ?? '');
  for (const node of [...run.globals, ...run.zones]) revisionGrows(run, node);
  for (const zone of run.zones) {
    stalenessShows(run, zone);
    if (healthyFor(run, zone) >= boundOf(run)) await isUpToDate(run, zone);
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
    run.expect(zone.running?.link?.state === 'in-sync', `healed, ${zone.name} is in sync`);
    await isUpToDate(run, zone);
    const here = namesOf(await zone.store.list('Dataplane'), zone.name);
    for (const { store } of run.globals) {
      const there = namesOf(await store.list('Dataplane'), zone.name);
      run.expect(there === here, `healed, global has the dataplanes of ${zone.name}`);
    }
  }
}

function revisionGrows(run: Run, { name, store, running }: GlobalNode | ZoneNode): void {
  if (!running) return;
  const { n } = ('plane' in running ? running.plane : running).view.revision;
  const before = run.revisions.get(store)?.get(name) ?? 0;
  run.expect(n >= before, `the revision of ${name} does not go back`);
  const ofStore = run.revisions.get(store) ?? new Map<string, number>();
  run.revisions.set(store, ofStore.set(name, n));
}

/** Who cannot hear, or is not heard, is never shown as in sync. */
function stalenessShows(run: Run, zone: ZoneNode): void {
  if (zone.cut === 'none' || run.clock.mono() - zone.cutAt < STALE_SEEN_MS) return;
  const { link } = zone.running ?? {};
  run.expect(link?.state !== 'in-sync', `${zone.name}, cut off (${zone.cut}), knows that what it has is old`);
  for (const { name, running } of run.globals) {
    if (!running) continue;
    const { zones } = running.plane.kds.report() as { zones: { zone: string; state: string }[] };
    const state = zones.find((row) => row.zone === zone.name)?.state;
    run.expect(state !== 'Online', `${name} knows that what ${zone.name}, cut off (${zone.cut}), has is old`);
  }
}

/** What was written longer ago than the bound is in a healthy zone, and what it says of tokens is what global says. */
async function isUpToDate(run: Run, zone: ZoneNode): Promise<void> {
  const bound = boundOf(run);
  const now = run.clock.mono();
  for (const issued of run.issued) {
    const at = run.revokedAt.get(issued.jti);
    if (at === undefined || now - at < bound) continue;
    const accepted = await run.accepts(zone, issued);
    run.expect(accepted !== true, `${zone.name} refuses what was revoked longer ago than the bound`);
  }
  if (now - run.lastWrite < bound) return;
  const [here, there] = [await run.history.contentsOf(zone.store), run.history.latest()];
  for (const type of ['Mesh', 'Secret', 'GlobalSecret'] as const) {
    run.expect(here[type] === there[type], `${zone.name} has every ${type} that global has for it, as it is there`);
  }
  const global = run.globals.find(({ running }) => running);
  if (!global) return;
  for (const issued of run.issued.slice(-COMPARED)) await agree(run, zone, global, issued);
}

async function agree(run: Run, zone: ZoneNode, global: GlobalNode, issued: Issued): Promise<void> {
  const [here, there] = [await run.accepts(zone, issued), await run.accepts(global, issued)];
  if (here === undefined || there === undefined) return;
  run.expect(here === there, `${zone.name} and global say the same of a ${issued.kind} token`);
}

function healthyFor(run: Run, { healthySince }: ZoneNode): number {
  return healthySince === undefined ? -1 : run.clock.mono() - healthySince;
}

function boundOf(run: Run): number {
  return run.replicated ? REPLICA_BOUND_MS : BOUND_MS;
}

function namesOf(resources: readonly Resource[], zone: string): string {
  const own = resources.filter(({ labels }) => labels['kuma.io/zone'] === zone);
  return own
    .map(({ name, labels }) => labels['kuma.io/display-name'] ?? name)
    .sort()
    .join();
}
