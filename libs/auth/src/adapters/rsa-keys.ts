import { createHash, createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import type { RsaKey } from '../crypto.js';

const SMALLEST_MODULUS = 2048;
const NOT_A_KEY = 'is not an RSA key: give PEM (PKCS#1, PKCS#8 or SPKI) or PKCS#1 DER';

/** An {@link RsaKey} with the key objects that sign and verify, parsed once. */
export class NodeRsaKey implements RsaKey {
  readonly isPrivate: boolean;
  readonly thumbprint: string;
  readonly pem: string;
  readonly publicPem: string;
  readonly publicKey: KeyObject;

  constructor(readonly key: KeyObject) {
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
    if (key.asymmetricKeyType !== 'rsa') throw new RangeError(NOT_A_KEY);
    if (bits < SMALLEST_MODULUS)
      throw new RangeError(`is an RSA key of ${bits} bits: at least ${SMALLEST_MODULUS} are needed`);
    this.isPrivate = key.type === 'private';
    if (this.isPrivate && !belongTogether(key.export({ format: 'jwk' })))
      throw new RangeError('is a broken RSA key: what it signs could not be verified');
    this.publicKey = this.isPrivate ? createPublicKey(key) : writable(key);
    this.publicPem = this.publicKey.export({ type: 'pkcs1', format: 'pem' }) as string;
    this.pem = this.isPrivate ? (key.export({ type: 'pkcs1', format: 'pem' }) as string) : this.publicPem;
    const { e, n } = this.publicKey.export({ format: 'jwk' });
    // RFC 7638, section 3.2: the required members in this order, without white space.
    this.thumbprint = createHash('sha256')
      .update(JSON.stringify({ e, kty: 'RSA', n }))
      .digest('base64url');
  }
}

/** Node 24.21 does not write as PKCS#1 what it has read as PKCS#1, so that is read once more in the other form. */
function writable(key: KeyObject): KeyObject {
  return createPublicKey(key.export({ type: 'spki', format: 'pem' }));
}

/** OpenSSL reads a damaged private key without a word; its signatures would be of no key at all. */
function belongTogether(jwk: JsonWebKey): boolean {
  const number = (digits = '') => BigInt(`0x0${Buffer.from(digits, 'base64url').toString('hex')}`);
  const [n, e, d, p, q] = [number(jwk.n), number(jwk.e), number(jwk.d), number(jwk.p), number(jwk.q)];
  return p > 1n && q > 1n && p * q === n && (e * d) % (p - 1n) === 1n && (e * d) % (q - 1n) === 1n;
}

/** Reads what Kuma stores and what people bring. See {@link RsaKey} for the form that it is kept in. */
export function parseRsaKey(bytes: Uint8Array): NodeRsaKey {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (data.includes('-----BEGIN CERTIFICATE')) throw new RangeError(`${NOT_A_KEY}, not a certificate`);
  const isPem = data.includes('-----BEGIN ');
  for (const read of isPem ? pemReaders(data) : derReaders(data)) {
    let key: KeyObject;
    try {
      key = read();
    } catch {
      continue;
    }
    return new NodeRsaKey(key);
  }
  throw new RangeError(NOT_A_KEY);
}

function pemReaders(key: Buffer): (() => KeyObject)[] {
  // A public key read from a private PEM would silently drop the private half, so private comes first.
  return [() => createPrivateKey({ key, format: 'pem' }), () => createPublicKey({ key, format: 'pem' })];
}

function derReaders(key: Buffer): (() => KeyObject)[] {
  return [
    () => createPrivateKey({ key, format: 'der', type: 'pkcs1' }),
    () => createPublicKey({ key, format: 'der', type: 'pkcs1' }),
  ];
}

/** The public half of a key that was thrown away when it was made. */
export const DECOY = parseRsaKey(
  Buffer.from(`-----BEGIN RSA PUBLIC KEY-----
MIIBCgKCAQEAzb4VoTSqREL4WN34JUA6vmzxxdzBselJexKWC1co6mzng+XYl6PJ
mC01VjySTTFeGYk4ENX2h83ZAnHZUZCSGQN3zFi6NMPEDkj2kBoElPu/lsDvnirN
yWwDq/rZzuTxDfRDAvKaiKA8zQOM/+foxdthMC/41gGd87FW6pxlnaxjdywE+yTh
BSCid9GseZJ7kpFqQbHxfRr0pgtAlozaQUFYtNVlqg0nHA/r8o3dtMSw5oUV5l53
DIjbEJOVngHPGoAJKt393vX8M1Xz9jO7FaX27aaXArCcrMTgme9NdEh0hOEFK+dw
gvhU02/f2K8FCHZojZIc23DHcc/qO3bvhQIDAQAB
-----END RSA PUBLIC KEY-----`),
);
