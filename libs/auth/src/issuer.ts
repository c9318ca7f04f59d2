import {
  type Clock,
  ControlPlaneError,
  type Entropy,
  epochSeconds,
  invalid,
  type Observer,
  UNOBSERVED,
} from '@koguma/core';
import { LABEL } from '@koguma/resources';
import type { RsaKey, TokenCrypto } from './crypto.js';
import type { IssuedTokens } from './issued-tokens.js';
import type { SecretKeys, StoredKey } from './signing-keys.js';
import { type Identity, type TokenKindName, type TokenRequest, tokenKind } from './token-kinds.js';
import { LONGEST_TOKEN } from './token-reader.js';

/** Tokens are good this long before they are made, for validators whose clock is behind. */
const NOT_BEFORE_SECONDS = 300;

/** What signing takes, whoever signs. */
export interface SigningPorts {
  readonly crypto: TokenCrypto;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

interface Parts extends SigningPorts {
  readonly keys: SecretKeys;
  /** False where the configuration says that this control plane issues no tokens of the kind. */
  readonly enabled: (kind: TokenKindName) => boolean;
  /** Says why a key may be missing here and where to go; '' when there is nothing to add. */
  readonly hint: (kind: TokenKindName) => string;
  readonly observer?: Observer | undefined;
  /** Counts what is issued, where that is wanted. */
  readonly issued?: IssuedTokens | undefined;
}

/** Makes tokens. Nothing of them is stored; where it is wanted, they are counted. */
export class TokenIssuer {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Signs with the latest key of the kind (and mesh); see {@link makeToken}.
   * @throws ControlPlaneError `signing_key_not_found`, `issuer_disabled`, `invalid`
   */
  async issue(kind: TokenKindName, { identity, mesh }: TokenRequest, validForSeconds: number): Promise<string> {
    const { observer = UNOBSERVED, issued, clock } = this.#parts;
    return observer.step('token issue', { kind }, async (tell) => {
      const signer = this.signer(kind, mesh);
      tell({ kid: signer.kid });
      const token = await makeToken(signer, identity, validForSeconds, this.#parts);
      issued?.record(signer, epochSeconds(clock) + validForSeconds);
      return token;
    });
  }

  /** The key that signs now. @throws ControlPlaneError `signing_key_not_found`, `issuer_disabled` */
  signer(kind: TokenKindName, mesh: string): StoredKey {
    if (!this.#parts.enabled(kind)) {
      throw new ControlPlaneError('issuer_disabled', 'issuing tokens using the control plane is disabled.');
    }
    const signing = this.#parts.keys.latest(kind, mesh);
    if (!signing) throw this.#missing(kind, mesh);
    return signing;
  }

  #missing(kind: TokenKindName, mesh: string): ControlPlaneError {
    const row = tokenKind(kind);
    const where = row.secretType === 'Secret' ? ` in mesh "${mesh}"` : '';
    const waiting = this.#parts.keys.list(kind, mesh).findLast(({ key }) => key.isPrivate);
    if (waiting) {
      const advice = `take its label ${LABEL.phase} away, or create a key with a higher serial`;
      const told = `${waiting.foundIn}${where} is prepared and does not sign yet, and no other key is there: ${advice}`;
      return new ControlPlaneError('signing_key_not_found', told);
    }
    const advice =
      this.#parts.hint(kind) || (where === '' ? 'create one' : 'create one, or check that the mesh exists');
    const missing = `there is no signing key with KID 1. ${row.secretType} of name "${row.signingKeyPrefix(mesh)}-1"${where} is not found`;
    return new ControlPlaneError('signing_key_not_found', `${missing}: ${advice}`);
  }
}

/**
 * Signs an identity. `iat` is now, `nbf` five minutes before, `exp` is `validForSeconds` after, `jti` a new UUID.
 * @throws ControlPlaneError `invalid` when the token would be longer than control planes read
 */
export async function makeToken(
  { kid, key }: { readonly kid: string; readonly key: RsaKey },
  identity: Identity,
  validForSeconds: number,
  { crypto, clock, entropy }: SigningPorts,
): Promise<string> {
  const issuedAt = epochSeconds(clock);
  const claims = {
    ...identity,
    exp: issuedAt + validForSeconds,
    nbf: issuedAt - NOT_BEFORE_SECONDS,
    iat: issuedAt,
    jti: entropy.uuid(),
  };
  const token = await crypto.sign(kid, claims, key);
  if (token.length <= LONGEST_TOKEN) return token;
  const reason = `would make a token of ${token.length} characters: no control plane reads more than ${LONGEST_TOKEN}`;
  throw invalid({ field: 'body', reason });
}
