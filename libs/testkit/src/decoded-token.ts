/** A token taken apart and not checked: what its holder can read in it. */
export interface DecodedToken {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly kid: string;
  readonly jti: string;
}

export function decodeToken(token: string): DecodedToken {
  const [header, claims] = token
    .split('.', 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Record<string, unknown>);
  return { header: header ?? {}, claims: claims ?? {}, kid: String(header?.kid), jti: String(claims?.jti) };
}
