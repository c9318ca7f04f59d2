import type { Violation } from '@koguma/core';
import { LABEL, type Opinion, type SecretSpec, type Write, type WriteHook } from '@koguma/resources';
import type { RsaKey, TokenCrypto } from './crypto.js';
import { notTokenIds, parseRevocations } from './revocations.js';
import { type SecretRole, secretBytes, secretRole, secretSpec, secretText } from './secrets.js';
import { latestOf, type SecretKeys, type StoredKey } from './signing-keys.js';

type KeyRole = Extract<SecretRole, { role: 'signing-key' | 'public-key' }>;

/**
 * Rules for secrets with a name that the token system reads: a bad key is refused before it is stored, so it can
 * never break issuing or syncing, and whoever takes away a key or writes a list that cannot work is told.
 */
export function secretWriteChecks(crypto: TokenCrypto, keys: SecretKeys): WriteHook {
  return {
    validate(write): Opinion {
      if (write.key.type !== 'Secret' && write.key.type !== 'GlobalSecret') return {};
      const role = secretRole(write.key);
      if (role.role === 'revocations') return checkRevocations(write);
      if (role.role !== 'signing-key' && role.role !== 'public-key') return {};
      // Who may write a public half has the private one too, and never looks at the public one.
      const known = role.role === 'public-key' ? [] : keys.list(role.kind, write.key.mesh);
      return write.next ? checkKey(write, role, crypto, known) : warnOfDeletion(role, known);
    },
  };
}

function checkRevocations({ next }: Write): Opinion {
  if (!next) return {};
  const strange = notTokenIds(parseRevocations(secretText(next.spec as SecretSpec)));
  if (strange.length === 0) return {};
  const shown = strange.slice(0, 3).map((entry) => JSON.stringify(entry.slice(0, 40)));
  return {
    warnings: [`${strange.length} of the entries cannot be the id (jti, a UUID) of a token: ${shown.join(', ')}`],
  };
}

function checkKey(write: Write, role: KeyRole, crypto: TokenCrypto, known: readonly StoredKey[]): Opinion {
  const violations: Violation[] = [];
  if (role.serial === undefined) {
    violations.push({
      field: 'name',
      reason: `must be ${role.prefix}-{serial number}, the number from 1 on without leading zeros`,
    });
  }
  const key = parse(write, role, crypto, violations);
  if (!key || violations.length > 0) return { violations };
  const pem = role.role === 'public-key' ? key.publicPem : key.pem;
  return { spec: secretSpec(pem), warnings: warnOfKey(write, role, key, known) };
}

function parse({ next }: Write, role: KeyRole, crypto: TokenCrypto, violations: Violation[]): RsaKey | undefined {
  try {
    const key = crypto.parseKey(secretBytes((next?.spec ?? {}) as SecretSpec));
    if (key.isPrivate || role.role === 'public-key') return key;
    violations.push({ field: 'data', reason: 'is a public key: a signing key needs the private one' });
  } catch (error) {
    violations.push({ field: 'data', reason: (error as RangeError).message });
  }
  return undefined;
}

function warnOfKey({ next, previous }: Write, role: KeyRole, key: RsaKey, known: readonly StoredKey[]): string[] {
  const warnings: string[] = [];
  const replaced = known.find(({ serial }) => serial === role.serial);
  if (previous && replaced && replaced.key.thumbprint !== key.thumbprint) {
    warnings.push(
      `this replaces another key with serial ${role.serial}: tokens that it signed are refused from now on`,
    );
  }
  const phase = next?.labels[LABEL.phase] === 'prepared' ? ('prepared' as const) : ('active' as const);
  const serial = role.serial ?? 0;
  const signing = latestOf(known)?.serial ?? 0;
  if (!previous && phase === 'active' && serial < signing) {
    warnings.push(`serial ${signing} is higher and goes on signing: a new key needs a higher serial`);
  }
  warnings.push(...warnOfSigner(known, [...known.filter((other) => other.serial !== serial), { key, phase, serial }]));
  const twin = known.find((other) => other.serial !== role.serial && other.key.thumbprint === key.thumbprint);
  if (twin) warnings.push(`this is the same key as serial ${twin.serial}: nothing is rotated by it`);
  return warnings;
}

function warnOfDeletion(role: KeyRole, known: readonly StoredKey[]): Opinion {
  const gone = known.find(({ serial }) => serial === role.serial);
  if (!gone) return {};
  const left = known.filter((other) => other !== gone);
  const refused = `${role.kind} tokens with kid ${gone.kid} are refused from now on`;
  return { warnings: [refused, ...warnOfSigner(known, left)] };
}

type Signer = Pick<StoredKey, 'key' | 'phase' | 'serial'>;

/** What it means for issuing that these keys become those. */
function warnOfSigner(before: readonly Signer[], after: readonly Signer[]): string[] {
  const [signing, next] = [latestOf(before)?.serial, latestOf(after)?.serial];
  if (signing === undefined) return [];
  if (next === undefined) return ['no key is left that signs: none can be issued until there is a new one'];
  return next < signing ? [`serial ${next}, an older key, signs from now on`] : [];
}
