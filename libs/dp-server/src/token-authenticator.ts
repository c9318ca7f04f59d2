import type { Proof, TokenKindName, TokenValidator } from '@koguma/auth';
import { foreign, trespass } from './boundaries.js';
import type { Authenticator, Claims, Credential, CredentialInfo, Refusal } from './credential.js';
import type { ProxyId, ProxyType } from './proxy.js';
import { STANDS_ON } from './sessions.js';

/** Which tokens are for which proxies; an ingress may show the older kind, too. */
const KINDS: Readonly<Record<ProxyType, readonly TokenKindName[]>> = {
  dataplane: ['dataplane'],
  ingress: ['zone', 'zone-ingress'],
  egress: ['zone'],
};
/** Nobody learns more of a token that they may have made up. */
const NOT_PROVEN = 'the token is not good here';

interface Parts {
  readonly validator: TokenValidator;
  /** The zone of this control plane. */
  readonly zone: string;
}

/** Kuma's `dpToken` and `zoneToken`: the token as it is, without any scheme in front. */
export class TokenAuthenticator implements Authenticator {
  readonly asks = true;
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async prove(token: string, { type, key }: ProxyId): Promise<Credential> {
    const { validator } = this.#parts;
    const proofs = await Promise.all(
      KINDS[type].map((kind) => validator.prove(token, kind, kind === 'dataplane' ? key.mesh : '')),
    );
    const proven = proofs.filter(({ failed }) => failed === undefined);
    return new TokenCredential(this.#parts, proven.length > 0 ? proven : proofs.slice(-1));
  }
}

/** A token, and as which of its possible kinds it is signed. */
class TokenCredential implements Credential {
  readonly info: CredentialInfo;
  readonly standsOn: readonly string[];
  readonly #parts: Parts;
  readonly #proofs: readonly Proof[];

  constructor(parts: Parts, proofs: readonly Proof[]) {
    this.#parts = parts;
    this.#proofs = proofs;
    this.info = infoOf(proofs);
    this.standsOn = proofs.flatMap(({ kind, mesh, token }) => {
      if (!token) return [];
      const id = token.jti === undefined ? [] : [STANDS_ON.token(kind, mesh, token.jti)];
      return [STANDS_ON.key({ kind, mesh, kid: token.kid }), ...id];
    });
  }

  judge(proxy: ProxyId, claims: Claims): Refusal | undefined {
    let refusal: Refusal | undefined;
    for (const proof of this.#proofs) {
      refusal = this.#judge(proof, proxy, claims);
      if (!refusal) return undefined;
    }
    return refusal;
  }

  #judge(proof: Proof, proxy: ProxyId, { said, stored }: Claims): Refusal | undefined {
    const { reason, steps, identity } = this.#parts.validator.judge(proof);
    if (!identity) {
      const detail = `${reason}: ${steps.at(-1)?.detail}`;
      return { told: proof.key ? (steps.at(-1)?.detail ?? NOT_PROVEN) : NOT_PROVEN, detail };
    }
    const wrong =
      foreign(identity, proxy, this.#parts.zone) ??
      (said && trespass(identity, proxy, said)) ??
      (stored && prefixed('what is stored of the proxy is not yours: ', trespass(identity, proxy, stored)));
    return wrong === undefined ? undefined : { told: wrong, detail: `identity_mismatch: ${wrong}` };
  }
}

function infoOf(proofs: readonly Proof[]): CredentialInfo {
  const { kind = 'token', token } = proofs[0] ?? {};
  if (!token) return { kind };
  const { kid, jti, expiresAt } = token;
  return { kind, kid, ...(jti === undefined ? {} : { jti }), expiresAt: expiresAt * 1000 };
}

function prefixed(prefix: string, text: string | undefined): string | undefined {
  return text === undefined ? undefined : prefix + text;
}
