import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { parseRsaKey, type RsaKey, type TokenCrypto } from '@koguma/auth';
import { FixtureKeys } from '@koguma/testkit';

/**
 * Real RS256 that answers at once: a call that goes to another thread comes back when the machine likes, and one seed
 * would no longer give one run.
 */
export function syncCrypto(keys: FixtureKeys): TokenCrypto {
  return {
    sign: async (kid, claims, key) => {
      const input = `${segment({ alg: 'RS256', kid, typ: 'JWT' })}.${segment(claims)}`;
      return `${input}.${sign('RSA-SHA256', Buffer.from(input), privateHalf(key)).toString('base64url')}`;
    },
    verify: async (token, key) => {
      const dot = token.lastIndexOf('.');
      const signature = Buffer.from(token.slice(dot + 1), 'base64url');
      return verify('RSA-SHA256', Buffer.from(token.slice(0, dot)), publicHalf(key), signature);
    },
    makeKey: () => keys.take(),
    parseKey: parsedOnce,
    decoy: DECOY,
  };
}

const DECOY = await new FixtureKeys().take();
const parsed = new Map<string, RsaKey>();
const privateHalves = new WeakMap<RsaKey, ReturnType<typeof createPrivateKey>>();
const publicHalves = new WeakMap<RsaKey, ReturnType<typeof createPublicKey>>();

/** The same few keys are read thousands of times in a run. */
function parsedOnce(bytes: Uint8Array): RsaKey {
  const text = Buffer.from(bytes).toString('latin1');
  const key = parsed.get(text) ?? parseRsaKey(bytes);
  parsed.set(text, key);
  return key;
}

function privateHalf(key: RsaKey) {
  const known = privateHalves.get(key) ?? createPrivateKey(key.pem);
  privateHalves.set(key, known);
  return known;
}

function publicHalf(key: RsaKey) {
  const known = publicHalves.get(key) ?? createPublicKey(key.publicPem);
  publicHalves.set(key, known);
  return known;
}

function segment(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
