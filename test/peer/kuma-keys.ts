import { createPrivateKey, createPublicKey, createVerify, type KeyObject, sign } from 'node:crypto';

/** RSA keys and tokens as Kuma makes them, with nothing but Node's own means. */
export class KumaKey {
  readonly #key: KeyObject;

  /** @param der PKCS#1, base64 */
  constructor(der: string) {
    this.#key = createPrivateKey({ key: Buffer.from(der, 'base64'), format: 'der', type: 'pkcs1' });
  }

  /** The private half, as Kuma stores signing keys. */
  get pem(): string {
    return this.#key.export({ format: 'pem', type: 'pkcs1' }).toString();
  }

  /** The public half, as Kuma sends it to zones. */
  get publicPem(): string {
    return publicHalf(this.pem);
  }

  /** A token with these claims, valid for an hour. */
  sign(
    claims: Readonly<Record<string, unknown>>,
    { kid, jti, now }: { kid: string; jti: string; now: number },
  ): string {
    const seconds = Math.floor(now / 1000);
    const times = { exp: seconds + 3_600, nbf: seconds - 5, iat: seconds - 5, jti };
    const input = [
      { alg: 'RS256', kid, typ: 'JWT' },
      { ...claims, ...times },
    ]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    return `${input}.${sign('RSA-SHA256', Buffer.from(input), this.#key).toString('base64url')}`;
  }

  /** Whether this key has signed the token. */
  hasSigned(token: string): boolean {
    const dot = token.lastIndexOf('.');
    const verify = createVerify('RSA-SHA256').update(token.slice(0, dot));
    return verify.verify(createPublicKey(this.#key), token.slice(dot + 1), 'base64url');
  }
}

/** From a private PEM to the public one, PKCS#1 both. */
export function publicHalf(pem: string): string {
  return createPublicKey(pem).export({ format: 'pem', type: 'pkcs1' }).toString();
}
