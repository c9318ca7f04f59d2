/** A parsed RSA key. Opaque: only the crypto port looks inside. */
export interface RsaKey {
  /** JWK thumbprint of the public half (RFC 7638, SHA-256, base64url): what a key is known by, whatever its kid. */
  readonly thumbprint: string;
  readonly isPrivate: boolean;
  /** PEM, PKCS#1 (`RSA PRIVATE KEY` or `RSA PUBLIC KEY`): what Kuma peers read. */
  readonly pem: string;
  /** PEM of the public half, PKCS#1. */
  readonly publicPem: string;
}

/** Signing, injected: RS256 (RFC 7518, section 3.3) on RSA keys of 2048 bits or more, and nothing else. */
export interface TokenCrypto {
  /** Compact JWS (RFC 7515) of the claims, members in the given order. */
  sign(kid: string, claims: Readonly<Record<string, unknown>>, key: RsaKey): Promise<string>;
  /** True when the signature over the token is of this key, by RS256. */
  verify(token: string, key: RsaKey): Promise<boolean>;
  /** A new private key of 2048 bits. Slow: a tenth of a second and more. */
  makeKey(): Promise<RsaKey>;
  /**
   * Reads PEM (PKCS#1, PKCS#8, SPKI) or PKCS#1 DER.
   * @throws RangeError that says what is wrong with the bytes, without repeating them
   */
  parseKey(bytes: Uint8Array): RsaKey;
  /** A key that signed nothing, so that an unknown kid costs as much time as a known one. */
  readonly decoy: RsaKey;
}
