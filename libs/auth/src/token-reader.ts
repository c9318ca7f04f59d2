import { oddMember } from '@koguma/core';
import type { Identity } from './token-kinds.js';

/** Why a token is refused. Stable: clients and tests match on it. */
export type RejectionReason =
  | 'malformed'
  | 'algorithm_not_allowed'
  | 'unknown_kid'
  | 'bad_signature'
  | 'not_yet_valid'
  | 'expired'
  | 'revoked'
  | 'identity_mismatch';

/** A token, taken apart and read strictly; nothing of it is proven yet. */
export interface ReadToken {
  readonly kid: string;
  readonly claims: Identity;
  /** NumericDate, seconds. */
  readonly expiresAt: number;
  readonly notBefore: number | undefined;
  readonly jti: string | undefined;
}

/** Thrown by {@link readToken}; the detail says what is wrong and holds nothing of the token but its kid. */
export class UnreadableToken extends Error {
  constructor(
    readonly reason: Extract<RejectionReason, 'malformed' | 'algorithm_not_allowed'>,
    readonly detail: string,
  ) {
    super(detail);
  }
}

/** Tokens of ours are under 2 KiB; the room is for long lists of tags. */
export const LONGEST_TOKEN = 64 * 1024;
/** What a kid names is at most the end of a resource's name; it is repeated in answers, so it must not be large. */
export const LONGEST_KID = 253;
const SEGMENT = /^[A-Za-z0-9_-]+$/;
/** In seconds from 1970, what a date can be; beyond it a time could not even be shown. */
const FARTHEST_TIME = 8_640_000_000_000;

/**
 * Takes a compact JWS (RFC 7515) apart, and refuses what a lenient reader lets pass: duplicate members, a `kid` that
 * is not a string, times that are not whole numbers, critical extensions, trailing bits in base64url.
 * @throws UnreadableToken
 */
export function readToken(token: string): ReadToken {
  if (token.length > LONGEST_TOKEN) throw malformed(`the token is longer than ${LONGEST_TOKEN} characters`);
  const segments = token.split('.');
  if (segments.length !== 3) throw malformed(`the token has ${segments.length} parts: a signed JWT has 3`);
  const { alg, kid, crit, b64 } = jsonObject(segments[0], 'header');
  if (alg !== 'RS256') {
    throw new UnreadableToken('algorithm_not_allowed', `the token's algorithm is ${word(alg)}: only RS256 is allowed`);
  }
  if (typeof kid !== 'string' || kid === '') throw malformed('the header must have a kid that is a string');
  if (kid.length > LONGEST_KID) throw malformed(`the header's kid is longer than ${LONGEST_KID} characters`);
  if (crit !== undefined || b64 !== undefined)
    throw malformed('the header asks for extensions (crit, b64) that are not known here');

  const claims = jsonObject(segments[1], 'payload');
  decode(segments[2], 'signature');
  const expiresAt = time(claims, 'exp');
  if (expiresAt === undefined) throw malformed('the token has no exp: a token that never expires is not accepted');
  time(claims, 'iat');
  const { jti } = claims;
  if (jti !== undefined && typeof jti !== 'string') throw malformed('jti must be a string');
  return { kid, claims, expiresAt, notBefore: time(claims, 'nbf'), jti };
}

function time(claims: Identity, name: string): number | undefined {
  const value = claims[name];
  if (value === undefined) return undefined;
  if (!Number.isSafeInteger(value)) throw malformed(`${name} must be a whole number of seconds`);
  if (Math.abs(value as number) > FARTHEST_TIME) throw malformed(`${name} is too far away to be a time in seconds`);
  return value as number;
}

function jsonObject(segment: string | undefined, part: string): Identity {
  const text = decode(segment, part);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed(`the ${part} is not JSON`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(`the ${part} is not a JSON object`);
  const odd = oddMember(text);
  if (odd !== undefined) throw malformed(`the ${part} has a member ${odd}`);
  return value as Identity;
}

/** base64url without padding (RFC 7515, section 2), in its one canonical spelling. */
function decode(segment: string | undefined, part: string): string {
  if (segment === undefined || !SEGMENT.test(segment)) throw malformed(`the ${part} is not base64url`);
  const bytes = Buffer.from(segment, 'base64url');
  if (bytes.toString('base64url') !== segment) throw malformed(`the ${part} is not base64url`);
  if (part === 'signature') return '';
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw malformed(`the ${part} is not UTF-8`);
  }
}

function word(value: unknown): string {
  return typeof value === 'string' && /^[\w-]{1,16}$/.test(value) ? value : 'not one that is known';
}

function malformed(detail: string): UnreadableToken {
  return new UnreadableToken('malformed', detail);
}
