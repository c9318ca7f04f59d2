import { isTokenKind, secretSpec, TOKEN_KIND_NAMES } from '@koguma/auth';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NOW, type StartedDoor, startedDoor } from './started-door.contract.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const seconds = NOW / 1_000;
const TEN_YEARS = 87_600 * 3_600;

const decode = (token: string) =>
  token.split('.', 2).map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()));

describe('tokens', () => {
  let door: StartedDoor;
  beforeAll(async () => {
    door = await startedDoor();
  });
  afterAll(() => door.stop());

  const ask = (kind: string, body: unknown) => door.call('POST', `/tokens/${kind}`, { body });
  const check = (body: unknown) => door.call('POST', '/koguma/tokens/verify', { body });

  test('there is a route for every kind', () => {
    const kinds = door.routes.all().flatMap(({ path }) => path.split('/tokens/').slice(1));
    expect(kinds.filter(isTokenKind)).toEqual(TOKEN_KIND_NAMES);
  });

  test('the path without a kind, which was there first, is that of dataplane tokens', async () => {
    const { status, text } = await door.call('POST', '/tokens', { body: { mesh: 'default', name: 'web-1' } });
    expect([status, decode(text)[1].Name]).toEqual([200, 'web-1']);
    expect(await check({ token: text, kind: 'dataplane', mesh: 'default' })).toMatchObject({
      json: { accepted: true },
    });
    const refused = await door.call('POST', '/tokens', { as: 'stranger' });
    expect([refused.status, refused.json.detail]).toEqual([403, expect.stringContaining('generate dataplane token')]);
  });

  test.each([
    [
      'dataplane',
      { name: 'web-1', mesh: 'default', tags: { 'kuma.io/service': ['web'] }, type: 'dataplane', validFor: '24h0m0s' },
      { Name: 'web-1', Mesh: 'default', Tags: { 'kuma.io/service': ['web'] }, Type: 'dataplane' },
      24 * 3_600,
    ],
    ['dataplane', { mesh: 'default' }, { Name: '', Mesh: 'default', Tags: {}, Type: '' }, TEN_YEARS],
    [
      'dataplane',
      { mesh: 'default', workload: 'w' },
      { Name: '', Mesh: 'default', Tags: {}, Type: '', Workload: 'w' },
      TEN_YEARS,
    ],
    ['zone-ingress', { zone: 'east', validFor: '' }, { Zone: 'east' }, TEN_YEARS],
    [
      'zone',
      { zone: 'east', scope: ['egress', 'cp'], validFor: '1h30m' },
      { Zone: 'east', Scope: ['egress', 'cp'] },
      5_400,
    ],
    ['user', { name: 'john', groups: null, validFor: '24h' }, { Name: 'john', Groups: [] }, 86_400],
    ['user', { name: 'john', groups: ['a'], validFor: '1.5s' }, { Name: 'john', Groups: ['a'] }, 1],
  ])('%s %j', async (kind, body, identity, validFor) => {
    const { status, headers, text } = await ask(kind, body);
    expect([status, headers['content-type'], headers['cache-control']]).toEqual([200, 'text/plain', 'no-store']);
    const [header, claims] = decode(text);
    expect(header).toEqual({ alg: 'RS256', kid: '1', typ: 'JWT' });
    const times = { exp: seconds + validFor, nbf: seconds - 300, iat: seconds };
    expect(claims).toEqual({ ...identity, ...times, jti: expect.stringMatching(UUID) });
    expect(Object.keys(claims)).toEqual([...Object.keys(identity), 'exp', 'nbf', 'iat', 'jti']);

    const mesh = 'Mesh' in identity ? identity.Mesh : undefined;
    const verdict = await check({ token: text, kind, mesh });
    expect(verdict).toMatchObject({ status: 200, json: { accepted: true, identity } });
  });

  test.each([
    ['user', { name: 'x' }, [['validFor', 'cannot be empty']]],
    ['user', { name: 'x', validFor: '' }, [['validFor', 'cannot be empty']]],
    ['user', { name: 'x', validFor: '0s' }, [['validFor', 'must be at least 1s']]],
    ['user', { name: 'x', validFor: '-1h' }, [['validFor', 'must be at least 1s']]],
    ['user', { name: 'x', validFor: '999ms' }, [['validFor', 'must be at least 1s']]],
    ['user', { name: 'x', validFor: 'abc' }, [['validFor', 'is invalid: time: invalid duration "abc"']]],
    ['user', { name: 'x', validFor: '30d' }, [['validFor', 'is invalid: time: unknown unit "d" in duration "30d"']]],
    ['user', { name: 'x', validFor: '9999999h' }, [['validFor', 'is invalid: time: invalid duration "9999999h"']]],
    ['user', { name: 'x', validFor: 3600 }, [['validFor', 'must be a string with a duration, such as 24h or 1h30m']]],
    [
      'user',
      {},
      [
        ['name', expect.any(String)],
        ['validFor', 'cannot be empty'],
      ],
    ],
    [
      'user',
      { name: '', groups: 'a', validFor: '1h' },
      [
        ['name', 'cannot be empty'],
        ['groups', 'must be a list of strings'],
      ],
    ],
    ['zone', { zone: 'east' }, [['scope', 'cannot be empty']]],
    ['zone', { zone: 'east', scope: null }, [['scope', 'cannot be empty']]],
    ['zone', { zone: 'east', scope: [] }, [['scope', 'cannot be empty']]],
    ['zone', { zone: 'east', scope: ['all'] }, [['scope[0]', 'all is not a scope: use one of ingress, egress, cp']]],
    ['zone', { scope: ['cp'] }, [['zone', 'cannot be empty with scope cp']]],
    ['zone-ingress', { zone: '' }, [['zone', 'cannot be empty']]],
    ['dataplane', { mesh: '' }, [['mesh', 'cannot be empty']]],
    ['dataplane', { mesh: null }, [['mesh', 'cannot be empty']]],
    ['dataplane', { mesh: 'default', type: 'vm' }, [['type', expect.stringContaining('vm is not a valid proxy type')]]],
    ['dataplane', { mesh: 'default', tags: { a: 'b' } }, [['tags.a', 'must be a list of strings']]],
  ])('%s %j is refused, by field', async (kind, body, fields) => {
    const { status, json } = await ask(kind, body);
    expect([status, json.title, json.detail]).toEqual([400, 'Invalid request', 'Resource is not valid']);
    const told = json.invalid_parameters.map(({ field, reason }: Record<string, string>) => [field, reason]);
    expect(told).toEqual(fields);
  });

  test('a mesh without a key is named, with the secret that is missing', async () => {
    const { status, json } = await ask('dataplane', { mesh: 'none' });
    expect([status, json.title]).toEqual([404, 'Signing Key not found']);
    expect(json.detail).toContain('Secret of name "dataplane-token-signing-key-none-1" in mesh "none" is not found');
  });

  test('issuing can be switched off', async () => {
    const other = await startedDoor({ issuer: false });
    const { status, json } = await other.call('POST', '/tokens/user', { body: { name: 'x', validFor: '1h' } });
    const detail = 'issuing tokens using the control plane is disabled.';
    expect([status, json.title, json.detail]).toEqual([400, 'Could not issue a token', detail]);
    await other.stop();
  });

  test('who rotates a key and then asks gets a token of the new key', async () => {
    const { json } = await door.call('GET', '/global-secrets/zone-token-signing-key-1');
    await door.call('PUT', '/global-secrets/zone-token-signing-key-2', { body: { data: json.data } });
    const { text } = await ask('zone', { zone: 'east', scope: ['ingress'] });
    expect(decode(text)[0].kid).toBe('2');
    const deleted = await door.call('DELETE', '/global-secrets/zone-token-signing-key-2');
    expect(deleted.json.warnings[0]).toBe('zone tokens with kid 2 are refused from now on');
    expect((await check({ token: text, kind: 'zone' })).json.reason).toBe('unknown_kid');
  });

  test('a check says what was looked at, and why a token is refused', async () => {
    const { text: token } = await ask('user', { name: 'john', groups: ['a'], validFor: '1h' });
    const good = await check({ token, kind: 'user' });
    expect(good.json.steps.map(({ step, ok }: { step: string; ok: boolean }) => `${step} ${ok}`)).toEqual([
      'header true',
      'key true',
      'signature true',
      'times true',
      'revocation true',
      'identity true',
    ]);
    const list = secretSpec(decode(token)[1].jti);
    await door.call('PUT', '/global-secrets/user-token-revocations', { body: list });
    const bad = await check({ token, kind: 'user' });
    expect([bad.status, bad.json.accepted, bad.json.reason]).toEqual([200, false, 'revoked']);
    expect(bad.json.steps.at(-1)).toMatchObject({ step: 'revocation', ok: false });
    expect((await door.call('GET', '/meshes', { as: { token } })).status).toBe(401);
    expect((await check({ token: 'rubbish', kind: 'user' })).json.reason).toBe('malformed');
    const { text: proxy } = await ask('dataplane', { mesh: 'default' });
    expect((await check({ token: proxy, kind: 'dataplane', mesh: 'none' })).json.reason).toBe('unknown_kid');
  });

  test.each([
    [{ kind: 'user' }, 'token', 'must be a string'],
    [{ token: '', kind: 'user' }, 'token', 'cannot be empty'],
    [{ token: 'x' }, 'kind', 'must be one of dataplane, zone-ingress, zone, user'],
    [{ token: 'x', kind: 'toString' }, 'kind', 'must be one of dataplane, zone-ingress, zone, user'],
    [{ token: 'x', kind: 'dataplane' }, 'mesh', 'cannot be empty: keys of this kind of token are in meshes'],
    [{ token: 'x', kind: 'dataplane', mesh: 1 }, 'mesh', 'must be a string'],
  ])('the question %j is refused, by field', async (body, field, message) => {
    const { status, json } = await check(body);
    expect([status, json.title, json.causes]).toEqual([400, 'Invalid request', [{ field, message }]]);
  });
});
