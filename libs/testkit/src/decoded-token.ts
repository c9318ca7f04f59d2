import { TOKEN_KINDS, type TokenKindName } from '@koguma/auth';

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

/** RFC 7519, section 4.1: what any token may have. */
const REGISTERED = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti'];

/** What kind of token it is by its claims: the kind with the fewest that has them all. @throws TypeError for no kind */
export function kindOf(token: string): TokenKindName {
  const own = Object.keys(decodeToken(token).claims).filter((claim) => !REGISTERED.includes(claim));
  const [kind] = TOKEN_KINDS.map((row) => ({ name: row.kind, claims: Object.keys(row.claims.shape) }))
    .filter(({ claims }) => own.length > 0 && own.every((claim) => claims.includes(claim)))
    .sort((a, b) => a.claims.length - b.claims.length);
  if (!kind) throw new TypeError('not a token of a kind that is known');
  return kind.name;
}
