import { type KeyObject, verify } from 'node:crypto';
import { type Json, readJson } from './strict-json.js';

/** Where a token is shown, and what is known there. */
export interface Place {
  readonly kind: string;
  /** '' for kinds whose keys live outside meshes. */
  readonly mesh: string;
  /** Seconds from 1970. */
  readonly now: number;
  /** Public keys by kid. */
  readonly keys: ReadonlyMap<string, KeyObject>;
  /** In lower case. */
  readonly revoked: ReadonlySet<string>;
}

type Claims = ReadonlyMap<string, Json>;

/** Whether a token is good, by rules that were written down a second time, and by OpenSSL. */
export function isGood(token: string, { kind, mesh, now, keys, revoked }: Place): boolean {
  if (token.length > 65_536) return false;
  const parts = token.split('.');
  const [head, body, signature] = parts.map(bytesOf);
  if (parts.length !== 3 || !head || !body || !signature) return false;
  const [header, claims] = [objectIn(head), objectIn(body)];
  if (!header || !claims || header.get('alg') !== 'RS256' || header.has('crit') || header.has('b64')) return false;
  const kid = header.get('kid');
  const key = typeof kid === 'string' && kid.length <= 253 ? keys.get(kid) : undefined;
  const signed = Buffer.from(`${parts[0]}.${parts[1]}`);
  if (!key || !verify('RSA-SHA256', signed, key, signature)) return false;
  return inTime(claims, now) && !isRevoked(claims, revoked) && FITS[kind]?.(claims, mesh) === true;
}

function bytesOf(segment: string): Buffer | undefined {
  const bytes = Buffer.from(segment, 'base64url');
  return segment !== '' && bytes.toString('base64url') === segment ? bytes : undefined;
}

function objectIn(bytes: Buffer): Claims | undefined {
  const text = bytes.toString('utf8');
  if (!Buffer.from(text).equals(bytes)) return undefined; // not UTF-8
  try {
    const value = readJson(text);
    return value instanceof Map ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** No leeway; `iat` has to be a time and is not looked at. */
function inTime(claims: Claims, now: number): boolean {
  const isTime = (value: Json | undefined) => Number.isSafeInteger(value) && Math.abs(value as number) <= 8.64e12;
  if (['iat', 'nbf'].some((name) => claims.has(name) && !isTime(claims.get(name)))) return false;
  const [exp, nbf] = [claims.get('exp'), claims.get('nbf') ?? now];
  return isTime(exp) && now < (exp as number) && now >= (nbf as number);
}

/** True as well for an id that is no text. */
function isRevoked(claims: Claims, revoked: ReadonlySet<string>): boolean {
  if (!claims.has('jti')) return false;
  const jti = claims.get('jti');
  return typeof jti !== 'string' || revoked.has(jti.toLowerCase());
}

const isText = (value: Json | undefined) => typeof value === 'string';
const isNothing = (value: Json | undefined) => value === undefined || value === null;
const isTexts = (value: Json | undefined) => Array.isArray(value) && value.every(isText);
const orNothing = (is: (value: Json | undefined) => boolean) => (value: Json | undefined) =>
  isNothing(value) || is(value);
const isTags = (value: Json | undefined) => value instanceof Map && [...value.values()].every(isTexts);

type Rules = Readonly<Record<string, (value: Json | undefined) => boolean>>;

/** Every claim as it must be, and none that is one of these but for its letters. */
function fits(rules: Rules): (claims: Claims, mesh: string) => boolean {
  return (claims, mesh) => {
    const lower = new Set(Object.keys(rules).map((name) => name.toLowerCase()));
    const isOdd = (name: string) => !Object.hasOwn(rules, name) && lower.has(name.toLowerCase());
    if ([...claims.keys()].some(isOdd)) return false;
    if (Object.entries(rules).some(([name, holds]) => !holds(claims.get(name)))) return false;
    return mesh === '' || isNothing(claims.get('Mesh')) || ['', mesh].includes(claims.get('Mesh') as string);
  };
}

const FITS: Readonly<Record<string, (claims: Claims, mesh: string) => boolean>> = {
  dataplane: fits({
    Name: orNothing(isText),
    Mesh: orNothing(isText),
    Tags: orNothing(isTags),
    Type: orNothing(isText),
    Workload: orNothing(isText),
  }),
  'zone-ingress': fits({ Zone: orNothing(isText) }),
  zone: fits({ Zone: orNothing(isText), Scope: orNothing(isTexts) }),
  user: fits({ Name: (value) => isText(value) && value !== '', Groups: orNothing(isTexts) }),
};
