import { isTokenKind, TOKEN_KIND_NAMES, type TokenKindName, tokenKind } from '@koguma/auth';
import type { ApiClient } from '../api/client.js';
import { Failure } from '../failure.js';

/** `GET /koguma/keys`, as far as it is read here. */
export interface Key {
  readonly kind: TokenKindName;
  /** '' for kinds whose keys are in no mesh, `*` for a configured key of every mesh. */
  readonly mesh: string;
  readonly source: 'secret' | 'configuration';
  readonly foundIn: string;
  readonly kid: string;
  readonly thumbprint: string;
  readonly phase: 'active' | 'prepared';
  readonly half: 'private' | 'public';
  readonly signs: boolean;
  readonly crossing: 'private' | 'public' | 'never';
  readonly zones: readonly KeyInZone[];
  readonly proxies: readonly KeyUser[];
  readonly tokens: readonly Counted[];
}

/** A key that is kept as a secret: it has a serial number, an age, and others that may follow it. */
export interface SecretKey extends Key {
  readonly source: 'secret';
  readonly serial: number;
  readonly createdAt: string;
}

export function isSecret(key: Key): key is SecretKey {
  return key.source !== 'configuration';
}

export interface KeyInZone {
  readonly zone: string;
  readonly state: 'Online' | 'Stale' | 'Offline';
  readonly since: string | null;
  readonly lagMs: number | null;
  readonly program: 'koguma' | 'kuma' | null;
  readonly has: 'yes' | 'no' | 'unknown';
}

export interface KeyUser {
  readonly zone: string;
  readonly type: string;
  readonly name: string;
  readonly expiresAt: string | null;
}

export interface Counted {
  readonly controlPlane: string;
  readonly since: string | null;
  readonly unexpired: number | null;
  readonly latestExpiry: string | null;
}

export interface Inventory {
  /** Of whom it is: `global`, or a zone. */
  readonly controlPlane: string;
  readonly keys: readonly Key[];
}

export function readInventory(api: ApiClient): Promise<Inventory> {
  return api.get<Inventory>('/koguma/keys');
}

/** Which keys belong together: one of them signs, all of them verify. */
export interface Ring {
  readonly kind: TokenKindName;
  /** '' for kinds whose keys are in no mesh. */
  readonly mesh: string;
}

/** @param mesh what the command line says; without meaning for kinds whose keys are in no mesh */
export function ringOf(kind: string, mesh: string): Ring {
  if (!isTokenKind(kind)) {
    const todo = `Use one of ${TOKEN_KIND_NAMES.join(', ')}.`;
    throw Failure.usage(`there is no kind of token ${JSON.stringify(kind)}`, todo);
  }
  return { kind, mesh: tokenKind(kind).secretType === 'Secret' ? mesh : '' };
}

/** As people speak of it: `dataplane key 2 of mesh default`. */
export function titleOf({ kind, mesh }: Ring, kid?: string): string {
  return `${kind} key${kid === undefined ? 's' : ` ${kid}`}${mesh === '' ? '' : ` of mesh ${mesh}`}`;
}

/** The keys of a ring, by rising serial: secrets alone. */
export function secretsIn({ keys }: Inventory, ring: Ring): SecretKey[] {
  return keys.filter(isSecret).filter((key) => isIn(ring, key));
}

/** The same. @throws Failure when there are none */
export function keysIn(inventory: Inventory, ring: Ring): SecretKey[] {
  const found = secretsIn(inventory, ring);
  if (found.length > 0) return found;
  throw new Failure(`there are no ${titleOf(ring)} here`, 'See what there is: npx kogumactl keys list');
}

/** A key of that kid that is no secret. */
export function configuredIn({ keys }: Inventory, ring: Ring, kid: string): Key | undefined {
  return keys.find((key) => key.source === 'configuration' && key.kid === kid && isIn(ring, key));
}

function isIn(ring: Ring, { kind, mesh }: Key): boolean {
  return kind === ring.kind && (mesh === ring.mesh || mesh === '*');
}
