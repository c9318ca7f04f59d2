import type { Log } from '@koguma/core';
import { type Entry, LABEL, type ResourceView } from '@koguma/resources';
import type { RsaKey, TokenCrypto } from './crypto.js';
import { type Secret, secretBytes, secretRole } from './secrets.js';
import { type TokenKind, type TokenKindName, tokenKind } from './token-kinds.js';

/** A key that tokens of one kind (and mesh) are checked with, and where it was found. */
export interface VerificationKey {
  readonly kid: string;
  readonly key: RsaKey;
  /** For people: `GlobalSecret "zone-token-signing-key-1"`, or where in the configuration. */
  readonly foundIn: string;
}

/** Where keys to check with come from: secrets, or a configured list. */
export interface KeySource {
  /** Every key that goes by this kid; several sources may have one each. */
  find(kind: TokenKindName, mesh: string, kid: string): VerificationKey[];
}

/** What tokens say of the key that signed them, and where it must be. */
export interface KeyName {
  readonly kind: TokenKindName;
  readonly mesh: string;
  readonly kid: string;
}

/** A key kept as a secret. */
export interface StoredKey extends VerificationKey {
  readonly kind: TokenKindName;
  readonly mesh: string;
  readonly serial: number;
  /** `prepared` keys verify and are synced, and do not sign yet. */
  readonly phase: 'active' | 'prepared';
  readonly creationTime: number;
}

interface Parts {
  readonly view: ResourceView;
  readonly crypto: TokenCrypto;
  readonly log: Log;
  /** A zone with a global: for kinds that cross as public halves it trusts those alone. */
  readonly federated: boolean;
}

/** The keys that are kept as secrets, parsed once and held in memory, as of the view's revision. */
export class SecretKeys implements KeySource {
  readonly #parts: Parts;
  /** By `kind/mesh`, then by serial. */
  readonly #rings = new Map<string, Map<number, StoredKey>>();
  readonly #listeners = new Set<(moved: KeyName) => void>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#rebuild();
    parts.view.onChange(({ reset, entries }) => {
      if (reset) this.#rebuild();
      else for (const entry of entries) this.#follow(entry);
    });
  }

  find(kind: TokenKindName, mesh: string, kid: string): VerificationKey[] {
    const key = this.#rings.get(ringName(kind, mesh))?.get(Number(kid));
    return key?.kid === kid ? [key] : [];
  }

  /** The key that signs. */
  latest(kind: TokenKindName, mesh: string): StoredKey | undefined {
    return latestOf(this.#rings.get(ringName(kind, mesh))?.values() ?? []);
  }

  /** Every key of a kind and mesh, by rising serial. */
  list(kind: TokenKindName, mesh: string): StoredKey[] {
    return [...(this.#rings.get(ringName(kind, mesh))?.values() ?? [])].sort((a, b) => a.serial - b.serial);
  }

  /**
   * Tells which key came, went or was replaced, in the turn in which it counts from. After a reset of the view all keys
   * are new, and nothing is told.
   */
  onMoved(listener: (moved: KeyName) => void): void {
    this.#listeners.add(listener);
  }

  #rebuild(): void {
    this.#rings.clear();
    for (const type of ['Secret', 'GlobalSecret'] as const) {
      for (const resource of this.#parts.view.list(type)) this.#follow({ key: resource, resource });
    }
  }

  #follow({ key, resource }: Entry): void {
    if (key.type !== 'Secret' && key.type !== 'GlobalSecret') return;
    const role = secretRole(key);
    if ((role.role !== 'signing-key' && role.role !== 'public-key') || role.serial === undefined) return;
    if (role.prefix !== this.#prefixOf(tokenKind(role.kind), key.mesh)) return;
    const name = ringName(role.kind, key.mesh);
    const ring = this.#rings.get(name) ?? new Map<number, StoredKey>();
    const parsed = resource && this.#parse(resource as Secret, role.kind, role.serial);
    if (parsed) ring.set(role.serial, parsed);
    else ring.delete(role.serial);
    if (ring.size > 0) this.#rings.set(name, ring);
    else this.#rings.delete(name);
    const moved = { kind: role.kind, mesh: key.mesh, kid: String(role.serial) };
    for (const listener of this.#listeners) listener(moved);
  }

  #prefixOf(row: TokenKind, mesh: string): string {
    return this.#parts.federated && row.publicKeyPrefix ? row.publicKeyPrefix : row.signingKeyPrefix(mesh);
  }

  #parse(secret: Secret, kind: TokenKindName, serial: number): StoredKey | undefined {
    try {
      return {
        kind,
        mesh: secret.mesh,
        serial,
        kid: String(serial),
        key: this.#parts.crypto.parseKey(secretBytes(secret.spec)),
        foundIn: `${secret.type} "${secret.name}"`,
        phase: secret.labels[LABEL.phase] === 'prepared' ? 'prepared' : 'active',
        creationTime: secret.creationTime,
      };
    } catch (error) {
      // Writes are checked, so only a peer or an older store can bring such a key; the others go on working.
      this.#parts.log.error('a signing key cannot be read and is left out', {
        name: secret.name,
        error: String(error),
      });
      return undefined;
    }
  }
}

function ringName(kind: TokenKindName, mesh: string): string {
  return `${kind}/${tokenKind(kind).secretType === 'Secret' ? mesh : ''}`;
}

/** Of some keys the one that signs: the highest serial that is not `prepared`, compared as numbers. */
export function latestOf<K extends Pick<StoredKey, 'key' | 'phase' | 'serial'>>(keys: Iterable<K>): K | undefined {
  let latest: K | undefined;
  for (const key of keys) {
    if (key.key.isPrivate && key.phase === 'active' && key.serial > (latest?.serial ?? 0)) latest = key;
  }
  return latest;
}
