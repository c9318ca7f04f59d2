import { readTokenRequest, type TokenKindName } from '@koguma/auth';
import type { Global } from '@koguma/global-cp';
import { FIXTURE_KEYS } from '@koguma/testkit';
import type { Zone } from '@koguma/zone-cp';
import { World } from './world.js';

const EVENTS = 60;
/** A message takes 40 ms at most, an apply none: what is written on global is in a healthy zone well within this. */
const BOUND_MS = 500;
/** How often the next event comes before the messages of the last one have arrived. */
const AT_ONCE = 0.4;
const LONGEST_OUTAGE_MS = 20_000;
const ZONE_KINDS = ['dataplane', 'zone-ingress'] as const;

interface Issued {
  readonly token: string;
  readonly kind: (typeof ZONE_KINDS)[number];
}

/** What one run did, for tests of the whole. */
export class Run extends World {
  issuedWhileCut = 0;
  readonly issued: Issued[] = [];
  readonly revoked = new Map<string, { token: Issued; at: number }>();
  /** When each zone last became reachable and running; undefined while it is not. */
  readonly healthySince = new Map<string, number>();
  readonly revisions = new Map<string, number>();
}

type Event = (run: Run) => Promise<void>;

/** Plays one seed: random events, with the invariants checked after each; throws, naming the seed, when one breaks. */
export async function runSeed(seed: number): Promise<Run> {
  const run = new Run(seed);
  try {
    await run.start();
    for (let count = 0; count < EVENTS; count++) {
      await pick(run, POSSIBLE)(run);
      await run.pass(run.chance.random() < AT_ONCE ? 0 : run.chance.random() * 2_000);
      await checkInvariants(run);
    }
    await healEverything(run);
    checkConverged(run);
  } catch (error) {
    throw new Error(`seed ${seed}, event log ends: ${run.trace.slice(-5).join(' | ')}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  return run;
}

const POSSIBLE: Event[] = [
  issueSomewhere,
  issueSomewhere,
  revoke,
  revoke,
  rotate,
  deleteOldKey,
  cut,
  cut,
  heal,
  heal,
  bounceZone,
  loseGlobal,
];

async function issueSomewhere(run: Run): Promise<void> {
  const zone = pick(run, run.zones);
  const kind = pick(run, ZONE_KINDS);
  if (!zone.running) return;
  const token = await issue(zone.running, kind).catch(() => undefined); // the mesh may be gone, a key not there yet
  if (token === undefined) return;
  run.note(`${zone.name} issued a ${kind} token`);
  run.issued.push({ token, kind });
  const { accepted } = await zone.running.auth.validator.verify(token, kind, meshOf(kind));
  expectThat(accepted, 'a token that a zone has just issued is accepted there');
  if (zone.cut || !run.global) run.issuedWhileCut++;
}

async function revoke(run: Run): Promise<void> {
  const global = run.global;
  const victim = run.issued.length === 0 ? undefined : pick(run, run.issued);
  if (!global || !victim) return;
  const jti = jtiOf(victim.token);
  run.revoked.set(jti, { token: victim, at: run.clock.mono() });
  run.note(`revoke ${jti}`);
  for (const kind of ZONE_KINDS) {
    const ids = [...run.revoked].filter(([, { token }]) => token.kind === kind).map(([id]) => id);
    const name = kind === 'dataplane' ? 'dataplane-token-revocations-default' : 'zone-ingress-token-revocations';
    await put(global, kind, name, ids.join(','));
  }
}

async function rotate(run: Run): Promise<void> {
  if (!run.global) return;
  const kind = pick(run, ZONE_KINDS);
  const keys = run.global.auth.keys.list(kind, meshOf(kind));
  const serial = (keys.at(-1)?.serial ?? 0) + 1;
  const der = FIXTURE_KEYS.at(-2 * serial - ZONE_KINDS.indexOf(kind));
  if (der === undefined || serial > 6) return;
  run.note(`rotate ${kind} to ${serial}`);
  const pem = `-----BEGIN RSA PRIVATE KEY-----\n${der}\n-----END RSA PRIVATE KEY-----\n`;
  await put(run.global, kind, `${prefixOf(kind)}-${serial}`, pem);
}

async function deleteOldKey(run: Run): Promise<void> {
  if (!run.global) return;
  const kind = pick(run, ZONE_KINDS);
  const keys = run.global.auth.keys.list(kind, meshOf(kind));
  const oldest = keys[0];
  if (!oldest || keys.length < 2) return;
  run.note(`delete ${kind} key ${oldest.serial}`);
  await run.global.manager.delete(secretKey(kind, `${prefixOf(kind)}-${oldest.serial}`));
}

async function cut(run: Run): Promise<void> {
  run.cut(pick(run, run.zones), run.chance.random() < 0.5);
}

async function heal(run: Run): Promise<void> {
  run.heal(pick(run, run.zones));
}

async function bounceZone(run: Run): Promise<void> {
  const zone = pick(run, run.zones);
  await run.stopZone(zone);
  await run.pass(run.chance.random() * LONGEST_OUTAGE_MS);
  await run.startZone(zone);
}

/** Zones go on while global is away. */
async function loseGlobal(run: Run): Promise<void> {
  await run.stopGlobal();
  for (let count = 0; count < 3; count++) {
    await issueSomewhere(run);
    await run.pass(run.chance.random() * LONGEST_OUTAGE_MS);
  }
  await run.startGlobal();
}

async function healEverything(run: Run): Promise<void> {
  await run.startGlobal();
  for (const zone of run.zones) {
    await run.startZone(zone);
    run.heal(zone);
  }
  await run.pass(200_000); // longer than the longest wait between two dials
}

async function checkInvariants(run: Run): Promise<void> {
  for (const { name, running, cut: isCut } of run.zones) {
    const healthy = running && !isCut && run.global && running.link?.state === 'in-sync';
    if (!healthy) run.healthySince.delete(name);
    else if (!run.healthySince.has(name)) run.healthySince.set(name, run.clock.mono());
    if (!running) continue;

    const { n } = running.view.revision;
    expectThat(n >= (run.revisions.get(name) ?? 0), `the revision of ${name} does not go back`);
    run.revisions.set(name, n);
    const names = running.view.list('GlobalSecret').map((secret) => secret.name);
    expectThat(
      !names.some((secret) => secret.startsWith('zone-token-signing-key')),
      `${name} holds no private zone key`,
    );

    const since = run.healthySince.get(name);
    for (const { token, at } of run.revoked.values()) {
      if (since === undefined || run.clock.mono() - Math.max(at, since) < BOUND_MS) continue;
      const { accepted } = await running.auth.validator.verify(token.token, token.kind, meshOf(token.kind));
      expectThat(!accepted, `${name} refuses a token that was revoked longer ago than the bound`);
    }
  }
  const userKey = run.global?.auth.keys.latest('user', '');
  if (userKey) expectThat(!run.crossed.includes(userKey.key.pem.slice(40, 140)), 'no user key crosses a link');
}

function checkConverged(run: Run): void {
  const crossing = (name: string) => /^(default\/|\/zone-ingress-token)/.test(name);
  const expected = run.contents(run.global as Global).filter(crossing);
  expectThat(expected.length >= 2, 'global has keys to compare');
  for (const { name, running } of run.zones) {
    const found = run.contents(running as Zone).filter(crossing);
    expectThat(
      JSON.stringify(found) === JSON.stringify(expected),
      `${name} has what global has: ${found} / ${expected}`,
    );
  }
}

function issue(at: Zone, kind: TokenKindName): Promise<string> {
  const body = kind === 'dataplane' ? { mesh: 'default', validFor: '720h' } : { zone: 'east', validFor: '720h' };
  const { validForSeconds, ...request } = readTokenRequest(kind, body);
  return at.auth.issuer.issue(kind, request, validForSeconds);
}

async function put(global: Global, kind: (typeof ZONE_KINDS)[number], name: string, text: string): Promise<void> {
  await global.manager.put(secretKey(kind, name), { data: Buffer.from(text).toString('base64') });
}

function secretKey(kind: (typeof ZONE_KINDS)[number], name: string) {
  return { type: kind === 'dataplane' ? 'Secret' : 'GlobalSecret', mesh: meshOf(kind), name } as const;
}

function prefixOf(kind: (typeof ZONE_KINDS)[number]): string {
  return kind === 'dataplane' ? 'dataplane-token-signing-key-default' : 'zone-ingress-token-signing-key';
}

function meshOf(kind: TokenKindName): string {
  return kind === 'dataplane' ? 'default' : '';
}

function jtiOf(token: string): string {
  const { jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { jti: string };
  return jti;
}

function pick<T>(run: World, from: readonly T[]): T {
  return from[Math.floor(run.chance.random() * from.length)] as T;
}

function expectThat(holds: boolean | undefined, invariant: string): void {
  if (!holds) throw new Error(`broken: ${invariant}`);
}
