import { CLUSTER_ID_NAME } from '@koguma/kds';
import type { ResourceKey } from '@koguma/resources';
import type { GlobalNode, ZoneNode } from './nodes.js';
import { type Change, type Run, secretOf, ZONE_KINDS } from './run.js';
import { broughtKey } from './sync-crypto.js';

/** Something that happens, as numbers: whom it meets is decided when it does, so that any part of a plan can be played. */
export interface Event {
  readonly kind: EventKind;
  /** Three choices, each in [0, 1). */
  readonly dice: readonly [number, number, number];
  /** Virtual milliseconds until the next one. */
  readonly pause: number;
}

interface Scene {
  readonly run: Run;
  readonly dice: readonly [number, number, number];
  readonly zone: ZoneNode;
  /** One that runs; undefined when none does. */
  readonly global: GlobalNode | undefined;
  readonly kind: (typeof ZONE_KINDS)[number];
  readonly mesh: string;
}

const LONGEST_WAIT_MS = 20_000;
/** Long enough for everybody to notice. */
const OUTAGE_MS = 24_000;
/** A control plane that is told to die does so within so many steps of its calls. */
const LONGEST_LIFE_LEFT = 40;
/** A write takes a few milliseconds. */
const LONGEST_BEFORE_BLACKOUT_MS = 10;
const DATAPLANE = { networking: { address: '10.0.0.1', inbound: [{ port: 80, tags: { 'kuma.io/service': 'web' } }] } };

/** What can happen, and how often, in shares. */
const EVENTS = {
  issue: [8, issue],
  revoke: [6, revoke],
  pardon: [1, pardon],
  rotate: [4, rotate],
  retire: [3, retire],
  exchange: [3, exchange],
  makeMesh: [1, makeMesh],
  deleteMesh: [1, deleteMesh],
  putSecret: [3, putSecret],
  deleteSecret: [1, deleteSecret],
  putDataplane: [3, putDataplane],
  deleteDataplane: [1, deleteDataplane],
  cut: [3, cut],
  halfOpen: [3, halfOpen],
  heal: [7, heal],
  stopZone: [2, ({ run, zone }: Scene) => run.stop(zone)],
  stopGlobal: [2, async ({ run, global }: Scene) => global && run.stop(global)],
  crashZone: [3, crashZone],
  crashGlobal: [3, crashGlobal],
  blackout: [1, blackout],
  holdUp: [4, holdUp],
  revive: [8, revive],
  wipeZone: [1, wipeZone],
  astray: [1, astray],
  home: [2, async ({ run, zone }: Scene) => run.lead(zone, false)],
  outage: [1, outage],
  wait: [2, ({ run, dice }: Scene) => run.pass(dice[0] * LONGEST_WAIT_MS)],
} as const satisfies Record<string, readonly [number, (scene: Scene) => Promise<unknown>]>;

export type EventKind = keyof typeof EVENTS;

/** Every kind as often as its share says. */
export const DECK: readonly EventKind[] = (Object.keys(EVENTS) as EventKind[]).flatMap((kind) =>
  Array.from({ length: EVENTS[kind][0] }, () => kind),
);

export async function play(run: Run, { kind, dice }: Event): Promise<void> {
  const globals = run.globals.filter(({ running }) => running);
  const [a, b, c] = dice;
  await EVENTS[kind][1]({
    run,
    dice,
    zone: pick(run.zones, a),
    global: globals.length > 0 ? pick(globals, b) : undefined,
    kind: pick(ZONE_KINDS, c),
    mesh: pick([...run.meshes], b),
  });
}

async function issue({ run, zone, kind, mesh }: Scene): Promise<void> {
  const wasCut = zone.weather.cut !== 'none' || run.globals.every(({ running }) => !running);
  const issued = await run.issue(zone, kind, mesh);
  if (!issued) return;
  run.note(`${zone.name} issued a ${kind} token`);
  // Another proxy's check, in the same zone. The key may have gone in between where the zone is in sync.
  const accepted = await run.accepts(zone, issued);
  if (wasCut && accepted !== undefined) {
    run.expect('issued-while-cut', accepted, zone.name);
    run.issuedWhileCut++;
  }
}

async function revoke({ run, global, dice }: Scene): Promise<void> {
  const victim = run.issued.length > 0 ? pick(run.issued, dice[0]) : undefined;
  if (!global || !victim) return;
  run.note(`revoke ${victim.jti}`);
  const listed = run.issued.filter(
    ({ jti, kind, mesh }) => run.revokedAt.has(jti) && kind === victim.kind && mesh === victim.mesh,
  );
  const ids = new Set([...listed.map(({ jti }) => jti), victim.jti]);
  const key = secretOf(victim.kind, victim.mesh, 'revocations');
  await run.write(global, key, secret([...ids].join(',')));
  if (await holds(global, key, victim.jti)) run.revokedAt.set(victim.jti, run.clock.mono());
}

/** An empty list: all that were revoked are good again. */
async function pardon({ run, global, kind, mesh }: Scene): Promise<void> {
  if (!global) return;
  const key = secretOf(kind, mesh, 'revocations');
  run.note(`nothing of ${key.name} is revoked any more`);
  for (const issued of run.issued) {
    if (issued.kind === kind && issued.mesh === key.mesh) run.revokedAt.delete(issued.jti);
  }
  await run.write(global, key, secret(''));
}

async function rotate({ run, global, kind, mesh, dice }: Scene): Promise<void> {
  const serial = (serials(global, kind, mesh).at(-1) ?? 0) + 1;
  if (!global || serial > 9) return;
  run.note(`rotate ${kind} to ${serial}`);
  await run.write(global, secretOf(kind, mesh, serial), secret(broughtKey(Math.floor(dice[0] * 100))));
}

async function retire({ run, global, kind, mesh }: Scene): Promise<void> {
  const [oldest, ...newer] = serials(global, kind, mesh);
  if (!global || oldest === undefined || newer.length === 0) return;
  run.note(`delete ${kind} key ${oldest}`);
  await run.write(global, secretOf(kind, mesh, oldest), undefined);
}

/** Several keys change in one transaction: no zone may ever see a part of that. */
async function exchange({ run, global, kind, mesh, dice }: Scene): Promise<void> {
  const all = serials(global, kind, mesh);
  const next = (all.at(-1) ?? 0) + 1;
  if (!global || all.length === 0 || next > 12) return;
  run.note(`exchange all ${kind} keys`);
  const gone = all.map((serial): Change => [secretOf(kind, mesh, serial), undefined]);
  const made = [next, next + 1].map((serial): Change => {
    const pem = broughtKey(Math.floor(dice[0] * 100) + serial);
    return [secretOf(kind, mesh, serial), secret(pem)];
  });
  await run.transact(global, [...gone, ...made]);
}

async function makeMesh({ run, global, dice }: Scene): Promise<void> {
  const name = `mesh-${Math.floor(dice[0] * 3)}`;
  if (!global || run.meshes.has(name) || run.meshes.size > 3) return;
  run.note(`make ${name}`);
  run.meshes.add(name);
  await run.write(global, { type: 'Mesh', mesh: '', name }, {});
}

async function deleteMesh({ run, global, mesh }: Scene): Promise<void> {
  if (!global || mesh === 'default') return;
  run.note(`delete ${mesh}`);
  run.ledger.mayBeGone((key) => key.mesh === mesh && key.type === 'Secret');
  // In a mesh of that name that is made later, a key may come back, and with it what it signed.
  run.issued = run.issued.filter((issued) => issued.mesh !== mesh);
  await run.write(global, { type: 'Mesh', mesh: '', name: mesh }, undefined);
}

async function putSecret({ run, global, mesh, dice }: Scene): Promise<void> {
  if (global) await run.write(global, plainSecret(mesh, dice), secret(String(dice[0])));
}

async function deleteSecret({ run, global, mesh, dice }: Scene): Promise<void> {
  if (global) await run.write(global, plainSecret(mesh, dice), undefined);
}

async function putDataplane({ run, zone, dice }: Scene): Promise<void> {
  await run.write(zone, dataplane(zone, dice), { ...DATAPLANE, probes: { port: 1 + Math.floor(dice[1] * 1000) } });
}

async function deleteDataplane({ run, zone, dice }: Scene): Promise<void> {
  await run.write(zone, dataplane(zone, dice), undefined);
}

async function cut({ run, zone, dice }: Scene): Promise<void> {
  run.cut(zone, 'both', dice[1] < 0.5);
}

async function halfOpen({ run, zone, dice }: Scene): Promise<void> {
  run.cut(zone, dice[1] < 0.5 ? 'to-global' : 'to-zone', false);
}

/** Silent, and long. */
async function outage(scene: Scene): Promise<void> {
  await halfOpen(scene);
  await scene.run.pass(OUTAGE_MS);
}

async function heal({ run, zone }: Scene): Promise<void> {
  run.heal(zone);
}

/** It dies somewhere in what it does next, at the latest when that is over. */
async function crashZone({ run, zone, dice }: Scene): Promise<void> {
  zone.life?.dieAfter(1 + Math.floor(dice[1] * LONGEST_LIFE_LEFT));
  run.note(`${zone.name} will die`);
  if (dice[2] < 0.5) await run.write(zone, dataplane(zone, dice), DATAPLANE);
  await run.pass(dice[2] * 1_000);
  zone.life?.die();
}

async function crashGlobal({ run, global, mesh, dice }: Scene): Promise<void> {
  if (!global) return;
  global.life?.dieAfter(1 + Math.floor(dice[0] * LONGEST_LIFE_LEFT));
  run.note(`${global.name} will die`);
  await run.write(global, plainSecret(mesh, dice), secret(String(dice[2])));
  await run.pass(dice[2] * 1_000);
  global.life?.die();
}

/** The power is gone: all die at the same moment, each somewhere in what it was doing. */
async function blackout({ run, zone, global, mesh, dice }: Scene): Promise<void> {
  run.note('the power goes out');
  const dying = [...run.globals, ...run.zones].flatMap(({ life }) => life ?? []);
  const goesOut = () => {
    for (const life of dying) life.die();
  };
  run.clock.after(dice[0] * LONGEST_BEFORE_BLACKOUT_MS, goesOut);
  if (global) await run.write(global, plainSecret(mesh, dice), secret(String(dice[1])));
  if (dice[2] < 0.5) await run.write(zone, dataplane(zone, dice), DATAPLANE);
  goesOut();
}

async function holdUp({ run, zone, dice }: Scene): Promise<void> {
  run.note(`the network of ${zone.name} holds up ${zone.weather.holdUp(dice)}`);
}

async function revive({ run }: Scene): Promise<void> {
  for (const node of run.globals) await run.startGlobal(node);
  for (const zone of run.zones) await run.startZone(zone);
}

async function wipeZone({ run, zone }: Scene): Promise<void> {
  await run.stop(zone);
  zone.life?.die();
  run.ledger.forget(zone.store);
  run.wipe(zone);
  run.lead(zone, false);
}

/** A zone that knows its global must not take another for it; one that knows none takes the first it meets. */
async function astray({ run, zone }: Scene): Promise<void> {
  if (await zone.store.get({ type: 'Config', mesh: '', name: CLUSTER_ID_NAME })) run.lead(zone, true);
}

function serials(global: GlobalNode | undefined, kind: Scene['kind'], mesh: string): number[] {
  const keys = global?.running?.plane.auth.keys.list(kind, kind === 'dataplane' ? mesh : '') ?? [];
  return keys.map(({ serial }) => serial);
}

async function holds(global: GlobalNode, key: ResourceKey, jti: string): Promise<boolean> {
  const data = (await global.store.get(key))?.spec.data;
  return typeof data === 'string' && Buffer.from(data, 'base64').toString().includes(jti);
}

function plainSecret(mesh: string, [, , c]: Event['dice']): ResourceKey {
  return { type: 'Secret', mesh, name: `plain-${Math.floor(c * 3)}` };
}

function dataplane({ name }: ZoneNode, [, , c]: Event['dice']): ResourceKey {
  return { type: 'Dataplane', mesh: 'default', name: `${name}-web-${Math.floor(c * 3)}` };
}

function secret(text: string): { data: string } {
  return { data: Buffer.from(text).toString('base64') };
}

function pick<T>(from: readonly T[], die: number): T {
  return from[Math.floor(die * from.length)] as T;
}
