import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { controlPlane, keyName, NOW_SECONDS, segment, signed } from './control-plane.contract.js';
import { KEY } from './keys.contract.js';
import { readToken, UnreadableToken } from './token-reader.js';

const HEADER = { alg: 'RS256', kid: '1', typ: 'JWT' };
const CLAIMS = {
  Name: 'john',
  Groups: ['a', 'b'],
  exp: NOW_SECONDS + 60,
  nbf: NOW_SECONDS,
  iat: NOW_SECONDS,
  jti: 'id',
};
const REAL = signed(HEADER, CLAIMS);

/** A token of these parts; nobody looks at its signature here. */
const unsigned = (header: unknown, claims: unknown) => `${segment(header)}.${segment(claims)}.AAAA`;

describe('reading a token', () => {
  it('gives what is said in it, and nothing is proven by that', () => {
    expect(readToken(unsigned(HEADER, CLAIMS))).toEqual({
      kid: '1',
      claims: CLAIMS,
      expiresAt: NOW_SECONDS + 60,
      notBefore: NOW_SECONDS,
      jti: 'id',
    });
  });

  it('asks for a kid and an exp, and for nothing else', () => {
    const read = { kid: 'any text', claims: { exp: 1 }, expiresAt: 1, notBefore: undefined, jti: undefined };
    expect(readToken(unsigned({ kid: 'any text', alg: 'RS256' }, { exp: 1 }))).toEqual(read);
  });

  it.each<[string, string]>([
    ['white space around', ' \n{ "exp" :\t1 }\r\n'],
    ['a time in exponents', '{"exp":1e0}'],
    ['a time with nothing after its point', '{"exp":1.000}'],
    ['one name in two objects', '{"exp":1,"a":{"exp":2},"b":[{"exp":3},{"exp":4}]}'],
    ['a value that looks like a name', '{"exp":1,"a":"exp","b":["exp","a","a"]}'],
    ['braces and quotes in texts', '{"exp":1,"a":"\\"},{\\"exp\\":2,\\\\","b":"{[,\\u0022"}'],
    ['names that differ in letters only', '{"exp":1,"EXP":2,"Exp":3}'],
    ['names that differ in their form only', '{"exp":1,"\\u00e9":1,"e\\u0301":2}'],
    ['a long text', `{"exp":1,"a":"${'\\"'.repeat(15_000)}"}`],
    ['a thousand members', `{"exp":1,${Array.from({ length: 1_000 }, (_, i) => `"m${i}":${i}`).join()}}`],
    ['deep nesting', `{"exp":1,"a":${'['.repeat(5_000)}${']'.repeat(5_000)}}`],
  ])('takes %s', (_, claims) => {
    expect(readToken(unsigned(HEADER, claims)).expiresAt).toBe(1);
  });

  it('takes a token as long as 64 KiB', () => {
    const rest = 65_536 - segment(HEADER).length - 'AAAA'.length - 2;
    const claims = `{"exp":1,"a":"${'x'.repeat((rest / 4) * 3 - 16)}"}`;
    const token = unsigned(HEADER, claims);
    expect(token.length).toBeGreaterThan(65_530);
    expect(token.length).toBeLessThanOrEqual(65_536);
    expect(readToken(token).expiresAt).toBe(1);
  });

  it.each<[string, string]>([
    ['x'.repeat(65_537), 'the token is longer than 65536 characters'],
    ['a.b', 'the token has 2 parts: a signed JWT has 3'],
    ['é.a.a', 'the header is not base64url'],
    [`${segment(HEADER)}.é.AAAA`, 'the payload is not base64url'],
    [`${segment(HEADER)}.${segment(CLAIMS)}.é`, 'the signature is not base64url'],
    [unsigned(Buffer.of(0x22, 0xff, 0x22), CLAIMS), 'the header is not UTF-8'],
    [unsigned(HEADER, Buffer.of(0x22, 0xff, 0x22)), 'the payload is not UTF-8'],
    [unsigned('{', CLAIMS), 'the header is not JSON'],
    [unsigned(HEADER, '\ufeff{}'), 'the payload is not JSON'],
    [unsigned([], CLAIMS), 'the header is not a JSON object'],
    [unsigned(HEADER, 'null'), 'the payload is not a JSON object'],
    [unsigned('{"kid":"1","kid":"2"}', CLAIMS), 'the header has a member twice'],
    [unsigned(HEADER, '{"exp":1,"exp":1}'), 'the payload has a member twice'],
    [unsigned({ ...HEADER, alg: 'none' }, CLAIMS), "the token's algorithm is none: only RS256 is allowed"],
    [
      unsigned({ ...HEADER, alg: '<b>' }, CLAIMS),
      "the token's algorithm is not one that is known: only RS256 is allowed",
    ],
    [unsigned({ ...HEADER, kid: 1 }, CLAIMS), 'the header must have a kid that is a string'],
    [
      unsigned({ ...HEADER, crit: ['exp'] }, CLAIMS),
      'the header asks for extensions (crit, b64) that are not known here',
    ],
    [unsigned({ ...HEADER, b64: false }, CLAIMS), 'the header asks for extensions (crit, b64) that are not known here'],
    [unsigned(HEADER, {}), 'the token has no exp: a token that never expires is not accepted'],
    [unsigned(HEADER, { exp: '1' }), 'exp must be a whole number of seconds'],
    [unsigned(HEADER, { exp: 1, nbf: 0.5 }), 'nbf must be a whole number of seconds'],
    [unsigned(HEADER, { exp: 1, iat: null }), 'iat must be a whole number of seconds'],
    [unsigned(HEADER, { exp: 8_640_000_000_001 }), 'exp is too far away to be a time in seconds'],
    [unsigned(HEADER, { exp: 1, jti: 7 }), 'jti must be a string'],
  ])('%.40s… is refused: %s', (token, detail) => {
    expect(() => readToken(token)).toThrow(expect.objectContaining({ detail }));
  });
});

describe('whatever comes instead of a token', () => {
  const refusedOrRead = (token: string) => {
    try {
      expect(typeof readToken(token).kid).toBe('string');
    } catch (error) {
      expect(error).toBeInstanceOf(UnreadableToken);
      expect(['malformed', 'algorithm_not_allowed']).toContain((error as UnreadableToken).reason);
    }
  };
  const json = fc.json({ maxDepth: 4 });
  const someJson = fc.oneof(json, fc.constant(JSON.stringify(HEADER)), fc.constant(JSON.stringify(CLAIMS)));

  it('never throws anything else', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), refusedOrRead), { numRuns: 200 });
  });

  it('never throws anything else for three parts of any bytes', () => {
    const part = fc.uint8Array({ maxLength: 60 }).map(segment);
    const parts = fc.tuple(part, part, part).map((all) => all.join('.'));
    fc.assert(fc.property(parts, refusedOrRead), { numRuns: 200 });
  });

  it('never throws anything else for any JSON', () => {
    const parts = fc.tuple(someJson, someJson).map(([header, claims]) => unsigned(header, claims));
    fc.assert(fc.property(parts, refusedOrRead), { numRuns: 200 });
  });

  it('never throws anything else for a header and claims with any values', () => {
    const header = fc.record({ alg: fc.constant('RS256'), kid: fc.string(), more: fc.jsonValue() });
    const some = fc.oneof(fc.jsonValue(), fc.integer(), fc.string());
    const claims = fc.record({ exp: some, nbf: some, iat: some, jti: some }, { requiredKeys: [] });
    const parts = fc.tuple(header, claims).map((both) => unsigned(...both));
    fc.assert(fc.property(parts, refusedOrRead), { numRuns: 200 });
  });

  it('finds a member that is there twice, however deep and however it is spelt', () => {
    const escaped = (name: string) =>
      `"${[...Array(name.length).keys()].map((i) => `\\u${name.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"`;
    const twice = fc.tuple(fc.string({ unit: 'grapheme' }), json, json, fc.nat(5), fc.boolean());
    fc.assert(
      fc.property(twice, ([name, one, two, depth, spelt]) => {
        const object = `{${JSON.stringify(name)}:${one},${spelt ? escaped(name) : JSON.stringify(name)}:${two}}`;
        fc.pre(!`${JSON.stringify(name)}${one}${two}`.includes('"__proto__"'));
        const claims = `{"exp":1,"in":${'[{"":'.repeat(depth)}${object}${'}]'.repeat(depth)}}`;
        expect(() => readToken(unsigned(HEADER, claims))).toThrow('the payload has a member twice');
      }),
      { numRuns: 200 },
    );
  });

  it('finds a member that JavaScript would lose, however deep and however it is spelt', () => {
    for (const name of ['"__proto__"', '"\\u005f_proto__"']) {
      const claims = `{"exp":1,"Tags":{"team":["a"],${name}:["b"]}}`;
      expect(() => readToken(unsigned(HEADER, claims))).toThrow('the payload has a member named __proto__');
    }
  });

  it('finds no member twice where every name is there once', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()), (members) => {
        fc.pre(!JSON.stringify(members).includes('"__proto__"'));
        expect(readToken(unsigned(HEADER, { ...members, exp: 1, nbf: 1, iat: 1, jti: '' })).expiresAt).toBe(1);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a real token with a small change', () => {
  const position = fc.nat(REAL.length - 1);
  const character = fc.oneof(
    fc.constantFrom('A', 'z', '0', '-', '_', '.', '=', '+', '/', ' '),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  );
  const changed = fc.oneof(
    fc.tuple(position, character).map(([at, by]) => REAL.slice(0, at) + by + REAL.slice(at + 1)),
    fc.tuple(position, character).map(([at, by]) => REAL.slice(0, at) + by + REAL.slice(at)),
    fc.tuple(position, fc.nat(20)).map(([at, length]) => REAL.slice(0, at) + REAL.slice(at + length + 1)),
    fc.tuple(position, position).map(([from, to]) => REAL.slice(0, from) + REAL.slice(to)),
  );

  it('is never accepted, and the reason is always one of ours', async () => {
    const cp = await controlPlane();
    await cp.put(keyName('user'), KEY.pem);
    expect(await cp.verify(REAL, 'user')).toMatchObject({ accepted: true });
    await fc.assert(
      fc.asyncProperty(
        changed.filter((token) => token !== REAL),
        async (token) => {
          const { accepted, reason } = await cp.verify(token, 'user');
          expect(accepted).toBe(false);
          expect(['malformed', 'algorithm_not_allowed', 'unknown_kid', 'bad_signature']).toContain(reason);
        },
      ),
      { numRuns: 200 },
    );
  });
});
