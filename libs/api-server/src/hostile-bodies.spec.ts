import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FIXTURE_KEYS } from './fixture-keys.contract.js';
import { type Reply, type StartedDoor, startedDoor } from './started-door.contract.js';

const MIB = 1024 * 1024;
let door: StartedDoor;
let before: string;

beforeAll(async () => {
  door = await startedDoor({ maxBodySize: 4 * MIB });
  before = await contents();
});
/** Whatever came: the door is open, nothing was taken for a bug, and the store is as it was, to the revision. */
afterAll(async () => {
  expect((await door.call('GET', '/')).status).toBe(200);
  expect(door.errors).toEqual([]);
  await door.stop();
});

const contents = async () => JSON.stringify(await door.store.since(undefined));

interface Refusal {
  readonly field: string;
  readonly reason: string;
}

async function refusals(reply: Reply): Promise<Refusal[]> {
  expect([reply.status, reply.headers['content-type']]).toEqual([400, 'application/json']);
  expect(reply.json).toMatchObject({ type: '/std-errors', status: 400 });
  expect(await contents()).toBe(before);
  return reply.json.invalid_parameters;
}

const ROUTES: [method: string, path: string][] = [
  ['PUT', '/global-secrets/hostile'],
  ['PUT', '/meshes/hostile'],
  ['PUT', '/zones/hostile'],
  ['POST', '/tokens/user'],
  ['POST', '/koguma/tokens/verify'],
];

const bytes = (...parts: (string | number[])[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))));
const NOT_JSON = /^is not JSON: /;
const NO_OBJECT = /^must be a JSON object$/;
const NOT_UTF8 = /^is not UTF-8$/;
const DEEP = /^must not be nested deeper than 100 levels$/;

const TEXTS: [what: string, reason: RegExp, body: string | Uint8Array][] = [
  ['nothing', /^is empty/, ''],
  ['white space', /^is empty/, ' \r\n\t'],
  ['null', NO_OBJECT, 'null'],
  ['a list', NO_OBJECT, '[]'],
  ['a list that holds the object', NO_OBJECT, '[{"name":"x"}]'],
  ['a number', NO_OBJECT, '1'],
  ['true', NO_OBJECT, 'true'],
  ['a text', NO_OBJECT, '"{}"'],
  ['a word', NOT_JSON, 'data'],
  ['YAML', NOT_JSON, 'type: Mesh\nname: hostile\n'],
  ['a form', NOT_JSON, 'name=x&data=y'],
  ['an object that is cut short', NOT_JSON, '{"name":"x"'],
  ['two objects', NOT_JSON, '{}{}'],
  ['a trailing comma', NOT_JSON, '{"name":"x",}'],
  ['a comment', NOT_JSON, '{}//'],
  ['single quotes', NOT_JSON, "{'name':'x'}"],
  ['a name without quotes', NOT_JSON, '{name:"x"}'],
  ['NaN', NOT_JSON, '{"name":NaN}'],
  ['Infinity', NOT_JSON, '{"name":-Infinity}'],
  ['a number in hexadecimal', NOT_JSON, '{"name":0x10}'],
  ['a number with a leading zero', NOT_JSON, '{"name":01}'],
  ['a raw line end in a text', NOT_JSON, '{"name":"\n"}'],
  ['a raw NUL in a text', NOT_JSON, '{"name":"\0"}'],
  ['an escape that does not exist', NOT_JSON, '{"name":"\\x41"}'],
  ['half an escape', NOT_JSON, '{"name":"\\u00"}'],
  ['a NUL after it', NOT_JSON, '{}\0'],
  ['a byte that is never UTF-8', NOT_UTF8, bytes('{"name":"', [0xff], '"}')],
  ['an overlong slash', NOT_UTF8, bytes('{"name":"', [0xc0, 0xaf], '"}')],
  ['half a character', NOT_UTF8, bytes('{"name":"', [0xe2, 0x82], '"}')],
  ['a surrogate as three bytes', NOT_UTF8, bytes('{"name":"', [0xed, 0xa0, 0x80], '"}')],
  ['UTF-16', NOT_JSON, Buffer.from('{"name":"x"}', 'utf16le')],
  ['gzip that nobody announced', NOT_UTF8, Buffer.from('1f8b0800000000000003abae050043bfa6a302000000', 'hex')],
  ['lists in lists in lists', DEEP, `{"a":${'['.repeat(101)}${']'.repeat(101)}}`],
  ['a hundred thousand lists', DEEP, `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
  ['a hundred thousand objects', DEEP, `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
  ['a million open brackets', NOT_JSON, '['.repeat(MIB)],
  ['a member twice', /member twice/, '{"name":"x","name":"x"}'],
  ['a member twice, once in disguise', /member twice/, '{"name":"x","n\\u0061me":"y"}'],
  ['a member twice, deep inside', /member twice/, '{"a":[{"b":{"c":1,"d":[],"c":2}}]}'],
  ['a member named __proto__', /named __proto__/, '{"__proto__":{"name":"x"}}'],
  ['a member named __proto__, deep inside', /named __proto__/, '{"a":[{"__proto__":1}]}'],
];

describe.each(ROUTES)('%s %s', (method, path) => {
  test.each(TEXTS)('refuses %s', async (_, reason, body) => {
    const [refusal, ...more] = await refusals(await door.call(method, path, { body }));
    expect([refusal?.field, more]).toEqual(['body', []]);
    expect(refusal?.reason).toMatch(reason);
  });
});

const key = (data: string | Uint8Array) => ({ data: Buffer.from(data).toString('base64') });
const rsa = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength }).privateKey;
const pkcs1 = (one: KeyObject) => one.export({ type: 'pkcs1', format: 'pem' }) as string;
const pkcs8 = (one: KeyObject) => one.export({ type: 'pkcs8', format: 'pem' }) as string;
const GOOD = `-----BEGIN RSA PRIVATE KEY-----\n${FIXTURE_KEYS[0].match(/.{1,64}/g)?.join('\n')}\n-----END RSA PRIVATE KEY-----\n`;
const NOT_A_KEY = /^is not an RSA key/;
const NOT_BASE64 = /^is not base64/;
const NO_NAME = /^must be 1 to 253 characters/;
const NO_LABEL = /^must be 1 to 63 characters/;
const NO_SERIAL = /serial number/;

const web = { 'kuma.io/service': 'web' };
const proxy = (networking: unknown) => ({ networking });
const inbound = (one: unknown) => proxy({ address: '10.0.0.1', inbound: [one] });

type Case = [path: string, field: string, reason: RegExp, body: unknown];

const SECRET = '/global-secrets/hostile';
const RESOURCES: Case[] = [
  [SECRET, 'name', /same as in body/, { name: 'other' }],
  [SECRET, 'name', /same as in body/, { name: 'Hostile' }],
  [SECRET, 'name', /same as in body/, { name: 7 }],
  [SECRET, 'name', /same as in body/, { name: ['hostile'] }],
  [SECRET, 'type', /same as in body/, { type: 'Secret' }],
  [SECRET, 'type', /same as in body/, { type: {} }],
  [SECRET, 'mesh', /must be left out/, { mesh: 'default' }],
  ['/meshes/default/secrets/hostile', 'mesh', /same as in body/, { mesh: 'other' }],
  ['/meshes/default/secrets/hostile', 'type', /same as in body/, { type: 'GlobalSecret' }],
  [SECRET, 'labels', /object of strings/, { labels: 'team=a' }],
  [SECRET, 'labels', /object of strings/, { labels: [] }],
  [SECRET, 'labels', /object of strings/, { labels: true }],
  [SECRET, 'labels["team"]', /must be a string/, { labels: { team: null } }],
  [SECRET, 'labels["team"]', /must be a string/, { labels: { team: { a: 'b' } } }],
  ...[7, true, ['eA=='], { data: 'eA==' }].map((data): Case => [SECRET, 'data', /./, { data }]),
  ...[
    'no base64!',
    'eA',
    'eA=',
    'e',
    'eA==\n',
    ' eA==',
    'e A==',
    '====',
    'eA==eA==',
    'eA-_',
    'é',
    'e\u0000A=',
    'data:,eA==',
  ].map((data): Case => [SECRET, 'data', NOT_BASE64, { data }]),
  ...[
    'Hostile',
    'host ile',
    'host_ile',
    '-hostile',
    'hostile-',
    '.hostile',
    'hostile.',
    'a..b',
    'käse',
    '%00',
    '\u0000',
    '🐻',
    '..%2f..',
  ].map((name): Case => [`/global-secrets/${encodeURIComponent(name)}`, 'name', NO_NAME, {}]),
  [`/global-secrets/${'x'.repeat(254)}`, 'name', NO_NAME, {}],
  ...['Hostile', 'a.b', '-a', 'a-', 'x'.repeat(64), 'ä'].map(
    (name): Case => [`/meshes/${encodeURIComponent(name)}`, 'name', NO_LABEL, {}],
  ),
  ['/meshes/hostile', 'mtls', /./, { mtls: 1 }],
  ['/meshes/hostile', 'routing', /./, { routing: [] }],
  ['/meshes/hostile', 'routing.zoneEgress', /true or false/, { routing: { zoneEgress: 'yes' } }],
  ['/meshes/hostile', 'skipCreatingInitialPolicies', /./, { skipCreatingInitialPolicies: '*' }],
  ['/zones/hostile', 'enabled', /true or false/, { enabled: 'true' }],
  ['/zones/hostile', 'enabled', /true or false/, { enabled: 0 }],
];

const SIGNING_KEY = '/global-secrets/user-token-signing-key-2';
const KEYS: Case[] = [
  ...[
    {},
    key('not a key'),
    key('\0'.repeat(1_000)),
    key(Buffer.from(GOOD).toString('base64')),
    key(GOOD.slice(0, 500)),
    key(GOOD.replace('MII', 'MIJ')),
    key(GOOD.replace(/[+/]/, '!')),
    key(GOOD.replaceAll('RSA PRIVATE KEY', 'CERTIFICATE')),
    key(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' })),
    key(pkcs8(generateKeyPairSync('ed25519').privateKey)),
    key('-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n'),
    key(
      generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey.export({
        type: 'pkcs8',
        format: 'pem',
        cipher: 'aes-256-cbc',
        passphrase: 'x',
      }),
    ),
  ].map((body): Case => [SIGNING_KEY, 'data', NOT_A_KEY, body]),
  [SIGNING_KEY, 'data', /512 bits: at least 2048/, key(pkcs1(rsa(512)))],
  [SIGNING_KEY, 'data', /1024 bits: at least 2048/, key(pkcs8(rsa(1_024)))],
  [
    SIGNING_KEY,
    'data',
    /is a public key/,
    key(generateKeyPairSync('rsa', { modulusLength: 2_048 }).publicKey.export({ type: 'spki', format: 'pem' })),
  ],
  ...['-0', '-01', '-1e3', '-1.0', '', '-foo', '-9007199254740992', '--1'].map(
    (serial): Case => [`/global-secrets/user-token-signing-key${serial}`, 'name', NO_SERIAL, key(GOOD)],
  ),
  ['/meshes/default/secrets/dataplane-token-signing-key-default-0', 'name', NO_SERIAL, key(GOOD)],
  ['/meshes/default/secrets/dataplane-token-signing-key-default-2', 'data', NOT_A_KEY, key('x')],
];

const DATAPLANE = '/meshes/default/dataplanes/hostile';
const PROXIES: Case[] = [
  [DATAPLANE, 'networking', /./, {}],
  [DATAPLANE, 'networking', /./, proxy(null)],
  [DATAPLANE, 'networking', /./, proxy('10.0.0.1')],
  [DATAPLANE, 'networking.address', /./, proxy({})],
  [DATAPLANE, 'networking.address', /cannot be empty/, proxy({ address: '' })],
  [DATAPLANE, 'networking.inbound', /must be a list/, proxy({ address: '10.0.0.1', inbound: {} })],
  [DATAPLANE, 'networking.inbound[0]', /must be an object/, inbound(1)],
  ...[0, -1, 1.5, 65_536, '80', null].map(
    (port): Case => [DATAPLANE, 'networking.inbound[0].port', /must be a port/, inbound({ port, tags: web })],
  ),
  [
    DATAPLANE,
    'networking.inbound[0].port',
    /must be a port/,
    '{"networking":{"address":"a","inbound":[{"port":1e400,"tags":{"kuma.io/service":"web"}}]}}',
  ],
  [DATAPLANE, 'networking.inbound[0].tags', /./, inbound({ port: 80 })],
  [DATAPLANE, 'networking.inbound[0].tags', /must have the tag/, inbound({ port: 80, tags: {} })],
  [
    DATAPLANE,
    'networking.inbound[0].tags["kuma.io/service"]',
    /./,
    inbound({ port: 80, tags: { 'kuma.io/service': 1 } }),
  ],
  [
    DATAPLANE,
    'networking',
    /not both/,
    proxy({ address: 'a', inbound: [{ port: 80, tags: web }], gateway: { tags: web } }),
  ],
  ['/zone-ingresses/hostile', 'networking.port', /must be a port/, proxy({ port: 0 })],
  ['/zoneegresses/hostile', 'networking', /./, {}],
];

describe('a resource', () => {
  test.each([...RESOURCES, ...KEYS, ...PROXIES])(
    'case %#: PUT %s is refused for its %s',
    async (path, field, reason, body) => {
      const [refusal, ...more] = await refusals(await door.call('PUT', path, { body }));
      expect(refusal).toEqual({ field, reason: expect.stringMatching(reason) });
      expect(more).toEqual([]);
    },
  );

  test('in a mesh that is not there is refused before its body is looked at', async () => {
    const reply = await door.call('PUT', '/meshes/none/secrets/hostile', { body: { data: '!' } });
    expect([reply.status, reply.json.title, await contents()]).toEqual([404, 'Failed to retrieve Mesh', before]);
  });

  test('larger than the limit is refused with the limit', async () => {
    const reply = await door.call('PUT', SECRET, { body: { data: 'eHh4'.repeat(MIB) } });
    expect([reply.status, reply.json.title, await contents()]).toEqual([413, 'Payload Too Large', before]);
  });
});

const long = 'x'.repeat(MIB);
const hour = { validFor: '1h' };
const TOKENS: [kind: string, field: string, reason: RegExp, body: unknown][] = [
  ['user', 'body', /would make a token of 1\d{6} characters/, { name: long, ...hour }],
  [
    'user',
    'body',
    /would make a token/,
    { name: 'x', groups: Array.from({ length: 50_000 }, (_, n) => `group-${n}`), ...hour },
  ],
  ['dataplane', 'body', /would make a token/, { mesh: 'default', tags: { a: [long] } }],
  ['dataplane', 'body', /would make a token/, { mesh: 'default', name: long }],
  ...[1, true, ['x'], {}].map((name): (typeof TOKENS)[number] => ['user', 'name', /./, { name, ...hour }]),
  ...['a', 1, { 0: 'a' }].map((groups): (typeof TOKENS)[number] => [
    'user',
    'groups',
    /list of strings/,
    { name: 'x', groups, ...hour },
  ]),
  ['user', 'groups[0]', /./, { name: 'x', groups: [1], ...hour }],
  ['user', 'groups[1]', /./, { name: 'x', groups: ['a', ['b']], ...hour }],
  ...[3_600, true, ['1h'], { hours: 1 }, `${'9'.repeat(101)}ns`].map((validFor): (typeof TOKENS)[number] => [
    'user',
    'validFor',
    /must be a string with a duration/,
    { name: 'x', validFor },
  ]),
  ['user', 'validFor', /must be a string with a duration/, '{"name":"x","validFor":1e400}'],
  ...[
    '1d',
    '1',
    '1h-1m',
    'h',
    '1 h',
    '1H',
    '１h',
    '\u0661h',
    '1h\0',
    '+-1h',
    '9223372036854775808ns',
    '3000000h',
    'NaNs',
    '1e3s',
  ].map((validFor): (typeof TOKENS)[number] => ['user', 'validFor', /^is invalid: time: /, { name: 'x', validFor }]),
  ...['0', '-0', '0s', '-1h', '-1ns', '999999999ns', '0.9s'].map((validFor): (typeof TOKENS)[number] => [
    'user',
    'validFor',
    /at least 1s/,
    { name: 'x', validFor },
  ]),
  ...['East', 'a.b', '../east', 'x'.repeat(64), ' east', 'east\0'].map((zone): (typeof TOKENS)[number] => [
    'zone-ingress',
    'zone',
    NO_LABEL,
    { zone },
  ]),
  ['zone-ingress', 'zone', /./, { zone: 1 }],
  ...['ingress', 1, {}].map((scope): (typeof TOKENS)[number] => [
    'zone',
    'scope',
    /list of strings/,
    { zone: 'east', scope },
  ]),
  ['zone', 'scope[0]', /./, { zone: 'east', scope: [1] }],
  ['zone', 'scope[1]', /not a scope/, { zone: 'east', scope: ['ingress', 'admin'] }],
  ['zone', 'zone', /cannot be empty with scope cp/, { scope: ['cp', 'ingress'] }],
  ['dataplane', 'mesh', /cannot be empty/, { mesh: '' }],
  ['dataplane', 'mesh', /./, { mesh: 1 }],
  ['dataplane', 'tags', /./, { mesh: 'default', tags: 'a=b' }],
  ['dataplane', 'tags.a', /list of strings/, { mesh: 'default', tags: { a: 'b' } }],
  ['dataplane', 'tags.a[0]', /./, { mesh: 'default', tags: { a: [null] } }],
  ['dataplane', 'type', /not a valid proxy type/, { mesh: 'default', type: 'DATAPLANE' }],
  ['dataplane', 'workload', /./, { mesh: 'default', workload: {} }],
];

describe('a request for a token', () => {
  test.each(TOKENS)('case %#: POST /tokens/%s is refused for its %s', async (kind, field, reason, body) => {
    const [refusal, ...more] = await refusals(await door.call('POST', `/tokens/${kind}`, { body }));
    expect(refusal).toEqual({ field, reason: expect.stringMatching(reason) });
    expect(more).toEqual([]);
  });

  test.each(['__proto__', 'constructor', 'user\u0000', '..%2fuser'])('for the kind %j finds nothing', async (kind) => {
    const reply = await door.call('POST', `/tokens/${encodeURIComponent(kind)}`, { body: { name: 'x', ...hour } });
    expect([reply.status, reply.json.title, await contents()]).toEqual([404, 'Not Found', before]);
  });
});

describe('a credential', () => {
  test.each([
    'Bearer',
    'Bearer ',
    'Bearer  x',
    'bearer x.y.z',
    'Bearer x.y.z',
    'Bearer x y',
    'Basic YWRtaW46YWRtaW4=',
    'Digest username="admin"',
    'Bearer eyJhbGciOiJub25lIiwia2lkIjoiMSJ9.eyJOYW1lIjoibWVzaC1zeXN0ZW06YWRtaW4iLCJleHAiOjk5OTk5OTk5OTl9.',
    `Bearer ${'x'.repeat(10_000)}`,
    '',
  ])('case %# is refused, and nobody is told why', async (authorization) => {
    const headers = authorization === '' ? { authorization: [' '] } : { authorization };
    const reply = await door.call('PUT', SECRET, { body: { data: 'eA==' }, headers });
    expect([reply.status, reply.json.title, reply.headers['www-authenticate']]).toEqual([
      401,
      'Invalid authentication data',
      'Bearer',
    ]);
    expect(await contents()).toBe(before);
  });
});

test('all of these are more than three hundred', () => {
  const texts = ROUTES.length * TEXTS.length;
  expect(texts + RESOURCES.length + KEYS.length + PROXIES.length + TOKENS.length).toBeGreaterThan(300);
});
