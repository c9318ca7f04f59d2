import { readFileSync } from 'node:fs';
import { secretSpec } from '@koguma/auth';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Call, type Reply, type StartedDoor, startedDoor, type Who } from './started-door.contract.js';

/** Where Koguma's answer is another than Kuma's, this is a piece of the row in docs/deviations.md that says so. */
type Deviation = string;
type Row = readonly [status: number, answer: string, deviation?: Deviation];

const DEVIATIONS = readFileSync(new URL('../../../docs/deviations.md', import.meta.url), 'utf8');

/** What kumactl 2.8 and later print of an answer; they read `detail` and `invalid_parameters`. */
function toldByNew({ title, detail, invalid_parameters = [] }: Reply['json']): string {
  const fields = invalid_parameters.map(({ field, reason }: Record<string, string>) => `* ${field}: ${reason}`);
  return [`${title} (${detail})`, ...fields].join('\n');
}

/** What kumactl 2.0 prints; it reads `details` and `causes`. */
function toldByOld({ title, details, causes = [] }: Reply['json']): string {
  const fields = causes.map(({ field, message }: Record<string, string>) => `* ${field}: ${message}`);
  return [`${title} (${details})`, ...fields].join('\n');
}

function expectAnswer(reply: Reply, [status, answer, deviation = '']: Row): void {
  expect([toldByNew(reply.json), toldByOld(reply.json)]).toEqual([answer, answer]);
  expect([reply.status, reply.json.status, reply.json.type]).toEqual([status, status, '/std-errors']);
  const fields = answer.includes('\n') ? ['invalid_parameters', 'details', 'causes'] : ['details'];
  expect(Object.keys(reply.json)).toEqual(['type', 'status', 'title', 'detail', ...fields]);
  expect(reply.text).toBe(`${JSON.stringify(reply.json, null, 1)}\n`);
  expect(reply.headers['content-type']).toBe('application/json');
  expect(DEVIATIONS.includes(deviation), `docs/deviations.md: ${deviation}`).toBe(true);
}

const invalid = (...fields: string[]) => ['Invalid request (Resource is not valid)', ...fields].join('\n* ');
const badBody = (reason: string) => `Bad Request (the body ${reason})\n* body: ${reason}`;
const DURATION = 'validFor: is invalid: time: invalid duration "abc"';
const ONCE = 'a bad `validFor` is told once, after the other fields';
const NOT_JSON = 'malformed JSON, and a wrong type in it, gets a real error body';
const ZERO = '`validFor` zero, negative or under 1 s: 400';
const SCOPES = 'zone token: unknown or empty scope 400';
const ADVICE = "refusals go on where Kuma's end";

const KINDS = ['dataplane', 'zone-ingress', 'zone', 'user'] as const;
type Kind = (typeof KINDS)[number];
const GOOD: Record<Kind, object> = {
  dataplane: { mesh: 'default' },
  'zone-ingress': { zone: 'east' },
  zone: { zone: 'east', scope: ['ingress'] },
  user: { name: 'john', validFor: '1h' },
};

let door: StartedDoor;
beforeAll(async () => {
  door = await startedDoor({
    readOnly: ({ name }) => (name === 'theirs' ? 'write it on the global control plane' : undefined),
  });
});
afterAll(() => door.stop());

const ask = (kind: string, call: Call, at = door) => at.call('POST', `/tokens/${kind}`, call);

describe('a request for a token', () => {
  test.each<[Kind, unknown, ...Row]>([
    ['dataplane', '', 400, badBody('is empty: a JSON object is needed'), NOT_JSON],
    ['zone', '[]', 400, badBody('must be a JSON object'), NOT_JSON],
    ['user', '{', 400, badBody("is not JSON: Expected property name or '}' at line 1 column 2"), NOT_JSON],
    ['dataplane', { mesh: 1 }, 400, invalid('mesh: must be a string'), NOT_JSON],
    ['user', { name: 'a', groups: 'b', validFor: '1h' }, 400, invalid('groups: must be a list of strings'), NOT_JSON],
    ['dataplane', {}, 400, invalid('mesh: cannot be empty')],
    ['zone-ingress', {}, 400, invalid('zone: cannot be empty')],
    ['user', { validFor: '1h' }, 400, invalid('name: cannot be empty')],
    ['zone', { zone: 'east' }, 400, invalid('scope: cannot be empty')],
    ['zone', { zone: 'east', scope: null }, 400, invalid('scope: cannot be empty')],
    ['zone', { zone: 'east', scope: [] }, 400, invalid('scope: cannot be empty'), SCOPES],
    ['user', { name: 'john' }, 400, invalid('validFor: cannot be empty')],
    ['user', { name: 'john', validFor: '0s' }, 400, invalid('validFor: must be at least 1s'), ZERO],
    ['dataplane', { mesh: 'default', validFor: '0s' }, 400, invalid('validFor: must be at least 1s'), ZERO],
    ['zone', { scope: ['egress'], validFor: '-1h' }, 400, invalid('validFor: must be at least 1s'), ZERO],
    ['dataplane', { mesh: 'default', validFor: 'abc' }, 400, invalid(DURATION)],
    ['zone-ingress', { zone: 'east', validFor: 'abc' }, 400, invalid(DURATION)],
    ['zone', { scope: ['egress'], validFor: 'abc' }, 400, invalid(DURATION)],
    ['user', { name: 'john', validFor: 'abc' }, 400, invalid(DURATION), ONCE],
    [
      'dataplane',
      { mesh: 'default', type: 'vm' },
      400,
      invalid('type: vm is not a valid proxy type: use one of dataplane, ingress, egress'),
      ADVICE,
    ],
    [
      'zone',
      { scope: ['mesh'] },
      400,
      invalid('scope[0]: mesh is not a scope: use one of ingress, egress, cp'),
      SCOPES,
    ],
    [
      'dataplane',
      { type: 'vm', validFor: 'abc' },
      400,
      invalid(
        'mesh: cannot be empty',
        'type: vm is not a valid proxy type: use one of dataplane, ingress, egress',
        DURATION,
      ),
      ADVICE,
    ],
    ['zone', { validFor: 'abc' }, 400, invalid('scope: cannot be empty', DURATION)],
    ['user', {}, 400, invalid('name: cannot be empty', 'validFor: cannot be empty')],
    [
      'dataplane',
      { mesh: 'none' },
      404,
      'Signing Key not found (there is no signing key with KID 1. Secret of name "dataplane-token-signing-key-none-1" in mesh "none" is not found: create one, or check that the mesh exists)',
      ADVICE,
    ],
  ])('%s %j is answered with %i %j', async (kind, body, ...row) => {
    expectAnswer(await ask(kind, { body }), row);
  });

  test.each<[Kind, object]>([
    ['dataplane', { mesh: 'default', name: 'nobody', tags: { 'any/tag': ['x'] } }],
    ['zone-ingress', { zone: 'nowhere' }],
    ['zone', { zone: 'nowhere', scope: ['ingress', 'egress'] }],
    ['zone', { scope: ['ingress'] }],
    ['user', { name: 'nobody', groups: ['no-team'], validFor: '1h' }],
  ])('%s %j is granted, whether what it names exists or not', async (kind, body) => {
    const { status, text, headers } = await ask(kind, { body });
    expect([status, headers['content-type'], text.split('.').length]).toEqual([200, 'text/plain', 3]);
  });

  test.each(KINDS)('%s is refused where issuing is switched off', async (kind) => {
    const other = await startedDoor({ issuer: false });
    const answer = 'Could not issue a token (issuing tokens using the control plane is disabled.)';
    expectAnswer(await ask(kind, { body: GOOD[kind] }, other), [400, answer]);
    await other.stop();
  });

  test.each(KINDS)('%s is refused to who may not, with who that is', async (kind) => {
    const john: Who = { token: await door.tokenOf('john', 'team-a') };
    const answer = (user: string) => `Access Denied (user "${user}" cannot access generate ${kind} token)`;
    const deviation = '403 for a token tells `cannot access generate {kind} token`';
    const anonymous = 'mesh-system:anonymous/mesh-system:unauthenticated';
    for (const body of [GOOD[kind], '{', {}]) {
      expectAnswer(await ask(kind, { as: 'stranger', body }), [403, answer(anonymous), deviation]);
      expectAnswer(await ask(kind, { as: john, body }), [
        403,
        answer('john/team-a,mesh-system:authenticated'),
        deviation,
      ]);
    }
  });

  test('for a name of the system’s own is refused to who may issue tokens and is no administrator', async () => {
    const other = await startedDoor({ grants: { generateUserToken: { users: [], groups: ['issuers'] } } });
    const as: Who = { token: await other.tokenOf('jane', 'issuers') };
    const admin = { groups: ['a', 'mesh-system:admin'], validFor: '1h' };
    const answer =
      'Access Denied (user "jane/issuers,mesh-system:authenticated" cannot generate a user token for "mesh-system:admin": only members of mesh-system:admin can)';
    const deviation = 'names and groups that begin with `mesh-system:`';
    expectAnswer(await ask('user', { as, body: { ...admin, name: 'eve' } }, other), [403, answer, deviation]);
    expect((await ask('user', { as, body: { ...admin, name: 'eve', groups: ['a'] } }, other)).status).toBe(200);
    await other.stop();
  });

  test.each<[Kind, string]>([
    ['zone', 'GlobalSecret of name "zone-token-signing-key-1" is not found: create one'],
    ['user', 'GlobalSecret of name "user-token-signing-key-1" is not found: create one'],
    ['zone-ingress', 'GlobalSecret of name "zone-ingress-token-signing-key-1" is not found: create one'],
    [
      'dataplane',
      'Secret of name "dataplane-token-signing-key-default-1" in mesh "default" is not found: create one, or check that the mesh exists',
    ],
  ])('%s is refused where the key is gone, and where it cannot be read', async (kind, missing) => {
    const answer = `Signing Key not found (there is no signing key with KID 1. ${missing})`;
    const other = await startedDoor();
    const name = missing.split('"')[1] ?? '';
    const key =
      kind === 'dataplane'
        ? ({ type: 'Secret', mesh: 'default', name } as const)
        : ({ type: 'GlobalSecret', mesh: '', name } as const);
    await other.manager.system(async (tx) => {
      const stored = await tx.get(key);
      if (stored) await tx.update({ ...stored, spec: secretSpec('not a key') });
    });
    expectAnswer(await ask(kind, { body: GOOD[kind] }, other), [404, answer, 'a signing key that cannot be read']);
    await other.manager.delete(key);
    expectAnswer(await ask(kind, { body: GOOD[kind] }, other), [404, answer, ADVICE]);
    await other.stop();
  });

  test('for a zone is refused on a zone with a global, which has no private key for it', async () => {
    const zone = await startedDoor({ federated: true });
    const answer =
      'Signing Key not found (there is no signing key with KID 1. GlobalSecret of name "zone-token-signing-key-1" is not found: zone tokens are issued on the global control plane, this zone only checks them)';
    expectAnswer(await ask('zone', { body: GOOD.zone }, zone), [404, answer, ADVICE]);
    await zone.stop();
  });

  test.each(KINDS)('%s that fails within is told nobody why', async (kind) => {
    const sign = () => Promise.reject(new Error('OpenSSL is out of memory'));
    const broken = await startedDoor({ crypto: { sign } });
    const answer = 'Could not issue a token (Internal Server Error)';
    expectAnswer(await ask(kind, { body: GOOD[kind] }, broken), [500, answer]);
    expect(JSON.stringify(broken.errors)).toContain('OpenSSL is out of memory');
    await broken.stop();
  });
});

describe('a caller whose token is no good', () => {
  const ANSWER = 'Invalid authentication data (Unauthenticated)';

  test('is told so, whatever is asked for and whatever is wrong with it', async () => {
    const [revoked, expired] = [await door.tokenOf('john'), await door.tokenOf('jane')];
    const { jti } = JSON.parse(Buffer.from(revoked.split('.')[1] ?? '', 'base64url').toString());
    await door.call('PUT', '/global-secrets/user-token-revocations', { body: secretSpec(jti) });
    const { text: proxy } = await ask('dataplane', { body: GOOD.dataplane });
    const expectRefused = async (token: string) => {
      for (const [method, path] of [
        ['POST', '/tokens/user'],
        ['GET', '/global-secrets'],
        ['GET', '/meshes'],
      ] as const) {
        const reply = await door.call(method, path, { as: { token }, body: GOOD.user });
        expectAnswer(reply, [401, ANSWER]);
      }
    };
    for (const token of ['rubbish', revoked, proxy, `${expired}x`]) await expectRefused(token);
    expect((await door.call('GET', '/meshes', { as: { token: expired } })).status).toBe(200);
    door.clock.skew(3_600_000);
    await expectRefused(expired);
    door.clock.skew(-3_600_000);
  });
});

describe('what kumactl is told', () => {
  const anonymous = 'user "mesh-system:anonymous/mesh-system:unauthenticated"';
  const READ_ONLY = 'Method not allowed (write it on the global control plane)';
  const secret = (act: string) => `Access Denied (${anonymous} cannot ${act})`;
  const DENIED = secret('access the resource of type "Secret"');
  const METHOD = 'Method not allowed (POST is not allowed here: use DELETE, GET, HEAD, PUT)';

  test.each<[string, string, Who, ...Row]>([
    ['GET', '/meshes/default/secrets', 'stranger', 403, DENIED],
    ['GET', '/secrets', 'stranger', 403, DENIED],
    ['GET', '/global-secrets', 'stranger', 403, secret('access the resource of type "GlobalSecret"')],
    ['GET', '/meshes/none/secrets', 'stranger', 403, DENIED, 'no oracle for names'],
    ['DELETE', '/meshes/default/secrets/none', 'stranger', 403, DENIED, 'no oracle for names'],
    ['GET', '/meshes/none/secrets', 'local', 404, 'Failed to retrieve Mesh (Not found)'],
    ['GET', '/meshes/none/dataplanes', 'local', 404, 'Failed to retrieve Mesh (Not found)'],
    ['GET', '/meshes/default/secrets/none', 'local', 404, 'Could not retrieve a resource (Not found)'],
    ['DELETE', '/meshes/default/secrets/none', 'local', 404, 'Could not delete a resource (Not found)'],
    ['PUT', '/meshes/default/secrets/theirs', 'local', 405, READ_ONLY, '405 tells the reason'],
    ['DELETE', '/meshes/default/secrets/theirs', 'local', 405, READ_ONLY, '405 tells the reason'],
    ['POST', '/meshes/default/secrets/s', 'local', 405, METHOD, 'a wrong method is told in JSON'],
    ['GET', '/none', 'local', 404, 'Not Found (there is nothing at /none)', 'an unknown path'],
  ])('%s %s as %s is answered with %i', async (method, path, as, ...row) => {
    expectAnswer(await door.call(method, path, { as, body: method === 'PUT' ? {} : undefined }), row);
  });
});
