import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { CompactSign, compactVerify, errors } from 'jose';
import type { RsaKey, TokenCrypto } from '../crypto.js';
import { DECOY, NodeRsaKey, parseRsaKey } from './rsa-keys.js';

const ALGORITHM = 'RS256';
const makeKeyPair = promisify(generateKeyPair);
const utf8 = new TextEncoder();

/** RS256 by jose and OpenSSL. Many calls may be in flight: the work is done on libuv's threads. */
export const joseCrypto: TokenCrypto = {
  async sign(kid, claims, key) {
    return new CompactSign(utf8.encode(JSON.stringify(claims)))
      .setProtectedHeader({ alg: ALGORITHM, kid, typ: 'JWT' })
      .sign(nodeKey(key).key);
  },

  async verify(token, key) {
    try {
      await compactVerify(token, nodeKey(key).publicKey, { algorithms: [ALGORITHM] });
      return true;
    } catch (error) {
      if (error instanceof errors.JOSEError) return false;
      throw error;
    }
  },

  async makeKey() {
    const { privateKey } = await makeKeyPair('rsa', { modulusLength: 2048 });
    return new NodeRsaKey(privateKey);
  },

  parseKey: parseRsaKey,
  decoy: DECOY,
};

function nodeKey(key: RsaKey): NodeRsaKey {
  if (!(key instanceof NodeRsaKey)) throw new TypeError('a key of another crypto adapter');
  return key;
}
