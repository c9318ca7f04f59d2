import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { parseRsaKey, type RsaKey, type TokenCrypto } from '@koguma/auth';
import { FIXTURE_KEYS } from '@koguma/testkit';

/**
 * Real RS256 that answers at once: a call that goes to another thread comes back when the machine likes, and one seed
 * would no longer give one run.
 * @param checked what was checked before in the same world: the same few tokens are, after each event
 */
export function syncCrypto(makeKey: () => Promise<RsaKey>, checked: Map<string, boolean>): TokenCrypto {
  return {
    sign: async (kid, claims, key) => {
      const input = `${segment({ alg: 'RS256', kid, typ: 'JWT' })}.${segment(claims)}`;
      return `${input}.${sign('RSA-SHA256', Buffer.from(input), privateHalf(key)).toString('base64url')}`;
    },
    verify: async (token, key) => {
      const asked = `${key.thumbprint} ${token}`;
      const isGood = checked.get(asked) ?? checksOut(token, key);
      checked.set(asked, isGood);
      return isGood;
    },
    makeKey,
    parseKey: parsedOnce,
    decoy: DECOY,
  };
}

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

function checksOut(token: string, key: RsaKey): boolean {
  const dot = token.lastIndexOf('.');
  const signature = Buffer.from(token.slice(dot + 1), 'base64url');
  return verify('RSA-SHA256', Buffer.from(token.slice(0, dot)), publicHalf(key), signature);
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

/** Which fixture keys a control plane makes in turn: a key that is a user's somewhere is nothing else anywhere. */
const MADE_BY: Readonly<Record<string, readonly number[]>> = {
  global: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  stranger: [11, 12, 13, 14],
  east: [15],
  west: [16],
  north: [17],
};
const FIRST_BROUGHT = 18;

/** How many keys people can bring. */
const BROUGHT_KEYS = FIXTURE_KEYS.length - FIRST_BROUGHT;

/** What makes the keys of one control plane over all of its lives. */
export function simulatedKeys(name: string): () => Promise<RsaKey> {
  const numbers = [...(MADE_BY[name] ?? [])];
  return async () => {
    // A zone makes nothing but its users' key, which it needs again when its disk is lost.
    const number = numbers.length > 1 ? numbers.shift() : name.startsWith('global') ? undefined : numbers[0];
    if (number === undefined) throw new Error(`${name} has made all the keys that a simulation has`);
    return fixtureKey(number);
  };
}

/** PEM of a key that a person brings. */
export function broughtKey(number: number): string {
  return fixtureKey(FIRST_BROUGHT + (number % BROUGHT_KEYS)).pem;
}

function fixtureKey(number: number): RsaKey {
  return parsedOnce(Buffer.from(FIXTURE_KEYS[number] ?? '', 'base64'));
}

const DECOY = fixtureKey(0);
