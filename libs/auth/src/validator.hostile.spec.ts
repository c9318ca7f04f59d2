import { constants, createHmac, createPublicKey, randomBytes, sign } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type ControlPlane,
  controlPlane,
  decoded,
  keyName,
  NOW_SECONDS,
  segment,
  signed,
  signedSegments,
} from './control-plane.contract.js';
import { KEY, OTHER_KEY } from './keys.contract.js';
import type { TokenKindName } from './token-kinds.js';
import type { RejectionReason } from './token-reader.js';

/** What is wrong with a token, how it is refused, and the token; by default one of a user. */
type Hostile = [what: string, reason: RejectionReason, token: string];

const HEADER = { alg: 'RS256', kid: '1', typ: 'JWT' };
const CLAIMS = {
  Name: 'john',
  Groups: ['team-a'],
  exp: NOW_SECONDS + 3_600,
  nbf: NOW_SECONDS - 300,
  iat: NOW_SECONDS,
  jti: '3d2199ef-d297-46b1-8ca7-426f3fa7fe30',
};
const GOOD = signed(HEADER, CLAIMS);
const [H, P, S] = GOOD.split('.') as [string, string, string];
const PAYLOAD = JSON.stringify(CLAIMS);
/** The same claims, so long that their last character has bits to spare. */
const SPARE = PAYLOAD + ' '.repeat((4 - (PAYLOAD.length % 3)) % 3);
/** The claims of a good token as text, with something more at their end. */
const claimsAnd = (more: string) => `${PAYLOAD.slice(0, -1)},${more}}`;

// All of these but those of the first tables have the right signature of the right key: only what is named is wrong.
const withHeader = (header: unknown) => signed(header, CLAIMS);
const withAlg = (alg: unknown) => signed({ ...HEADER, alg }, CLAIMS);
const withKid = (kid: unknown) => signed({ ...HEADER, kid }, CLAIMS);
const withPayload = (claims: unknown) => signed(HEADER, claims);
const withClaim = (name: string, value: unknown) => signed(HEADER, { ...CLAIMS, [name]: value });
/** A claim in raw JSON, for numbers that JSON.stringify does not write. */
const withRaw = (name: string, json: string) =>
  signed(HEADER, JSON.stringify({ ...CLAIMS, [name]: '#' }).replace('"#"', json));

/** The same bytes with other trailing bits: RFC 4648 has one spelling, many decoders take all. */
function otherSpelling(part: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(part.at(-1) ?? '');
  const other = part.slice(0, -1) + alphabet[last ^ 1];
  if (!Buffer.from(other, 'base64url').equals(Buffer.from(part, 'base64url'))) throw new Error('no bits to spare');
  return other;
}

function hmac(header: object, secret: string): string {
  const input = `${segment(header)}.${P}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

function otherSignature(alg: string, digest: string, padding: number): string {
  const input = `${segment({ ...HEADER, alg })}.${P}`;
  return `${input}.${sign(digest, Buffer.from(input), { key: KEY.key, padding }).toString('base64url')}`;
}

const { RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING } = constants;
const SPKI = createPublicKey(KEY.key).export({ type: 'spki', format: 'pem' }) as string;
const UTF8 = (text: string) => Buffer.from(text);

const SHAPES: Hostile[] = [
  ['nothing', 'malformed', ''],
  ['a blank', 'malformed', ' '],
  ['a word', 'malformed', 'token'],
  ['one dot', 'malformed', '.'],
  ['two dots', 'malformed', '..'],
  ['three dots', 'malformed', '...'],
  ['dots alone, by the thousand', 'malformed', '.'.repeat(60_000)],
  ['a header alone', 'malformed', H],
  ['no signature', 'malformed', `${H}.${P}`],
  ['an empty signature', 'malformed', `${H}.${P}.`],
  ['an empty header', 'malformed', `.${P}.${S}`],
  ['an empty payload', 'malformed', `${H}..${S}`],
  ['a part too many', 'malformed', `${GOOD}.${S}`],
  ['an empty part too many', 'malformed', `${GOOD}.`],
  ['a dot before it', 'malformed', `.${GOOD}`],
  ['a blank before it', 'malformed', ` ${GOOD}`],
  ['a blank after it', 'malformed', `${GOOD} `],
  ['a line end after it', 'malformed', `${GOOD}\n`],
  ['a CRLF inside', 'malformed', `${H}\r\n.${P}.${S}`],
  ['a tab inside', 'malformed', `${H}.\t${P}.${S}`],
  ['the word Bearer before it', 'malformed', `Bearer ${GOOD}`],
  ['quotes around it', 'malformed', `"${GOOD}"`],
  ['two tokens with a comma', 'malformed', `${GOOD},${GOOD}`],
  ['a percent-encoded dot', 'malformed', `${H}%2E${P}.${S}`],
  ['full-width dots', 'malformed', [H, P, S].join('\uff0e')],
  ['a Cyrillic letter that looks like one of Latin', 'malformed', GOOD.replace('e', '\u0435')],
  ['a zero-width space', 'malformed', `${H}.\u200b${P}.${S}`],
  ['a byte order mark', 'malformed', `\ufeff${GOOD}`],
  ['a NUL', 'malformed', `${GOOD}\0`],
  ['an emoji', 'malformed', `${H}.${P}.🐻`],
  ['half a surrogate pair', 'malformed', `${H}.${P}.\ud83d`],
  ['padding in the header', 'malformed', signedSegments(`${H}==`, P)],
  ['padding in the signature', 'malformed', `${GOOD}==`],
  ['standard base64 in the signature', 'malformed', `${H}.${P}.+/${S.slice(2)}`],
  ['other trailing bits in the header', 'malformed', signedSegments(otherSpelling(segment(JSON.stringify(HEADER))), P)],
  ['other trailing bits in the payload', 'malformed', signedSegments(H, otherSpelling(segment(SPARE)))],
  ['other trailing bits in the signature', 'malformed', `${H}.${P}.${otherSpelling(S)}`],
  ['a lone last character', 'malformed', `${H}.${P}.${S.slice(0, 341)}`],
  ['a megabyte of payload', 'malformed', signed(HEADER, { ...CLAIMS, more: 'x'.repeat(1 << 20) })],
  ['a megabyte of signature', 'malformed', `${H}.${P}.${'A'.repeat(1 << 20)}`],
  ['a kid longer than a name can be', 'malformed', withKid('x'.repeat(254))],
  ['one character more than is read', 'malformed', `${H}.${P}.${'A'.repeat(65_537 - H.length - P.length - 2)}`],
  [
    'the general JSON serialization',
    'malformed',
    JSON.stringify({ payload: P, signatures: [{ protected: H, signature: S }] }),
  ],
  ['the flattened JSON serialization', 'malformed', JSON.stringify({ payload: P, protected: H, signature: S })],
  ['a JWE', 'malformed', `${segment({ alg: 'RSA-OAEP', enc: 'A256GCM', kid: '1' })}.AAAA.AAAA.AAAA.AAAA`],
  ['a JWE of three parts', 'algorithm_not_allowed', signed({ alg: 'dir', enc: 'A256GCM', kid: '1' }, CLAIMS)],
  ['a JWS inside a JWS', 'malformed', signed({ ...HEADER, cty: 'JWT' }, GOOD)],
  ['a JWS as a JSON text inside a JWS', 'malformed', withPayload(JSON.stringify(GOOD))],
];

/** Good as a header and as a payload, and not closed yet. */
const BOTH = '{"alg":"RS256","kid":"1","Name":"john","exp":9999999999';

const TEXTS: Hostile[] = (
  [
    ['an array', '[]'],
    ['an array that holds the object', `[${PAYLOAD}]`],
    ['null', 'null'],
    ['a number', '1'],
    ['true', 'true'],
    ['a text', '"RS256"'],
    ['only white space', ' '],
    ['no JSON', 'alg=RS256'],
    ['cut short', BOTH],
    ['two objects', `${BOTH}}{}`],
    ['a trailing comma', `${BOTH},}`],
    ['a comment', `${BOTH}}//`],
    ['single quotes', `${BOTH.replaceAll('"', "'")}}`],
    ['NaN', `${BOTH},"iat":NaN}`],
    ['a byte order mark', `\ufeff${BOTH}}`],
    ['a raw line end in a text', `${BOTH},"a":"\n"}`],
    ['a byte that is never UTF-8', Buffer.concat([UTF8(`${BOTH},"a":"`), Buffer.of(0xff), UTF8('"}')])],
    ['an overlong slash', Buffer.concat([UTF8(`${BOTH},"a":"`), Buffer.of(0xc0, 0xaf), UTF8('"}')])],
    ['half a character', Buffer.concat([UTF8(`${BOTH},"a":"`), Buffer.of(0xe2, 0x82), UTF8('"}')])],
    ['a surrogate as three bytes', Buffer.concat([UTF8(`${BOTH},"a":"`), Buffer.of(0xed, 0xa0, 0x80), UTF8('"}')])],
    ['UTF-16', Buffer.from(`${BOTH}}`, 'utf16le')],
    ['ten thousand open brackets', '['.repeat(10_000)],
  ] as const
).flatMap(([what, text]): Hostile[] => [
  [`a header that is ${what}`, 'malformed', withHeader(text)],
  [`a payload that is ${what}`, 'malformed', withPayload(text)],
]);

const ALGORITHMS: Hostile[] = [
  ...['none', 'None', 'NONE', 'nOnE', 'HS256', 'HS384', 'HS512', 'RS384', 'RS512', 'RS1', 'PS256', 'ES256', 'EdDSA'],
  ...['rs256', 'Rs256', 'RS256 ', ' RS256', 'RS256\0', 'RS2\u206056', '', null, 256, true, ['RS256'], { RS256: 1 }],
].map((alg): Hostile => [`the algorithm ${JSON.stringify(alg)}`, 'algorithm_not_allowed', withAlg(alg)]);
ALGORITHMS.push(
  ['no algorithm', 'algorithm_not_allowed', withHeader({ kid: '1', typ: 'JWT' })],
  ['an algorithm in its prototype', 'malformed', withHeader('{"__proto__":{"alg":"RS256","kid":"1"}}')],
  ['no algorithm and no signature', 'algorithm_not_allowed', `${segment({ alg: 'none' })}.${P}.`],
  ['no algorithm, no kid, another signature', 'algorithm_not_allowed', `${segment({ alg: 'none' })}.${P}.${S}`],
  ['an HMAC with the public PEM', 'algorithm_not_allowed', hmac({ ...HEADER, alg: 'HS256' }, KEY.publicPem)],
  ['an HMAC with the public PEM (SPKI)', 'algorithm_not_allowed', hmac({ ...HEADER, alg: 'HS256' }, SPKI)],
  ['an HMAC with nothing', 'algorithm_not_allowed', hmac({ ...HEADER, alg: 'HS256' }, '')],
  ['an HMAC that says RS256', 'bad_signature', hmac(HEADER, KEY.publicPem)],
  ['a real RS384', 'algorithm_not_allowed', otherSignature('RS384', 'sha384', RSA_PKCS1_PADDING)],
  ['a real PS256', 'algorithm_not_allowed', otherSignature('PS256', 'sha256', RSA_PKCS1_PSS_PADDING)],
  ['an RS384 that says RS256', 'bad_signature', otherSignature('RS256', 'sha384', RSA_PKCS1_PADDING)],
  ['a PS256 that says RS256', 'bad_signature', otherSignature('RS256', 'sha256', RSA_PKCS1_PSS_PADDING)],
);

const KIDS: Hostile[] = [
  ['no kid', 'malformed', withHeader({ alg: 'RS256', typ: 'JWT' })],
  ...[1, 1.5, null, true, '', ['1'], [], { kid: '1' }].map(
    (kid): Hostile => [`the kid ${JSON.stringify(kid)}`, 'malformed', withKid(kid)],
  ),
  ...[
    ...['0', '2', '-1', '+1', '01', '0001', ' 1', '1 ', '1\n', '1\0', '1.0', '1e0', '0x1', '0b1', '1n', '1,2'],
    ...['\u0661', '\uff11', '../1', '../../../etc/passwd', '1/../1', '*', '%31', "1' OR '1'='1", 'b'],
    ...['NaN', 'Infinity', 'null', 'undefined', '9007199254740993', '__proto__', 'constructor', 'toString'],
    ...['user-token-signing-key-1', 'x'.repeat(253)],
  ].map((kid): Hostile => [`the kid ${JSON.stringify(kid.slice(0, 40))}`, 'unknown_kid', withKid(kid)]),
];

const DUPLICATES: Hostile[] = [
  ['the algorithm twice', 'malformed', withHeader('{"alg":"none","alg":"RS256","kid":"1"}')],
  ['the algorithm twice, once in disguise', 'malformed', withHeader('{"\\u0061lg":"none","alg":"RS256","kid":"1"}')],
  ['the kid twice', 'malformed', withHeader('{"alg":"RS256","kid":"2","kid":"1"}')],
  ['the kid twice, and the same', 'malformed', withHeader('{"alg":"RS256","kid":"1","kid":"1"}')],
  ['a name twice in an object in the header', 'malformed', withHeader('{"alg":"RS256","kid":"1","x":{"y":1,"y":2}}')],
  ['exp twice', 'malformed', withPayload(claimsAnd('"exp":99999999999'))],
  ['exp twice, once in disguise', 'malformed', withPayload(claimsAnd('"\\u0065\\u0078p":99999999999'))],
  ['the name twice', 'malformed', withPayload(claimsAnd('"Name":"mesh-system:admin"'))],
  ['the jti twice', 'malformed', withPayload(claimsAnd('"jti":"another"'))],
  ['a name twice deep inside', 'malformed', withPayload(claimsAnd('"a":[1,{"b":[{"c":1,"d":2,"c":3}]}]'))],
  ['a name twice after an escaped quote', 'malformed', withPayload(claimsAnd('"a\\"":1,"b":"{\\\\","a\\"":2'))],
  ['an empty name twice', 'malformed', withPayload(claimsAnd('"":1,"":2'))],
  ['__proto__ twice', 'malformed', withPayload(claimsAnd('"__proto__":1,"__proto__":2'))],
];

const TIMES: Hostile[] = [
  ['no exp', 'malformed', withClaim('exp', undefined)],
  ['an exp in its prototype', 'malformed', withPayload('{"Name":"john","__proto__":{"exp":9999999999}}')],
  ['another spelling of exp', 'malformed', withPayload({ ...CLAIMS, exp: undefined, EXP: NOW_SECONDS + 60 })],
  ['an exp of 0', 'expired', withClaim('exp', 0)],
  ['an exp of -0', 'expired', withRaw('exp', '-0')],
  ['a negative exp', 'expired', withClaim('exp', -1)],
  ['an exp before all dates', 'malformed', withClaim('exp', -8_640_000_000_001)],
  ['the first exp that there is', 'expired', withClaim('exp', -8_640_000_000_000)],
  ['an exp of this very second', 'expired', withClaim('exp', NOW_SECONDS)],
  ['an exp of a second ago', 'expired', withClaim('exp', NOW_SECONDS - 1)],
  ['an nbf of the next second', 'not_yet_valid', withClaim('nbf', NOW_SECONDS + 1)],
  ['an nbf in milliseconds', 'not_yet_valid', withClaim('nbf', NOW_SECONDS * 1_000)],
  ['an nbf after its exp', 'not_yet_valid', withClaim('nbf', NOW_SECONDS + 7_200)],
  ...['exp', 'nbf', 'iat'].flatMap((name): Hostile[] => [
    [`${name} as a text`, 'malformed', withClaim(name, String(CLAIMS.exp))],
    [`${name} as a date`, 'malformed', withClaim(name, '2030-01-01T00:00:00Z')],
    [`${name} as an empty text`, 'malformed', withClaim(name, '')],
    [`${name} with a fraction`, 'malformed', withClaim(name, NOW_SECONDS + 0.5)],
    [`${name} of 1e400`, 'malformed', withRaw(name, '1e400')],
    [`${name} of -1e400`, 'malformed', withRaw(name, '-1e400')],
    [`${name} of 2^53`, 'malformed', withRaw(name, '9007199254740992')],
    [`${name} of 2^53 - 1, which is no date`, 'malformed', withRaw(name, '9007199254740991')],
    [`${name} of -(2^53 - 1), which is no date`, 'malformed', withRaw(name, '-9007199254740991')],
    [`${name} of two hundred digits`, 'malformed', withRaw(name, '9'.repeat(200))],
    [`${name} of null`, 'malformed', withClaim(name, null)],
    [`${name} of true`, 'malformed', withClaim(name, true)],
    [`${name} as a list`, 'malformed', withClaim(name, [CLAIMS.exp])],
    [`${name} as an object`, 'malformed', withClaim(name, {})],
  ]),
];

const MEMBERS: Hostile[] = [
  ...[1, null, true, ['id'], {}, 1.5].map(
    (jti): Hostile => [`the jti ${JSON.stringify(jti)}`, 'malformed', withClaim('jti', jti)],
  ),
  ['crit', 'malformed', withHeader({ ...HEADER, crit: ['exp'], exp: 9_999_999_999 })],
  ['an empty crit', 'malformed', withHeader({ ...HEADER, crit: [] })],
  ['crit as null', 'malformed', withHeader({ ...HEADER, crit: null })],
  ['crit as a text', 'malformed', withHeader({ ...HEADER, crit: 'b64' })],
  ['an unencoded payload (b64)', 'malformed', withHeader({ ...HEADER, crit: ['b64'], b64: false })],
  ['an unencoded payload that crit does not name', 'malformed', withHeader({ ...HEADER, b64: false })],
  ['b64 that says nothing new', 'malformed', withHeader({ ...HEADER, b64: true })],
  ['no name', 'identity_mismatch', withClaim('Name', undefined)],
  ['an empty name', 'identity_mismatch', withClaim('Name', '')],
  ['a null name', 'identity_mismatch', withClaim('Name', null)],
  ['a number for a name', 'identity_mismatch', withClaim('Name', 1)],
  ['another spelling of the name', 'identity_mismatch', withPayload({ ...CLAIMS, Name: undefined, name: 'john' })],
  ['a text for groups', 'identity_mismatch', withClaim('Groups', 'mesh-system:admin')],
  ['numbers for groups', 'identity_mismatch', withClaim('Groups', [1])],
  ['an object for groups', 'identity_mismatch', withClaim('Groups', { 0: 'mesh-system:admin' })],
];

const SIGNATURES: Hostile[] = [
  ['a signature of another key', 'bad_signature', signed(HEADER, CLAIMS, OTHER_KEY)],
  [
    'the key that made it in its header',
    'bad_signature',
    signed({ ...HEADER, jwk: OTHER_KEY.key.export({ format: 'jwk' }) }, CLAIMS, OTHER_KEY),
  ],
  [
    'the address of its key in its header',
    'bad_signature',
    signed({ ...HEADER, jku: 'http://127.0.0.1:9/jwks', x5u: 'http://127.0.0.1:9' }, CLAIMS, OTHER_KEY),
  ],
  [
    'its certificate in its header',
    'bad_signature',
    signed({ ...HEADER, x5c: ['AAAA'], x5t: 'AAAA' }, CLAIMS, OTHER_KEY),
  ],
  ['another payload', 'bad_signature', `${H}.${segment({ ...CLAIMS, Name: 'mesh-system:admin' })}.${S}`],
  ['another header', 'bad_signature', `${segment({ ...HEADER, typ: 'at+jwt' })}.${P}.${S}`],
  ['header and payload swapped', 'algorithm_not_allowed', `${P}.${H}.${S}`],
  ['the signature of another token', 'bad_signature', `${H}.${P}.${withKid('2').split('.')[2]}`],
  ['half a signature', 'bad_signature', `${H}.${P}.${S.slice(0, 172)}`],
  ['a signature of one byte', 'bad_signature', `${H}.${P}.AA`],
  ['a signature of zeros', 'bad_signature', `${H}.${P}.${segment(Buffer.alloc(256))}`],
  ['a signature of ones', 'bad_signature', `${H}.${P}.${segment(Buffer.alloc(256, 0xff))}`],
  ['a random signature', 'bad_signature', `${H}.${P}.${segment(randomBytes(256))}`],
  [
    'a signature with a zero before it',
    'bad_signature',
    `${H}.${P}.${segment(Buffer.concat([Buffer.of(0), Buffer.from(S, 'base64url')]))}`,
  ],
  [
    'a signature with a byte after it',
    'bad_signature',
    `${H}.${P}.${segment(Buffer.concat([Buffer.from(S, 'base64url'), Buffer.of(0)]))}`,
  ],
];

let cp: ControlPlane;
let stop: () => Promise<void>;

/** Users and the mesh `default` have the same key; zones and the mesh `payments` have the other one. */
beforeAll(async () => {
  cp = await controlPlane({ onEnd: (end) => (stop = end) });
  await cp.createMesh('default');
  await cp.createMesh('payments');
  await cp.put(keyName('user'), KEY.pem);
  await cp.put(keyName('zone'), OTHER_KEY.pem);
});
afterAll(() => stop());

async function refused(token: string, reason: RejectionReason, kind: TokenKindName = 'user', mesh?: string) {
  const verdict = await cp.verify(token, kind, mesh);
  expect(verdict).toEqual({ accepted: false, reason, steps: verdict.steps });
  expect(verdict.steps.map(({ ok }) => ok)).toEqual([...verdict.steps.slice(1).map(() => true), false]);
  const { signature } = decoded(token);
  if (signature.length > 20) expect(JSON.stringify(verdict)).not.toContain(signature.slice(0, 20));
}

describe('a token that is refused', () => {
  it('differs in one thing from a token that is accepted', async () => {
    expect(await cp.verify(GOOD, 'user')).toMatchObject({ accepted: true });
  });

  it.each(SHAPES)('for its shape: %s is %s', (_, reason, token) => refused(token, reason));
  it.each(TEXTS)('for its text: %s is %s', (_, reason, token) => refused(token, reason));
  it.each(ALGORITHMS)('for its algorithm: %s is %s', (_, reason, token) => refused(token, reason));
  it.each(KIDS)('for its kid: %s is %s', (_, reason, token) => refused(token, reason));
  it.each(DUPLICATES)('for saying something twice: %s is %s', (_, reason, token) => refused(token, reason));
  it.each(TIMES)('for its times: %s is %s', (_, reason, token) => refused(token, reason));
  it.each(MEMBERS)('for what it holds: %s is %s', (_, reason, token) => refused(token, reason));
  it.each(SIGNATURES)('for its signature: %s is %s', (_, reason, token) => refused(token, reason));

  const proxy = (claims: object, key = KEY) => signed(HEADER, { ...CLAIMS, Mesh: 'default', ...claims }, key);
  it.each<[string, RejectionReason, string, TokenKindName, string]>([
    ['a user token as that of a zone', 'bad_signature', GOOD, 'zone', ''],
    ['a user token as that of a zone ingress, of which there is no key', 'unknown_kid', GOOD, 'zone-ingress', ''],
    [
      'a zone token as that of a user',
      'bad_signature',
      signed(HEADER, { ...CLAIMS, Zone: 'east' }, OTHER_KEY),
      'user',
      '',
    ],
    ['a proxy of payments in default', 'bad_signature', proxy({ Mesh: 'payments' }, OTHER_KEY), 'dataplane', 'default'],
    ['a proxy of default in payments', 'bad_signature', proxy({}), 'dataplane', 'payments'],
    [
      'a proxy of default that is said to be of payments',
      'identity_mismatch',
      proxy({ Mesh: 'payments' }),
      'dataplane',
      'default',
    ],
    ['a proxy of a mesh in other letters', 'identity_mismatch', proxy({ Mesh: 'Default' }), 'dataplane', 'default'],
    ['a proxy in a mesh that does not exist', 'unknown_kid', proxy({}), 'dataplane', 'none'],
    [
      'a mesh in other letters than the claim’s',
      'identity_mismatch',
      proxy({ Mesh: undefined, mesh: 'default' }),
      'dataplane',
      'default',
    ],
    [
      'tags in other letters than the claim’s',
      'identity_mismatch',
      proxy({ tags: { team: ['a'] } }),
      'dataplane',
      'default',
    ],
    ['a proxy in a mesh with a strange name', 'unknown_kid', proxy({}), 'dataplane', '__proto__'],
    ['a number for a mesh', 'identity_mismatch', proxy({ Mesh: 1 }), 'dataplane', 'default'],
    ['a list for tags', 'identity_mismatch', proxy({ Tags: ['team'] }), 'dataplane', 'default'],
    ['texts for the values of tags', 'identity_mismatch', proxy({ Tags: { team: 'a' } }), 'dataplane', 'default'],
    ['a text for scopes', 'identity_mismatch', signed(HEADER, { ...CLAIMS, Scope: 'ingress' }, OTHER_KEY), 'zone', ''],
  ])('for its kind: %s is %s', (_, reason, token, kind, mesh) => refused(token, reason, kind, mesh));
});
