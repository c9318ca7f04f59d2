import { generateKeyPair, sign, verify } from 'node:crypto';
import { promisify } from 'node:util';
import type { RsaKey, TokenCrypto } from '../crypto.js';
import { DECOY, NodeRsaKey, parseRsaKey } from './rsa-keys.js';

/** RS256 is RSASSA-PKCS1-v1_5 with this digest (RFC 7518, section 3.3); that padding is what OpenSSL does with RSA keys. */
const DIGEST = 'sha256';
const makeKeyPair = promisify(generateKeyPair);

/** RS256 by OpenSSL. Many signatures may be in flight: they are made on libuv's threads. */
export const nodeCrypto: TokenCrypto = {
  sign(kid, claims, key) {
    const input = `${segment({ alg: 'RS256', kid, typ: 'JWT' })}.${segment(claims)}`;
    return new Promise((resolve, reject) => {
      sign(DIGEST, Buffer.from(input), nodeKey(key).key, (error, signature) => {
        if (error) reject(error);
        else resolve(`${input}.${signature.toString('base64url')}`);
      });
    });
  },

  /** At once: the way to a thread and back costs more than the check, and leads past all signatures in flight. */
  async verify(token, key) {
    const end = token.lastIndexOf('.');
    const signature = Buffer.from(token.slice(end + 1), 'base64url');
    return verify(DIGEST, Buffer.from(token.slice(0, Math.max(end, 0))), nodeKey(key).publicKey, signature);
  },

  async makeKey() {
    const { privateKey } = await makeKeyPair('rsa', { modulusLength: 2048 });
    return new NodeRsaKey(privateKey);
  },

  parseKey: parseRsaKey,
  decoy: DECOY,
};

/** base64url of UTF-8 JSON (RFC 7515, section 3.1). */
function segment(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function nodeKey(key: RsaKey): NodeRsaKey {
  if (!(key instanceof NodeRsaKey)) throw new TypeError('a key of another crypto adapter');
  return key;
}
