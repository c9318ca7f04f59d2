import { Auth, nodeCrypto, secretSpec, signOffline } from '@koguma/auth';
import { type ControlPlaneError, type LogFields, SILENT } from '@koguma/core';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Admission } from './admission.js';
import type { Hello, KdsEndpoint, StreamIn } from './link.js';
import { type End, end, putSecret } from './two-ends.contract.js';

const LIST = 'zone-token-revocations';
const ID = '3d2199ef-d297-46b1-8ca7-426f3fa7fe30';

let PEM: string;
let OTHER_PEM: string;
let global: End;
let admission: Admission;
/** What reached the endpoint behind, and what left it. */
let inside: string[];
/** What the zone was told at the end of each stream. */
let ended: (ControlPlaneError | undefined)[];
let logged: string;

beforeAll(async () => {
  [PEM, OTHER_PEM] = [(await nodeCrypto.makeKey()).pem, (await nodeCrypto.makeKey()).pem];
});
beforeEach(async () => {
  global = await end();
  [inside, ended, logged] = [[], [], ''];
  const { view, clock, entropy } = global;
  const on = { enableIssuer: true, useSecrets: true };
  const nobody = { users: [], groups: [] };
  const settings = {
    switches: { dpToken: on, zoneToken: on, userToken: on },
    staticKeys: [],
    grants: { adminResources: nobody, generateDpToken: nobody, generateUserToken: nobody, generateZoneToken: nobody },
    localhostIsAdmin: false,
    bootstrapAdminToken: false,
  };
  const auth = new Auth({ view, crypto: nodeCrypto, clock, entropy, log: SILENT, settings, federated: false });
  const write = (message: string, fields?: LogFields) => {
    logged += `${message} ${JSON.stringify(fields)}\n`;
  };
  const log = { ...SILENT, warn: write };
  admission = new Admission({ endpoint: endpoint(), validator: auth.validator, view, clock, log });
  await putSecret(global, 'zone-token-signing-key-1', PEM);
});

function endpoint(): KdsEndpoint {
  const take = <M>({ zone }: Hello): StreamIn<M> => {
    inside.push(`${zone} opens`);
    return {
      message: (message) => inside.push(`${zone} says ${String(message)}`),
      closed: (reason) => inside.push(`${zone} is gone: ${reason?.code ?? 'by itself'}`),
    };
  };
  return { globalToZone: take, zoneToGlobal: take, heartbeat: take, healthCheck: () => 7 };
}

const helloOf = (zone: string, token: string): Hello => ({
  zone,
  token,
  version: '1',
  instanceId: zone,
  features: [],
  storeId: zone,
});
async function tokenFor(zone: string, { validFor = '1h', pem = PEM, scope = ['cp'] } = {}): Promise<string> {
  const { clock, entropy } = global;
  const ports = { crypto: nodeCrypto, clock, entropy: { uuid: () => ID, random: () => entropy.random() } };
  return signOffline('zone', { zone, scope, validFor }, { kid: '1', pem }, ports);
}
/** Opens a stream that says one word at once, and waits until it is let in or not. */
async function open(zone: string, token: string) {
  const before = inside.length + ended.length;
  const stream = admission.heartbeat(helloOf(zone, token), {
    send: () => undefined,
    end: (error) => ended.push(error),
  });
  stream.message('hello' as never);
  await expect.poll(() => inside.length + ended.length).toBeGreaterThan(before);
  return stream;
}

describe('the admission of zones', () => {
  it('hands on what a zone said before it was let in, in order, and that it went', async () => {
    const stream = await open('east', await tokenFor('east'));
    stream.message('more' as never);
    stream.closed(undefined);
    expect(inside).toEqual(['east opens', 'east says hello', 'east says more', 'east is gone: by itself']);
    expect(global.clock.next()).toBeUndefined(); // nothing waits for a token that nobody shows
  });

  it('never opens what went away before it was let in', async () => {
    const stream = admission.heartbeat(helloOf('east', await tokenFor('east')), {
      send: () => undefined,
      end: () => undefined,
    });
    stream.closed(undefined);
    await open('west', await tokenFor('west'));
    expect(inside).toEqual(['west opens', 'west says hello']);
  });

  it.each<[string, () => Promise<string>, string]>([
    ['of another key', () => tokenFor('east', { pem: OTHER_PEM }), 'the token is not good here'],
    ['of another zone', () => tokenFor('west'), 'the token is for zone west'],
    ['of another scope', () => tokenFor('east', { scope: ['egress'] }), 'the token has scope egress, not cp'],
    ['that is none', async () => 'x', 'the token is not good here'],
    ['that is missing', async () => '', 'it shows no token'],
  ])('refuses a token %s, on a stream and on a call, and neither tells nor logs it', async (_, make, reason) => {
    const token = await make();
    await open('east', token);
    expect(inside).toEqual([]);
    expect(ended).toMatchObject([{ code: 'unauthenticated', message: expect.stringContaining(reason) }]);
    await expect(admission.healthCheck(helloOf('east', token))).rejects.toMatchObject({ code: 'unauthenticated' });
    if (token.length > 1) expect(logged + ended[0]?.message).not.toContain(token.split('.')[2]);
  });

  it('answers the call of a zone that is let in', async () => {
    expect(await admission.healthCheck(helloOf('east', await tokenFor('east')))).toBe(7);
  });
});

describe('a zone that was let in', () => {
  it('is ended in the turn in which its token is revoked, and others are not', async () => {
    await open('east', await tokenFor('east'));
    await putSecret(global, LIST, '11111111-2222-4333-8444-555555555555');
    expect(ended).toEqual([]);
    await putSecret(global, LIST, ID);
    expect(ended).toMatchObject([{ code: 'unauthenticated', message: expect.stringContaining(`${ID} is on ${LIST}`) }]);
    expect(inside.at(-1)).toBe('east is gone: unauthenticated');
  });

  it('is ended when its key is gone, or is another one', async () => {
    await open('east', await tokenFor('east'));
    await global.manager.system(async (tx) => {
      const key = { type: 'GlobalSecret', mesh: '', name: 'zone-token-signing-key-1' } as const;
      const stored = await tx.get(key);
      if (stored) await tx.update({ ...stored, spec: secretSpec(OTHER_PEM) });
    });
    expect(ended).toMatchObject([{ code: 'unauthenticated' }]);
  });

  it('is ended in the second in which its token expires, each by its own', async () => {
    await open('west', await tokenFor('west', { validFor: '2h' }));
    await open('east', await tokenFor('east', { validFor: '1h' }));
    expect(global.clock.step(3_599_999)).toBe(false);
    expect(global.clock.step(3_600_000)).toBe(true);
    expect(inside.at(-1)).toBe('east is gone: unauthenticated');
    expect(global.clock.step(7_200_000)).toBe(true);
    expect(inside.at(-1)).toBe('west is gone: unauthenticated');
    expect(global.clock.next()).toBeUndefined();
  });

  it('is ended when time jumps past the end of its token, and not before', async () => {
    await open('east', await tokenFor('east'));
    global.clock.skew(-60_000);
    expect(global.clock.step(3_600_000)).toBe(false);
    global.clock.skew(3_660_000);
    global.clock.step();
    expect(ended).toMatchObject([{ code: 'unauthenticated', message: expect.stringContaining('expired at') }]);
  });
});
