import { tokenKind } from '@koguma/auth';
import { milliseconds } from '@koguma/testkit';
import type { Expectation } from './format.js';
import { NotAsExpected } from './not-as-expected.js';
import { shown } from './shown.js';
import type { Stage } from './stage.js';

/** What is, in the words of the expectation. */
interface Finding {
  readonly holds: boolean;
  /** What was found, for people. */
  readonly found: string;
}

/** One thing that can be looked at again and again, and what it should be. */
interface Look {
  readonly wanted: string;
  now(): Promise<Finding> | Finding;
}

/**
 * Looks whether something is as it should be: now, or by and by.
 * @returns what was found, and how long it took
 * @throws NotAsExpected that says what was wanted, and what is
 */
export async function expectStep(stage: Stage, expectation: Expectation): Promise<string> {
  const { wanted, now } = lookOf(stage, expectation);
  let last: Finding = { holds: false, found: '' };
  const holds = async () => {
    last = await now();
    return last.holds;
  };
  const { clock } = stage.lab;
  const limit = expectation.within === undefined ? clock.promptMs : milliseconds(expectation.within);
  const took = await clock.passUntil(holds, limit);
  if (took === undefined) {
    const when = expectation.within === undefined ? '' : ` within ${expectation.within}`;
    throw new NotAsExpected(`${wanted}${when}: ${last.found}`);
  }
  const after = Math.round(took) === 0 ? '' : `, after ${shown(took)}`;
  if (expectation.for === undefined) return `${last.found}${after}`;
  const lasted = await clock.passUntil(async () => !(await holds()), milliseconds(expectation.for));
  if (lasted === undefined) return `${last.found}${after}, for ${expectation.for}`;
  throw new NotAsExpected(`${wanted} for ${expectation.for}: after ${shown(lasted)} ${last.found}`);
}

function lookOf(stage: Stage, expectation: Expectation): Look {
  const { verify, proxy, status, link, synced, secret, key, signedBy } = expectation;
  if (verify) return verdictOf(stage, verify);
  if (proxy) return stateOf(stage, proxy);
  if (status) return statusOf(stage, status);
  if (link) return linkOf(stage, link);
  if (synced !== undefined) return syncOf(stage, synced);
  if (secret) return secretOf(stage, secret);
  if (key) return keyOf(stage, key);
  if (signedBy) return signerOf(stage, signedBy);
  throw new TypeError('the format lets no expectation of nothing through');
}

function verdictOf(stage: Stage, { token: as, at, is, reason, because }: NonNullable<Expectation['verify']>): Look {
  const { token, kind, mesh } = stage.token(as);
  return {
    wanted: `${as} should be ${is} at ${at}${reason ? ` (${reason})` : ''}${because ? ` because of "${because}"` : ''}`,
    now: async () => {
      const verdict = await stage.client(at).verify(token, kind, mesh === '' ? undefined : mesh);
      const why = verdict.steps.filter(({ ok }) => !ok).map(({ detail }) => detail);
      const fits = verdict.accepted === (is === 'accepted') && (reason === undefined || verdict.reason === reason);
      const told = because === undefined || verdict.steps.some(({ detail }) => detail.includes(because));
      const found = verdict.accepted ? `${as} is accepted at ${at}` : `${as} is refused at ${at}: ${verdict.reason}`;
      return { holds: fits && told, found: why.length === 0 ? found : `${found} (${why.join('; ')})` };
    },
  };
}

function stateOf(stage: Stage, { name, is, because }: NonNullable<Expectation['proxy']>): Look {
  const proxy = stage.proxy(name);
  return {
    wanted: `${name} should be ${is}${because ? ` because of "${because}"` : ''}`,
    now: () => {
      const reason = proxy.reason ?? '';
      const holds = proxy.state === is && (because === undefined || reason.includes(because));
      return { holds, found: `${name} is ${proxy.state}${reason === '' ? '' : `: ${reason}`}` };
    },
  };
}

function statusOf(stage: Stage, { zone, is, lagOver }: NonNullable<Expectation['status']>): Look {
  const limit = lagOver === undefined ? undefined : milliseconds(lagOver);
  const wanted = typeof is === 'string' ? [is] : is;
  return {
    wanted: `global should show ${stage.zoneName(zone)} as ${wanted.join(' or ')}${lagOver ? ` and older than ${lagOver}` : ''}`,
    now: async () => {
      const { body } = await stage.client('global').get<{ zones: StatusRow[] }>('/koguma/sync');
      const row = body.zones.find((one) => one.zone === zone);
      const lag = row?.lagMs ?? null;
      const found = `global shows ${zone} as ${row?.state}${lag === null ? '' : `, ${shown(lag)} old`}${row?.reason ? ` (${row.reason})` : ''}`;
      return {
        holds: wanted.some((state) => state === row?.state) && (limit === undefined || (lag !== null && lag > limit)),
        found,
      };
    },
  };
}

interface StatusRow {
  readonly zone: string;
  readonly state: string;
  readonly lagMs: number | null;
  readonly reason: string | null;
}

function linkOf(stage: Stage, { zone, is }: NonNullable<Expectation['link']>): Look {
  stage.zoneName(zone);
  return {
    wanted: `${zone} should see its link as ${is}`,
    now: async () => {
      const { body } = await stage
        .client(zone)
        .get<{ state: string; since: string; reason: string | null }>('/koguma/sync');
      return {
        holds: body.state === is,
        found: `${zone} sees its link as ${body.state}${body.reason ? ` (${body.reason})` : ''}`,
      };
    },
  };
}

function syncOf(stage: Stage, zone: string): Look {
  const zones = stage.zonesOf(zone);
  return {
    wanted: `${zones.join(', ')} should have all that global has`,
    now: async () => {
      const standing = await Promise.all(
        zones.map(async (name) => stage.lab.zone(name).running && (await stage.lab.isSynced(name))),
      );
      const late = zones.filter((_, index) => !standing[index]);
      return late.length === 0
        ? { holds: true, found: `${zones.join(', ')} ${zones.length === 1 ? 'has' : 'have'} all that global has` }
        : { holds: false, found: `${late.join(', ')} ${late.length === 1 ? 'has' : 'have'} not` };
    },
  };
}

function secretOf(stage: Stage, { name, at, mesh, is }: NonNullable<Expectation['secret']>): Look {
  return {
    wanted: `${name} should be ${is} at ${at}`,
    now: async () => {
      const isThere = (await stage.client(at).secretNames(mesh)).includes(name);
      return { holds: isThere === (is === 'present'), found: `${name} is ${isThere ? 'present' : 'absent'} at ${at}` };
    },
  };
}

interface KeyRow {
  readonly kind: string;
  readonly mesh: string;
  readonly serial: number;
  readonly signs: boolean;
  readonly zones: readonly { readonly zone: string; readonly has: string }[];
  readonly proxies: readonly { readonly name: string }[];
}

function keyOf(stage: Stage, wanted: NonNullable<Expectation['key']>): Look {
  const { kind, serial, signs, usedBy, missingIn } = wanted;
  const mesh = tokenKind(kind).secretType === 'Secret' ? (wanted.mesh ?? 'default') : '';
  const told = (facts: readonly (readonly [string, readonly string[] | undefined])[]) =>
    facts.flatMap(([what, names]) => (names ? [`${what} ${names.join(', ') || 'none'}`] : [])).join(', ');
  const shouldBe = told([
    ['used by', usedBy],
    ['missing in', missingIn],
  ]);
  const doesSign = signs === undefined ? '' : ` ${signs ? 'sign' : 'not sign'}${shouldBe ? ' and' : ''}`;
  return {
    wanted: `${kind} key ${serial} should${doesSign}${shouldBe ? ` be ${shouldBe}` : ''}`,
    now: async () => {
      const { body } = await stage.client('global').get<{ keys: KeyRow[] }>('/koguma/keys');
      const row = body.keys.find((one) => one.kind === kind && one.mesh === mesh && one.serial === serial);
      if (!row) return { holds: false, found: `there is no ${kind} key ${serial}` };
      const users = row.proxies.map(({ name }) => name);
      const lacking = row.zones.filter(({ has }) => has !== 'yes').map(({ zone }) => zone);
      const holds = (signs === undefined || signs === row.signs) && isSame(usedBy, users) && isSame(missingIn, lacking);
      const facts = told([
        ['used by', users],
        ['missing in', lacking],
      ]);
      return { holds, found: `${kind} key ${serial} ${row.signs ? 'signs' : 'does not sign'}, is ${facts}` };
    },
  };
}

function isSame(wanted: readonly string[] | undefined, found: readonly string[]): boolean {
  return wanted === undefined || [...wanted].sort().join() === [...found].sort().join();
}

function signerOf(stage: Stage, { token: as, kid }: NonNullable<Expectation['signedBy']>): Look {
  const token = stage.token(as);
  return {
    wanted: `${as} should be signed with key ${kid}`,
    now: () => ({ holds: token.kid === kid, found: `${as} is signed with key ${token.kid}` }),
  };
}
