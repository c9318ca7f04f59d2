import { createHmac, type KeyObject, sign } from 'node:crypto';
import fc from 'fast-check';

/** Members of a JSON object in the order in which they are written, values as their text: also what no object could hold. */
type Members = readonly (readonly [name: string, value: string])[];

interface Mutation {
  readonly how: 'set' | 'drop' | 'twice' | 'rename' | 'add';
  readonly at: number;
  readonly name: string;
  readonly value: string;
}

/** One token, as the choices that make it. */
export interface MadeToken {
  readonly kind: Kind;
  /** Where it is shown. */
  readonly shownAs: Kind;
  readonly header: readonly Mutation[];
  readonly claims: readonly Mutation[];
  readonly spaced: boolean;
  readonly bytes: { readonly how: 'as it is' | 'bom' | 'not utf-8' | 'cut'; readonly at: number };
  readonly signer: (typeof SIGNERS)[number];
  readonly text: { readonly how: (typeof TEXTS)[number]; readonly at: number };
}

export const KINDS = ['dataplane', 'zone-ingress', 'zone', 'user'] as const;
export type Kind = (typeof KINDS)[number];

/** `kid` 1 and 2 of each kind. */
export type SigningKeys = Readonly<
  Record<Kind, readonly { readonly private: KeyObject; readonly publicPem: string }[]>
>;

const SIGNERS = ['its key', 'another serial', 'another kind', 'HS256 by the public key', 'nobody', 'noise'] as const;
const TEXTS = [
  'as it is',
  'padded',
  'other last bits',
  'broken line',
  'more parts',
  'fewer parts',
  'flipped',
  'odd',
] as const;

const NOW_PLACE = 'NOW';
const REVOKED_PLACE = 'REVOKED';
const OWN_CLAIMS: Readonly<Record<Kind, Members>> = {
  dataplane: [
    ['Name', '"web-1"'],
    ['Mesh', '"default"'],
    ['Tags', '{"kuma.io/service":["web"]}'],
    ['Type', '"dataplane"'],
    ['Workload', '"w"'],
  ],
  'zone-ingress': [['Zone', '"east"']],
  zone: [
    ['Zone', '"east"'],
    ['Scope', '["ingress","cp"]'],
  ],
  user: [
    ['Name', '"john"'],
    ['Groups', '["team-a"]'],
  ],
};
const COMMON_CLAIMS: Members = [
  ['exp', `${NOW_PLACE}+1000`],
  ['nbf', `${NOW_PLACE}-300`],
  ['iat', `${NOW_PLACE}+0`],
  ['jti', '"3d2199ef-d297-46b1-8ca7-426f3fa7fe30"'],
];
const HEADER: Members = [
  ['alg', '"RS256"'],
  ['kid', '"1"'],
  ['typ', '"JWT"'],
];

const deep = fc.integer({ min: 10, max: 2_000 }).map((depth) => `${'['.repeat(depth)}${']'.repeat(depth)}`);
const time = fc
  .constantFrom(-1, 0, 1, 299, -301, 1000, 8_640_000_000_000, -8_640_000_000_000)
  .map((shift) => `${NOW_PLACE}${shift < 0 ? '' : '+'}${shift}`);
const value = fc.oneof(
  { weight: 3, arbitrary: time },
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      ...[
        'null',
        'true',
        '0',
        '-0',
        '1e3',
        '2e9',
        '1.5',
        '1E400',
        '2000000000.0',
        '9007199254740993',
        '-1',
        '01',
        'NaN',
      ],
      ...[
        '""',
        '"x"',
        '"1"',
        '"2"',
        '"\\u0031"',
        '"none"',
        '"HS256"',
        '"RS256\\u0000"',
        '"\\ud800"',
        '"\u00e9"',
        '"\\q"',
      ],
      ...[
        '[]',
        '{}',
        '[null]',
        '["web"]',
        '[1]',
        '{"a":1}',
        '{"a":["b"]}',
        '{"a":1,"a":2}',
        '{"__proto__":[]}',
        '[1,]',
      ],
      ...['"default"', '"other"', '"dataplane"', `"${REVOKED_PLACE}"`, `"${REVOKED_PLACE.toLowerCase()}"`, '" "'],
    ),
  },
  { weight: 1, arbitrary: deep },
  { weight: 1, arbitrary: fc.json({ maxDepth: 2 }) },
  { weight: 1, arbitrary: fc.integer({ min: 100, max: 70_000 }).map((length) => `"${'a'.repeat(length)}"`) },
);
const name = fc.oneof(
  fc.constantFrom(
    'alg',
    'kid',
    'crit',
    'b64',
    'jwk',
    'jku',
    'x5c',
    'exp',
    'nbf',
    'iat',
    'jti',
    'aud',
    'EXP',
    '__proto__',
  ),
  fc.constantFrom('Name', 'name', 'MESH', 'mesh', 'Tags', 'Type', 'Zone', 'zone', 'Scope', 'Groups', 'constructor', ''),
  fc.string({ maxLength: 5 }),
);
const mutation: fc.Arbitrary<Mutation> = fc.record({
  how: fc.constantFrom('set', 'set', 'set', 'drop', 'twice', 'rename', 'add'),
  at: fc.nat(20),
  name,
  value,
});
const mostly = <T extends string>(usual: T, others: readonly T[]) =>
  fc.oneof({ weight: 25, arbitrary: fc.constant(usual) }, { weight: 3, arbitrary: fc.constantFrom(...others) });
const kind = fc.constantFrom(...KINDS);

/** Tokens that are good, but for what was changed in them. */
export const madeToken: fc.Arbitrary<MadeToken> = kind.chain((own) =>
  fc.record({
    kind: fc.constant(own),
    shownAs: fc.oneof({ weight: 15, arbitrary: fc.constant(own) }, { weight: 1, arbitrary: kind }),
    header: fc.oneof(
      { weight: 2, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(mutation, { maxLength: 2 }) },
    ),
    claims: fc.array(mutation, { maxLength: 3 }),
    spaced: fc.boolean(),
    bytes: fc.record({ how: mostly('as it is', ['bom', 'not utf-8', 'cut']), at: fc.nat() }),
    signer: mostly<MadeToken['signer']>('its key', SIGNERS),
    text: fc.record({ how: mostly<MadeToken['text']['how']>('as it is', TEXTS), at: fc.nat() }),
  }),
);

/** Writes it, and signs what was written. */
export function writeToken(made: MadeToken, keys: SigningKeys, now: number, revoked: string): string {
  const filled = (text: string) =>
    text
      .replace(/NOW([+-]\d+)/g, (_, shift: string) => String(now + Number(shift)))
      .replaceAll(REVOKED_PLACE, revoked.toUpperCase())
      .replaceAll(REVOKED_PLACE.toLowerCase(), revoked);
  const claims = [...OWN_CLAIMS[made.kind], ...COMMON_CLAIMS];
  const parts = [changed(HEADER, made.header), changed(claims, made.claims)].map((members) =>
    filled(written(members, made.spaced)),
  );
  const body = spoilt(Buffer.from(parts[1] ?? ''), made.bytes);
  const input = `${Buffer.from(parts[0] ?? '').toString('base64url')}.${body.toString('base64url')}`;
  return misspelt(`${input}.${signature(made, input, keys).toString('base64url')}`, made.text);
}

function changed(members: Members, mutations: readonly Mutation[]): Members {
  let all = [...members];
  for (const { how, at, name: other, value: text } of mutations) {
    const index = all.length === 0 ? 0 : at % all.length;
    const [own = other] = all[index] ?? [];
    if (how === 'set') all = all.with(index, [own, text]);
    else if (how === 'drop') all.splice(index, 1);
    else if (how === 'twice') all.push([own, text]);
    else if (how === 'rename') all = all.with(index, [other, all[index]?.[1] ?? text]);
    else all.push([other, text]);
  }
  return all;
}

function written(members: Members, spaced: boolean): string {
  const gap = spaced ? ' \n' : '';
  return `{${members.map(([own, text]) => `${gap}${JSON.stringify(own)}${gap}:${gap}${text}`).join(',')}${gap}}`;
}

function spoilt(bytes: Buffer, { how, at }: MadeToken['bytes']): Buffer {
  const place = at % (bytes.length + 1);
  if (how === 'bom') return Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]);
  if (how === 'not utf-8') return Buffer.concat([bytes.subarray(0, place), Buffer.from([0xff]), bytes.subarray(place)]);
  return how === 'cut' ? bytes.subarray(0, place) : bytes;
}

function signature({ kind: own, signer }: MadeToken, input: string, keys: SigningKeys): Buffer {
  const [first, second] = keys[own];
  const [other] = keys[own === 'user' ? 'zone' : 'user'];
  if (!first || !second || !other) throw new TypeError('each kind has two keys');
  const by = (key: KeyObject) => sign('RSA-SHA256', Buffer.from(input), key);
  if (signer === 'its key') return by(first.private);
  if (signer === 'another serial') return by(second.private);
  if (signer === 'another kind') return by(other.private);
  if (signer === 'HS256 by the public key') return createHmac('sha256', first.publicPem).update(input).digest();
  return signer === 'nobody' ? Buffer.alloc(0) : Buffer.alloc(256, input);
}

function misspelt(token: string, { how, at }: MadeToken['text']): string {
  const place = at % token.length;
  const put = (text: string, length = 0) => token.slice(0, place) + text + token.slice(place + length);
  switch (how) {
    case 'as it is':
      return token;
    case 'padded':
      return `${token}${'='.repeat(1 + (at % 2))}`;
    case 'other last bits':
      return token.slice(0, -1) + String.fromCharCode((token.charCodeAt(token.length - 1) ^ 1) & 0x7f);
    case 'broken line':
      return put('\n');
    case 'more parts':
      return put('.');
    case 'fewer parts':
      return token.slice(0, token.lastIndexOf('.', place));
    case 'flipped':
      return put(token[place] === 'A' ? 'B' : 'A', 1);
    default:
      return put('+/ \u0000é\ud800'[at % 6] ?? '+', 1);
  }
}
