import { invalid, type Violation } from '@koguma/core';
import type { RsaKey, TokenCrypto } from './crypto.js';
import { makeToken, type SigningPorts } from './issuer.js';
import type { TokenKindName } from './token-kinds.js';
import { LONGEST_KID } from './token-reader.js';
import { readTokenRequest } from './token-requests.js';

/** A private key that no control plane has, and the kid by which control planes know its public half. */
export interface OfflineKey {
  /** As in `validator.publicKeys`: 1 to 253 characters. */
  readonly kid: string;
  /** What a key file holds: PEM (PKCS#1, PKCS#8 or SPKI) or PKCS#1 DER, RSA of 2048 bits or more. */
  readonly pem: string | Uint8Array;
}

/**
 * Makes a token without a control plane: what `POST /tokens/{kind}` would answer to `body`, signed with a key of the
 * caller's own. Control planes accept it where that key's public half is configured, or where the key is the signing
 * key with the serial `kid`.
 * @param body as for `POST /tokens/{kind}`: `{ name: 'ci', groups: ['users'], validFor: '24h' }`
 * @throws ControlPlaneError `invalid` that names every field of the body that is wrong, or else `kid` and `pem`
 * @example
 * await signOffline('user', { name: 'ci', validFor: '24h' }, { kid: 'key-1', pem: readFileSync(file) },
 *   { crypto: nodeCrypto, clock: systemClock, entropy: systemEntropy })
 */
export async function signOffline(
  kind: TokenKindName,
  body: unknown,
  { kid, pem }: OfflineKey,
  ports: SigningPorts,
): Promise<string> {
  const order = readTokenRequest(kind, body);
  const violations: Violation[] = [];
  const reason = reasonAgainstKid(kid);
  if (reason !== undefined) violations.push({ field: 'kid', reason });
  const key = readPrivateKey(pem, ports.crypto, violations);
  if (!key || violations.length > 0) throw invalid(...violations);
  return makeToken({ kid, key }, order.identity, order.validForSeconds, ports);
}

function reasonAgainstKid(kid: string): string | undefined {
  return kid.length >= 1 && kid.length <= LONGEST_KID ? undefined : `must have 1 to ${LONGEST_KID} characters`;
}

function readPrivateKey(pem: string | Uint8Array, crypto: TokenCrypto, violations: Violation[]): RsaKey | undefined {
  try {
    const key = crypto.parseKey(typeof pem === 'string' ? new TextEncoder().encode(pem) : pem);
    if (key.isPrivate) return key;
    violations.push({ field: 'pem', reason: 'is a public key: signing needs the private one' });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    violations.push({ field: 'pem', reason: error.message });
  }
  return undefined;
}
