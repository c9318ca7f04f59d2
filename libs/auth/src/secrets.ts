import type { Resource, ResourceKey, SecretSpec } from '@koguma/resources';
import { TOKEN_KINDS, type TokenKind, type TokenKindName } from './token-kinds.js';

export type Secret = Resource<SecretSpec>;

/** The token that a control plane makes for its administrator at first start. */
export const ADMIN_TOKEN_NAME = 'admin-user-token';

/** Names of Kuma's own secrets that hold keys of one control plane. They belong where they were made. */
const LOCAL_SECRETS = [ADMIN_TOKEN_NAME, 'envoy-admin-ca', 'inter-cp-ca'];

/** What a secret is to the token system, told by its name alone. */
export type SecretRole =
  | {
      readonly role: 'signing-key' | 'public-key';
      readonly kind: TokenKindName;
      readonly prefix: string;
      readonly serial: number | undefined;
    }
  | { readonly role: 'revocations'; readonly kind: TokenKindName }
  | { readonly role: 'local' }
  | { readonly role: 'other' };

/** Strict: `-0002`, `-foo` and numbers that JavaScript cannot hold are not serials. */
const SERIAL = /^-([1-9]\d*)$/;

/** Finds the row and the role that a secret's name stands for. */
export function secretRole({ type, mesh, name }: ResourceKey): SecretRole {
  for (const row of TOKEN_KINDS as readonly TokenKind[]) {
    const kind = row.kind as TokenKindName;
    if (row.secretType !== type) {
      // Kuma 2.10 and later look for the dataplane list among the GlobalSecrets; both places count.
      if (type === 'GlobalSecret' && row.secretType === 'Secret' && name.startsWith(row.revocations(''))) {
        return { role: 'revocations', kind };
      }
      continue;
    }
    if (name === row.revocations(mesh)) return { role: 'revocations', kind };
    if (row.publicKeyPrefix && hasPrefix(name, row.publicKeyPrefix)) {
      return { role: 'public-key', kind, prefix: row.publicKeyPrefix, serial: serialOf(name, row.publicKeyPrefix) };
    }
    const prefix = row.signingKeyPrefix(mesh);
    if (hasPrefix(name, prefix)) return { role: 'signing-key', kind, prefix, serial: serialOf(name, prefix) };
  }
  return type === 'GlobalSecret' && isLocalName(name) ? { role: 'local' } : { role: 'other' };
}

/** Also names that only begin like those of a kind that never crosses, such as a misspelt key: they stay as well. */
function isLocalName(name: string): boolean {
  const stays = TOKEN_KINDS.some(({ kind, crossing }) => crossing === 'never' && name.startsWith(`${kind}-token-`));
  return stays || LOCAL_SECRETS.includes(name);
}

/** True for secrets that each control plane keeps for itself, which people may write on a federated zone too. */
export function isKeptLocal(key: ResourceKey): boolean {
  const role = secretRole(key);
  if (role.role === 'local') return true;
  return role.role !== 'other' && TOKEN_KINDS.some(({ kind, crossing }) => kind === role.kind && crossing === 'never');
}

/** Of those, what people write on a zone that has a global: its users' keys and revocations, and its admin token. */
export function isUsersOwn(key: ResourceKey): boolean {
  return isKeptLocal(key) && (secretRole(key).role !== 'local' || key.name === ADMIN_TOKEN_NAME);
}

/** Names that a person can meet, one for each role of each row, for tables and tests that must miss none. */
export function knownSecretNames(mesh: string): ResourceKey[] {
  const keys: ResourceKey[] = LOCAL_SECRETS.map((name) => ({ type: 'GlobalSecret', mesh: '', name }));
  for (const row of TOKEN_KINDS as readonly TokenKind[]) {
    const home = { type: row.secretType, mesh: row.secretType === 'Secret' ? mesh : '' };
    keys.push({ ...home, name: `${row.signingKeyPrefix(mesh)}-1` }, { ...home, name: row.revocations(mesh) });
    if (row.publicKeyPrefix) keys.push({ ...home, name: `${row.publicKeyPrefix}-1` });
    if (row.secretType === 'Secret') keys.push({ type: 'GlobalSecret', mesh: '', name: row.revocations(mesh) });
  }
  return keys;
}

/** The bytes of a secret; empty when it holds none. */
export function secretBytes(spec: SecretSpec): Uint8Array {
  return Buffer.from(spec.data ?? '', 'base64');
}

/** The bytes of a secret as text (UTF-8). */
export function secretText(spec: SecretSpec): string {
  return Buffer.from(spec.data ?? '', 'base64').toString('utf8');
}

/** The spec of a secret that holds `text`. */
export function secretSpec(text: string): SecretSpec {
  return { data: Buffer.from(text, 'utf8').toString('base64') };
}

function hasPrefix(name: string, prefix: string): boolean {
  return name === prefix || name.startsWith(`${prefix}-`);
}

function serialOf(name: string, prefix: string): number | undefined {
  const digits = SERIAL.exec(name.slice(prefix.length))?.[1];
  const serial = Number(digits);
  return digits !== undefined && Number.isSafeInteger(serial) ? serial : undefined;
}
