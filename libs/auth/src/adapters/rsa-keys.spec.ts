import { createPublicKey, generateKeyPairSync, type KeyExportOptions, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { KEY, OTHER_KEY } from '../keys.contract.js';
import { nodeCrypto } from './node-crypto.js';
import { parseRsaKey } from './rsa-keys.js';

type Format = KeyExportOptions<'pem'> | KeyExportOptions<'der'>;
const bytes = (key: KeyObject, format: Format) => Buffer.from(key.export(format as KeyExportOptions<'der'>));
const PUBLIC = createPublicKey(KEY.key);
const NOT_A_KEY = 'is not an RSA key: give PEM (PKCS#1, PKCS#8 or SPKI) or PKCS#1 DER';
const PKCS1: Format = { type: 'pkcs1', format: 'pem' };

describe('a private key', () => {
  it.each<[string, Uint8Array]>([
    ['PEM, PKCS#1', bytes(KEY.key, PKCS1)],
    ['PEM, PKCS#8', bytes(KEY.key, { type: 'pkcs8', format: 'pem' })],
    ['DER, PKCS#1', bytes(KEY.key, { type: 'pkcs1', format: 'der' })],
    ['PEM with text around', Buffer.from(`Key of the lab\n${KEY.pem}\nthe end\n`)],
    ['PEM with line ends of Windows', Buffer.from(KEY.pem.replaceAll('\n', '\r\n'))],
    ['PEM after its own public half', Buffer.from(KEY.publicPem + KEY.pem)],
    ['bytes that are part of others', new Uint8Array(Buffer.from(`xx${KEY.pem}`)).subarray(2)],
  ])('is read from %s', (_, data) => {
    const key = parseRsaKey(data);
    expect([key.isPrivate, key.thumbprint, key.pem, key.publicPem]).toEqual([
      true,
      KEY.thumbprint,
      KEY.pem,
      KEY.publicPem,
    ]);
    expect(key.pem).toMatch(/^-----BEGIN RSA PRIVATE KEY-----\n/);
    expect(key.publicPem).toMatch(/^-----BEGIN RSA PUBLIC KEY-----\n/);
  });
});

describe('a public key', () => {
  it.each<[string, Uint8Array]>([
    ['PEM, PKCS#1', bytes(PUBLIC, PKCS1)],
    ['PEM, SPKI', bytes(PUBLIC, { type: 'spki', format: 'pem' })],
    ['DER, PKCS#1', bytes(PUBLIC, { type: 'pkcs1', format: 'der' })],
  ])('is read from %s', (_, data) => {
    const key = parseRsaKey(data);
    expect([key.isPrivate, key.thumbprint, key.pem]).toEqual([false, KEY.thumbprint, KEY.publicPem]);
  });

  it('is known by the thumbprint of RFC 7638, as in its example', () => {
    const n =
      '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw';
    const key = createPublicKey({ key: { kty: 'RSA', n, e: 'AQAB' }, format: 'jwk' });
    expect(parseRsaKey(bytes(key, PKCS1)).thumbprint).toBe('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
  });
});

describe('what is no key of ours', () => {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ed = generateKeyPairSync('ed25519');
  const small = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength }).privateKey;
  const encrypted = { cipher: 'aes-128-cbc', passphrase: 'lab' };

  it.each<[string, string, Uint8Array]>([
    ['nothing', NOT_A_KEY, Buffer.alloc(0)],
    ['a word', NOT_A_KEY, Buffer.from('key')],
    ['zeros', NOT_A_KEY, Buffer.alloc(1_200)],
    ['an empty PEM', NOT_A_KEY, Buffer.from('-----BEGIN RSA PRIVATE KEY-----\n-----END RSA PRIVATE KEY-----\n')],
    ['a PEM of rubbish', NOT_A_KEY, Buffer.from(KEY.pem.replace('MII', 'AAA'))],
    ['half a PEM', NOT_A_KEY, Buffer.from(KEY.pem.slice(0, 800))],
    ['half a DER', NOT_A_KEY, bytes(KEY.key, { type: 'pkcs1', format: 'der' }).subarray(0, 500)],
    ['a PEM in base64 once more', NOT_A_KEY, Buffer.from(Buffer.from(KEY.pem).toString('base64'))],
    ['an EC key', NOT_A_KEY, bytes(ec.privateKey, { type: 'pkcs8', format: 'pem' })],
    ['an EC key in SEC 1', NOT_A_KEY, bytes(ec.privateKey, { type: 'sec1', format: 'pem' })],
    ['a public EC key', NOT_A_KEY, bytes(ec.publicKey, { type: 'spki', format: 'pem' })],
    ['an Ed25519 key', NOT_A_KEY, bytes(ed.privateKey, { type: 'pkcs8', format: 'pem' })],
    ['an encrypted PEM (PKCS#1)', NOT_A_KEY, bytes(KEY.key, { ...PKCS1, ...encrypted })],
    ['an encrypted PEM (PKCS#8)', NOT_A_KEY, bytes(KEY.key, { type: 'pkcs8', format: 'pem', ...encrypted })],
    ['a key of 512 bits', 'is an RSA key of 512 bits: at least 2048 are needed', bytes(small(512), PKCS1)],
    ['a key of 1024 bits', 'is an RSA key of 1024 bits: at least 2048 are needed', bytes(small(1_024), PKCS1)],
    [
      'a public key of 1024 bits',
      'is an RSA key of 1024 bits: at least 2048 are needed',
      bytes(createPublicKey(small(1_024)), PKCS1),
    ],
  ])('%s %s', (_, reason, data) => {
    expect(() => parseRsaKey(data)).toThrow(new RangeError(reason));
  });

  it.each(['n', 'd', 'p', 'q', 'e'] as const)('a private key with a damaged %s is broken', (part) => {
    const jwk = KEY.key.export({ format: 'jwk' });
    const damaged = Buffer.from(jwk[part] as string, 'base64url');
    damaged[damaged.length - 2] = (damaged.at(-2) ?? 0) ^ 4;
    const reason = new RangeError('is a broken RSA key: what it signs could not be verified');
    expect(() => parseRsaKey(pkcs1({ ...jwk, [part]: damaged.toString('base64url') }))).toThrow(reason);
  });

  it('a private key whose exponent fits one of its primes only is broken', () => {
    const jwk = KEY.key.export({ format: 'jwk' });
    const number = (part = '') => BigInt(`0x${Buffer.from(part, 'base64url').toString('hex')}`);
    for (const prime of [jwk.p, jwk.q]) {
      const hex = (number(jwk.d) + number(prime) - 1n).toString(16);
      const d = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url');
      expect(() => parseRsaKey(pkcs1({ ...jwk, d }))).toThrow('is a broken RSA key');
    }
  });

  it('the parts of two keys are no key', () => {
    const mixed = { ...KEY.key.export({ format: 'jwk' }), n: OTHER_KEY.key.export({ format: 'jwk' }).n };
    expect(() => parseRsaKey(pkcs1(mixed))).toThrow('is a broken RSA key');
  });
});

/** DER of RSAPrivateKey (RFC 8017, appendix A.1.2), whatever the numbers are. */
function pkcs1(jwk: Partial<Record<'n' | 'e' | 'd' | 'p' | 'q' | 'dp' | 'dq' | 'qi', string | undefined>>): Buffer {
  const { n, e, d, p, q, dp, dq, qi } = jwk;
  const numbers = [n, e, d, p, q, dp, dq, qi].map((part) => Buffer.from(part ?? '', 'base64url'));
  return tagged(
    0x30,
    Buffer.concat([tagged(2, Buffer.of(0)), ...numbers.map((number) => tagged(2, positive(number)))]),
  );
}

function positive(number: Buffer): Buffer {
  return (number[0] ?? 0) > 0x7f ? Buffer.concat([Buffer.of(0), number]) : number;
}

function tagged(tag: number, content: Buffer): Buffer {
  const length = content.length < 128 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...length), content]);
}

describe('signing and checking', () => {
  it('make a token that this key verifies, and no other', async () => {
    const token = await nodeCrypto.sign('1', { b: 1, a: 2 }, KEY);
    expect(await nodeCrypto.verify(token, KEY)).toBe(true);
    expect(await nodeCrypto.verify(token, parseRsaKey(Buffer.from(KEY.publicPem)))).toBe(true);
    expect(await nodeCrypto.verify(token, OTHER_KEY)).toBe(false);
    expect(await nodeCrypto.verify(token, nodeCrypto.decoy)).toBe(false);
  });

  it.each(['', '.', '..', 'a.b.c', 'e30.e30.AA', `${Buffer.from('{"alg":"none"}').toString('base64url')}.e30.`])(
    'say no to %j, and throw nothing',
    async (token) => {
      expect(await nodeCrypto.verify(token, KEY)).toBe(false);
    },
  );

  it('do not take a key of another adapter', async () => {
    const { isPrivate, pem, publicPem, thumbprint } = KEY;
    const foreign = { isPrivate, pem, publicPem, thumbprint };
    await expect(nodeCrypto.sign('1', {}, foreign)).rejects.toThrow(TypeError);
  });

  it('have keys of 2048 bits, each another', async () => {
    const key = await nodeCrypto.makeKey();
    const { asymmetricKeyDetails } = createPublicKey(key.publicPem);
    expect([key.isPrivate, asymmetricKeyDetails?.modulusLength]).toEqual([true, 2_048]);
    expect([KEY.thumbprint, OTHER_KEY.thumbprint, nodeCrypto.decoy.thumbprint]).not.toContain(key.thumbprint);
  });
});
