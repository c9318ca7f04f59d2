import { type TokenKindName, tokenKind } from '@koguma/auth';
import { parseRfc3339, unreachable } from '@koguma/core';
import type { Answer } from '@koguma/testkit';
import { expectStep } from './expectations.js';
import type { Fault, Step } from './format.js';
import { NotAsExpected } from './not-as-expected.js';
import type { Stage } from './stage.js';

type Verb = Exclude<keyof Step, 'note' | 'repeat'>;
type Verbs = { readonly [V in Verb]: (stage: Stage, what: NonNullable<Step[V]>) => Promise<string> };

/**
 * Plays one step, other than `repeat`.
 * @returns what it did, for people
 * @throws NotAsExpected, or whatever the lab throws for what cannot be done
 */
export async function playStep(stage: Stage, step: Step): Promise<{ readonly node: string; readonly text: string }> {
  const verb = Object.keys(step).find((key) => key in VERBS) as Verb;
  const what = step[verb];
  const play = VERBS[verb] as (stage: Stage, what: unknown) => Promise<string>;
  const { at, from } = (typeof what === 'object' ? what : {}) as { at?: string; from?: string };
  return { node: at ?? from ?? 'scenario', text: await play(stage, what) };
}

const VERBS: Verbs = {
  issue: async (stage, { at, kind, as, refused, ...claims }) => {
    const request = withMesh(kind, claims);
    const who = described(kind, request);
    const answer = await stage.client(at).call('POST', `/tokens/${kind}`, request);
    if (refused !== undefined) return expectRefusal(answer, refused, `issues no ${who}`);
    const token = taken(answer, `issue a ${who}`).text;
    if (as === undefined) return `issues a ${who}`;
    const { kid, whileCutOff } = stage.keep(as, token, at);
    return `issues a ${who}, ${as}, with key ${kid}${whileCutOff ? ', cut off from global' : ''}`;
  },

  sign: async (stage, { key, kid, kind, as, ...claims }) => {
    const request = withMesh(kind, claims);
    const pem = takenAs(stage, key);
    const token = await stage.lab.signOffline(kind, request, { kid, pem });
    stage.keep(as, token, 'nobody');
    return `a ${described(kind, request)}, ${as}, is signed offline with key ${kid}`;
  },

  revoke: async (stage, { at, token: as, refused }) => {
    const known = stage.token(as);
    try {
      await stage.client(at).revoke(known.token);
    } catch (error) {
      if (refused !== undefined && (error as Error).message.includes(refused)) return `does not revoke ${as}`;
      throw error;
    }
    if (refused !== undefined) throw new NotAsExpected(`${at} revoked ${as}, which it must refuse`);
    if (at === 'global') known.revokedAt = stage.lab.clock.passed;
    stage.moved();
    return `revokes ${as} (${known.jti})`;
  },

  rotate: async (stage, { at, kind, mesh, phase }) => {
    const serial = await stage.client(at).rotate(kind, { ...(mesh && { mesh }), ...(phase && { phase }) });
    stage.moved();
    return `has a new ${kind} key, serial ${serial}${phase === 'prepared' ? ', prepared' : ''}`;
  },

  activate: async (stage, { at, kind, mesh, serial }) => {
    await stage.client(at).activate(kind, serial, mesh === undefined ? {} : { mesh });
    stage.moved();
    return `signs ${kind} tokens with key ${serial} from now on`;
  },

  deleteKey: async (stage, { at, kind, mesh = 'default', serial, dryRun, warns }) => {
    const name = `${tokenKind(kind).signingKeyPrefix(mesh)}-${serial}`;
    const path =
      tokenKind(kind).secretType === 'Secret' ? `/meshes/${mesh}/secrets/${name}` : `/global-secrets/${name}`;
    const answer = await stage.client(at).call('DELETE', `${path}${dryRun ? '?dryRun=true' : ''}`);
    const warnings = (taken(answer, `delete ${name}`).body.warnings ?? []) as readonly string[];
    if (warns !== undefined && !warnings.some((warning) => warning.includes(warns)))
      throw new NotAsExpected(`${at} does not warn of "${warns}" but of ${JSON.stringify(warnings)}`);
    if (!dryRun) stage.moved();
    const told = warnings.length === 0 ? '' : `, and is warned: ${warnings.join('; ')}`;
    return `${dryRun ? 'asks what it would mean to delete' : 'deletes'} ${name}${told}`;
  },

  take: async (stage, { secret, from, mesh, as }) => {
    stage.taken.set(as, await stage.client(from).secretText(secret, mesh));
    return `gives out ${secret}, ${as}`;
  },

  put: async (stage, { at, secret, mesh, value, labels, refused }) => {
    const text = stage.taken.get(value) ?? value;
    const body = {
      type: mesh === undefined ? 'GlobalSecret' : 'Secret',
      name: secret,
      ...(mesh === undefined ? {} : { mesh }),
      data: Buffer.from(text).toString('base64'),
      ...(labels ? { labels } : {}),
    };
    const path = mesh === undefined ? `/global-secrets/${secret}` : `/meshes/${mesh}/secrets/${secret}`;
    const answer = await stage.client(at).call('PUT', path, body);
    if (refused !== undefined) return expectRefusal(answer, refused, `does not take ${secret}`);
    taken(answer, `put ${secret}`);
    if (secret.startsWith(tokenKind('user').signingKeyPrefix(''))) stage.hasUserKey.add(at);
    stage.moved();
    return `is given ${secret}`;
  },

  proxy: async (stage, { name, zone, token: as, type, mesh }) => {
    const { token } = stage.token(as);
    stage.client(stage.zoneName(zone));
    const options = { name, token, ...(type && { type }), ...(mesh && { mesh }) };
    stage.proxies.set(name, stage.lab.startProxy(zone, options));
    return `${type ?? 'dataplane'} ${name} starts in ${zone} with ${as}`;
  },

  stopProxy: async (stage, name) => {
    await stage.lab.stopProxy(stage.proxy(name));
    stage.proxies.delete(name);
    return `${name} stops`;
  },

  fault: async (stage, fault) => {
    stage.moved();
    return playFault(stage, fault);
  },

  heal: async (stage, zone) => {
    for (const name of stage.zonesOf(zone)) await stage.lab.link(name).heal();
    stage.moved();
    return `the link of ${zone} works again`;
  },

  start: async (stage, name) => {
    await stage.node(name).start();
    stage.moved();
    return `${name} starts`;
  },

  advance: async ({ lab }, duration) => {
    await lab.clock.advance(duration);
    return `${duration} pass`;
  },

  set: async ({ lab, calendar }, time) => {
    await lab.clock.set(calendar(parseRfc3339(time) ?? Number.NaN));
    return `it is ${time}`;
  },

  expect: (stage, expectation) => expectStep(stage, expectation),
};

async function playFault(stage: Stage, { cut, halfOpen, slow, flap, stop, wipe, skew }: Fault): Promise<string> {
  const { lab } = stage;
  const link = (name: string) => lab.link(stage.zoneName(name));
  if (cut !== undefined) {
    for (const name of stage.zonesOf(cut)) await link(name).cut();
    return `the link of ${cut} is cut`;
  }
  if (halfOpen) {
    await link(halfOpen.zone).halfOpen(halfOpen.direction);
    return `the link of ${halfOpen.zone} is half-open: nothing arrives ${halfOpen.direction}, and nobody is told`;
  }
  if (slow) {
    await link(slow.zone).slow(slow.latency, slow.jitter);
    return `the link of ${slow.zone} takes ${slow.latency}${slow.jitter ? ` and up to ${slow.jitter} more` : ''}`;
  }
  if (flap !== undefined) {
    for (const name of stage.zonesOf(flap)) await link(name).flap();
    return `the link of ${flap} is reset`;
  }
  if (stop !== undefined) {
    await stage.node(stop).stop();
    return `${stop} stops`;
  }
  if (wipe !== undefined) {
    await stage.node(wipe).wipe();
    stage.hasUserKey.delete(wipe);
    return `${wipe} loses its store`;
  }
  if (skew) {
    await stage.node(skew.at).skew(skew.by);
    return `the clock of ${skew.at} is wrong by ${skew.by}`;
  }
  return unreachable(undefined as never);
}

function described(
  kind: string,
  { name, zone }: { readonly name?: string | undefined; readonly zone?: string | undefined },
): string {
  const whom = name ?? zone;
  return `${kind} token${whom === undefined ? '' : ` for ${whom}`}`;
}

function withMesh<C extends { readonly mesh?: string | undefined }>(kind: TokenKindName, claims: C): C {
  return tokenKind(kind).secretType === 'Secret' ? { mesh: 'default', ...claims } : claims;
}

function takenAs(stage: Stage, as: string): string {
  const value = stage.taken.get(as);
  if (value === undefined) throw new NotAsExpected(`nothing was taken as ${as}`);
  return value;
}

function taken(answer: Answer, what: string): Answer {
  if (answer.status < 300) return answer;
  throw new NotAsExpected(`could not ${what}: ${told(answer)}`);
}

function expectRefusal(answer: Answer, text: string, done: string): string {
  if (answer.status < 300) throw new NotAsExpected(`was not refused, and should have been for "${text}"`);
  if (!answer.text.includes(text))
    throw new NotAsExpected(`was refused for something else than "${text}": ${told(answer)}`);
  return `${done}: ${text}`;
}

/** Never the whole body of what was asked for: an answer that failed holds no token. */
function told({ status, text }: Answer): string {
  return `${status} ${text.slice(0, 500)}`;
}
