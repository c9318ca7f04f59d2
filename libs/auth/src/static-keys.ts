import { ControlPlaneError, type PublicKeySetting, type Violation } from '@koguma/core';
import type { RsaKey, TokenCrypto } from './crypto.js';
import type { KeySource, VerificationKey } from './signing-keys.js';
import type { TokenKindName } from './token-kinds.js';

/** A public key given by configuration, for tokens that are signed elsewhere. */
export interface StaticKey extends VerificationKey {
  readonly kind: TokenKindName;
  /** Undefined: good for every mesh. */
  readonly mesh: string | undefined;
}

/** The keys that the configuration lists, beside those that are kept as secrets. */
export class StaticKeys implements KeySource {
  constructor(private readonly keys: readonly StaticKey[]) {}

  find(kind: TokenKindName, mesh: string, kid: string): VerificationKey[] {
    return this.keys.filter(
      (key) => key.kind === kind && key.kid === kid && (key.mesh === undefined || key.mesh === mesh),
    );
  }
}

/** One list of the configuration. */
export interface PublicKeyList {
  readonly kind: TokenKindName;
  /** Where it is: `apiServer.authn.tokens.validator.publicKeys`. */
  readonly path: string;
  readonly keys: readonly PublicKeySetting[];
}

/**
 * Reads the public keys of a configuration. A key is of one kind of token only: with one key for two kinds, a token
 * of a proxy that is named `mesh-system:admin` would be one of the administrator.
 * @param readFile the bytes of a `keyFile`; throws an Error when it cannot be read
 * @throws ControlPlaneError `invalid` that names every key that is wrong, by its place in the configuration
 */
export function readPublicKeys(
  lists: readonly PublicKeyList[],
  parseKey: TokenCrypto['parseKey'],
  readFile: (path: string) => Uint8Array,
): StaticKey[] {
  const found: StaticKey[] = [];
  const violations: Violation[] = [];
  for (const { kind, path, keys } of lists) {
    for (const [index, setting] of keys.entries()) {
      const place = `${path}[${index}]`;
      try {
        const key = readPublicKey(setting, parseKey, readFile);
        const twin = found.find((other) => other.kind !== kind && other.key.thumbprint === key.thumbprint);
        if (twin) throw new RangeError(`is the key of ${twin.foundIn} too: each kind of token needs keys of its own`);
        found.push({ kind, kid: setting.kid, mesh: setting.mesh, key, foundIn: place });
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        const member = setting.keyFile === undefined ? 'key' : 'keyFile';
        violations.push({ field: `${place}.${member}`, reason: error.message });
      }
    }
  }
  if (violations.length === 0) return found;
  const told = violations.map(({ field, reason }) => `${field}: ${reason}`).join('; ');
  throw new ControlPlaneError('invalid', `configuration is not valid: ${told}`, { violations });
}

function readPublicKey(
  { key, keyFile }: PublicKeySetting,
  parseKey: TokenCrypto['parseKey'],
  readFile: (path: string) => Uint8Array,
): RsaKey {
  const parsed = parseKey(keyFile === undefined ? new TextEncoder().encode(key) : fileContent(keyFile, readFile));
  if (!parsed.isPrivate) return parsed;
  throw new RangeError('is a private key: give its public half alone, as of openssl rsa -pubout');
}

function fileContent(path: string, readFile: (path: string) => Uint8Array): Uint8Array {
  try {
    return readFile(path);
  } catch (error) {
    throw new RangeError(`cannot be read: ${(error as Error).message}`, { cause: error });
  }
}
