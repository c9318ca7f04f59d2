import { ControlPlaneError, rfc3339 } from '@koguma/core';
import type { ResourceKey, ResourceView } from '@koguma/resources';
import type { AccessRight } from './access-right.js';
import type { TokenIssuer } from './issuer.js';
import type { ControlPlaneRole } from './ownership.js';
import type { SecretKeys, VerificationKey } from './signing-keys.js';
import type { StaticKey } from './static-keys.js';
import { TOKEN_KINDS, type TokenKind, type TokenKindName } from './token-kinds.js';

/** Control planes of the same topology. */
export type Elsewhere = 'global' | 'zones';

/** Whether something can be done here; the reason is what who tries it is told. */
export interface Ability {
  readonly possible: boolean;
  readonly reason?: string;
  /** Where else it can be done with the same effect. */
  readonly elsewhere: readonly Elsewhere[];
}

/** A key, by what may be told of it. */
export interface KnownKey {
  readonly kid: string;
  /** RFC 7638, SHA-256: the same for both halves. */
  readonly thumbprint: string;
  readonly foundIn: string;
}

/** What a control plane can do with the tokens of one kind, or of one kind in one mesh. */
export interface Capability {
  readonly kind: TokenKindName;
  /** Of kinds whose keys live in meshes. */
  readonly mesh?: string;
  readonly issue: Ability & { readonly right: AccessRight; readonly signer?: KnownKey & { readonly since: string } };
  readonly verify: { readonly possible: boolean; readonly keys: readonly KnownKey[] };
  readonly revoke: Ability & { readonly list: Pick<ResourceKey, 'type' | 'name'> };
  /** Making keys and removing them. */
  readonly rotate: Ability;
}

/** Who is asked. */
export interface CapabilityParts {
  readonly role: ControlPlaneRole;
  readonly settings: {
    readonly switches: Readonly<Record<TokenKind['switches'], { readonly useSecrets: boolean }>>;
    readonly staticKeys: readonly StaticKey[];
  };
  readonly keys: SecretKeys;
  readonly issuer: TokenIssuer;
  readonly view: ResourceView;
  /** Why people cannot write a resource here. */
  readonly readOnlyReason: (key: ResourceKey) => string | undefined;
}

/** Follows from the table of kinds and what is true now; each answer is the one that who tries it gets. */
export function capabilitiesOf(parts: CapabilityParts): Capability[] {
  const meshes = parts.view.list('Mesh').map(({ name }) => name);
  return (TOKEN_KINDS as readonly TokenKind[]).flatMap((row) =>
    (row.secretType === 'Secret' ? meshes : ['']).map((mesh) => capability(row, mesh, parts)),
  );
}

function capability(row: TokenKind, mesh: string, parts: CapabilityParts): Capability {
  const kind = row.kind as TokenKindName;
  const list = { type: row.secretType, name: row.revocations(mesh) };
  const keys = verificationKeys(row, mesh, parts);
  return {
    kind,
    ...(mesh === '' ? {} : { mesh }),
    issue: { ...issuing(row, mesh, parts), right: row.right },
    verify: { possible: keys.length > 0, keys },
    revoke: { ...writing({ ...list, mesh }, row, parts), list },
    rotate: writing({ ...list, mesh, name: `${row.signingKeyPrefix(mesh)}-1` }, row, parts),
  };
}

function issuing(row: TokenKind, mesh: string, { issuer, role }: CapabilityParts) {
  const elsewhere = { private: ['global', 'zones'], public: ['global'], never: [] } as const;
  const others = elsewhere[row.crossing].filter((place) => role !== 'stand-alone-zone' && place !== role);
  try {
    const signer = issuer.signer(row.kind as TokenKindName, mesh);
    return { possible: true, signer: { ...known(signer), since: rfc3339(signer.creationTime) }, elsewhere: others };
  } catch (error) {
    return { possible: false, reason: ControlPlaneError.from(error).message, elsewhere: others };
  }
}

function writing(key: ResourceKey, { crossing }: TokenKind, { role, readOnlyReason }: CapabilityParts): Ability {
  const reason = readOnlyReason(key);
  const elsewhere: Elsewhere[] = role === 'federated-zone' && crossing !== 'never' ? ['global'] : [];
  return { possible: reason === undefined, ...(reason === undefined ? {} : { reason }), elsewhere };
}

function verificationKeys({ kind: name, switches }: TokenKind, mesh: string, { settings, keys }: CapabilityParts) {
  const kind = name as TokenKindName;
  const stored = settings.switches[switches].useSecrets ? keys.list(kind, mesh).map(known) : [];
  const configured = settings.staticKeys
    .filter((key) => key.kind === kind && (key.mesh === undefined || key.mesh === mesh))
    .map(known);
  return [...stored, ...configured];
}

function known({ kid, key, foundIn }: VerificationKey): KnownKey {
  return { kid, thumbprint: key.thumbprint, foundIn };
}
