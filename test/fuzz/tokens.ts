import { createPrivateKey, createPublicKey } from 'node:crypto';
import { secretSpec, TokenRejected, type TokenValidator } from '@koguma/auth';
import { loadConfig, SeededEntropy, SILENT, VirtualClock } from '@koguma/core';
import { composeGlobal } from '@koguma/global-cp';
import { MemoryStore } from '@koguma/resources';
import { FIXTURE_KEYS, FixtureKeys, fixtureCrypto } from '@koguma/testkit';
import type { Fuzzer } from './fuzzer.js';
import { KINDS, type Kind, type MadeToken, madeToken, type SigningKeys, writeToken } from './made-tokens.js';
import { isGood, type Place } from './token-rules.js';

/** How long a check may take on a busy machine. */
const LONGEST_CHECK_MS = 2_000;
/** From so many characters on a part of a token is known by its text. */
const TELLING = 16;
const REVOKED = '11111111-2222-4333-8444-55555555abcd';
const MESH: Readonly<Record<Kind, string>> = { dataplane: 'default', 'zone-ingress': '', zone: '', user: '' };

/** Tokens that are good but for something, shown to the real validator of a global control plane. */
export async function tokenFuzzer(): Promise<Fuzzer<MadeToken>> {
  const clock = new VirtualClock();
  const entropy = new SeededEntropy(1);
  const crypto = fixtureCrypto(new FixtureKeys());
  const ports = { store: new MemoryStore(entropy.uuid()), clock, entropy, crypto, log: SILENT };
  const plane = await composeGlobal(loadConfig({ role: 'global', env: {} }).config, ports);
  const { manager, auth } = plane;
  let brought = FIXTURE_KEYS.length;
  const pemOf = (kind: Kind, number: number) =>
    auth.keys.list(kind, MESH[kind]).find(({ serial }) => serial === number)?.key.pem ?? '';
  for (const kind of KINDS) {
    const der = Buffer.from(FIXTURE_KEYS[--brought] ?? '', 'base64');
    await manager.put(keyOf(kind, 'signing-key', '-2'), secretSpec(crypto.parseKey(der).pem));
    await manager.put(keyOf(kind, 'revocations', ''), secretSpec(`${REVOKED},`));
  }
  const pair = (pem: string) => ({
    private: createPrivateKey(pem),
    public: createPublicKey(pem),
    publicPem: createPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString(),
  });
  const keys = Object.fromEntries(KINDS.map((kind) => [kind, [1, 2].map((serial) => pair(pemOf(kind, serial)))]));
  const now = Math.floor(clock.wall() / 1_000);
  const places = new Map(
    KINDS.map((kind) => {
      const known = new Map((keys[kind] ?? []).map((key, index) => [String(index + 1), key.public]));
      const place: Place = { kind, mesh: MESH[kind], now, keys: known, revoked: new Set([REVOKED]) };
      return [kind, place] as const;
    }),
  );
  const seen = { accepted: 0, refused: 0 };
  return {
    made: madeToken,
    check: async (made) => {
      const token = writeToken(made, keys as unknown as SigningKeys, now, REVOKED);
      const isAccepted = await look(auth.validator, token, made.shownAs);
      const isTold = isGood(token, places.get(made.shownAs) as Place);
      if (isAccepted !== isTold)
        throw new Error(`${isAccepted ? 'accepted' : 'refused'}, and the rules say otherwise: ${token}`);
      seen[isAccepted ? 'accepted' : 'refused']++;
    },
    seen: () => seen,
    close: () => plane.stop(),
  };
}

/** @throws Error when it takes too long, tells of the token, or throws what it must not */
async function look(validator: TokenValidator, token: string, kind: Kind): Promise<boolean> {
  const began = performance.now();
  const verdict = await validator.verify(token, kind, MESH[kind]);
  const thrown: unknown = await validator.authenticate(token, kind, MESH[kind]).then(
    () => undefined,
    (error: unknown) => error,
  );
  const took = performance.now() - began;
  if (took > LONGEST_CHECK_MS) throw new Error(`it took ${Math.round(took)} ms`);
  if (verdict.accepted ? thrown !== undefined : !(thrown instanceof TokenRejected))
    throw new Error('asked the other way, it answers otherwise', { cause: thrown });
  const told = JSON.stringify(verdict) + String(thrown);
  const leaked = token.split('.').find((part) => part.length >= TELLING && told.includes(part));
  // What somebody wrote into a kid or a jti is repeated, so that people know which one it is.
  if (leaked !== undefined && !repeats(token, leaked))
    throw new Error(`the answer tells a part of the token: ${leaked}`);
  return verdict.accepted;
}

function repeats(token: string, leaked: string): boolean {
  return token
    .split('.')
    .slice(0, 2)
    .some((part) => Buffer.from(part, 'base64url').toString().includes(leaked));
}

function keyOf(kind: Kind, what: 'signing-key' | 'revocations', serial: string) {
  const mesh = MESH[kind];
  const name = `${kind}-token-${what}${mesh === '' ? '' : `-${mesh}`}${serial}`;
  return mesh === '' ? ({ type: 'GlobalSecret', mesh, name } as const) : ({ type: 'Secret', mesh, name } as const);
}
