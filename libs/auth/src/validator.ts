import { type Clock, ControlPlaneError, epochSeconds, type Observer, rfc3339, UNOBSERVED } from '@koguma/core';
import type { ResourceView } from '@koguma/resources';
import type { TokenCrypto } from './crypto.js';
import { canBeListed, type Revocations } from './revocations.js';
import type { KeySource, VerificationKey } from './signing-keys.js';
import { type Identity, readIdentity, type TokenKindName, tokenKind } from './token-kinds.js';
import { type ReadToken, type RejectionReason, readToken, UnreadableToken } from './token-reader.js';
import type { TokenName, TraceSubject } from './traces.js';

/** One thing that was looked at, for people who ask why. */
export interface Step {
  readonly step: 'header' | 'key' | 'signature' | 'times' | 'revocation' | 'identity';
  readonly ok: boolean;
  readonly detail: string;
}

/** What was found out about a token, step by step; `reason` is there exactly when it is refused. */
export interface Verdict {
  readonly accepted: boolean;
  readonly reason?: RejectionReason;
  readonly steps: readonly Step[];
  /** The custom claims, once everything is proven. */
  readonly identity?: Identity;
}

/** A token whose signature is proven, or what stood in the way. Holds nothing of the store's state. */
export interface Proof {
  readonly kind: TokenKindName;
  readonly mesh: string;
  readonly token: ReadToken | undefined;
  /** The key that made the signature. */
  readonly key: VerificationKey | undefined;
  readonly failed: RejectionReason | undefined;
  readonly steps: readonly Step[];
  /** What the claims say, of whom and for which mesh; undefined with the reason when they do not fit. */
  readonly identity: { readonly proven: Identity | undefined; readonly step: Step } | undefined;
}

/** Thrown where a token must be good. The message is for the log and for whoever holds the token. */
export class TokenRejected extends ControlPlaneError {
  constructor(
    readonly reason: RejectionReason,
    detail: string,
  ) {
    super('unauthenticated', detail);
  }
}

interface Parts {
  readonly sources: readonly KeySource[];
  readonly revocations: Revocations;
  readonly crypto: TokenCrypto;
  readonly view: ResourceView;
  readonly clock: Clock;
  /** Adds what only this control plane knows, e.g. that it never met its global; '' when there is nothing. */
  readonly hint: (kind: TokenKindName) => string;
  readonly observer?: Observer | undefined;
  /** Told of tokens that are refused because they are revoked, or because their key is not here. */
  readonly refused?: (token: TokenName, because: TraceSubject['of']) => void;
}

/**
 * Checks tokens, in two parts. `prove` does what is slow and depends on the token alone: reading it, and its
 * signature. `judge` does what depends on state that changes (the key is still there, the time, the revocations), in
 * one synchronous step: call it in the turn in which a stream is registered, and again whenever state changed, and
 * no revocation can fall in between.
 */
export class TokenValidator {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** @param mesh whose keys count, for kinds whose keys live in meshes; '' for the others */
  prove(token: string, kind: TokenKindName, mesh: string): Promise<Proof> {
    const { observer = UNOBSERVED } = this.#parts;
    return observer.step('token check', { kind }, async (tell) => {
      const proof = await this.#prove(token, kind, mesh);
      // Who made a kid up does not make up a row of a metric.
      if (observer !== UNOBSERVED)
        tell({ kid: proof.key?.kid ?? 'unknown', result: this.#judge(proof).reason ?? 'accepted' });
      return proof;
    });
  }

  async #prove(token: string, kind: TokenKindName, mesh: string): Promise<Proof> {
    if ((tokenKind(kind).secretType === 'Secret') !== (mesh !== '')) throw new TypeError(`which mesh's ${kind} keys?`);
    const proof = { kind, mesh, token: undefined, key: undefined, identity: undefined };
    let read: ReadToken;
    try {
      read = readToken(token);
    } catch (error) {
      if (!(error instanceof UnreadableToken)) throw error;
      return { ...proof, failed: error.reason, steps: [step('header', false, error.detail)] };
    }
    const header = step('header', true, `RS256, kid ${JSON.stringify(read.kid)}`);
    const keys = this.#keys(kind, mesh, read.kid);
    if (keys.length === 0) {
      await this.#parts.crypto.verify(token, this.#parts.crypto.decoy); // as much work as for a kid that is known
      return {
        ...proof,
        token: read,
        failed: 'unknown_kid',
        steps: [header, step('key', false, this.#unknown(kind, mesh, read.kid))],
      };
    }
    for (const key of keys) {
      if (!(await this.#parts.crypto.verify(token, key.key))) continue;
      const steps = [header, found([key]), signature(true, key)];
      return { kind, mesh, token: read, key, failed: undefined, steps, identity: identityOf(kind, mesh, read) };
    }
    return { ...proof, token: read, failed: 'bad_signature', steps: [header, found(keys), signature(false, ...keys)] };
  }

  /** Decides, from state in memory, whether a proven token is good now. */
  judge(proof: Proof): Verdict {
    const verdict = this.#judge(proof);
    const { reason } = verdict;
    if (reason === 'revoked' || reason === 'unknown_kid')
      this.#tell(proof, reason === 'revoked' ? 'revocation' : 'key');
    return verdict;
  }

  #tell({ kind, mesh, token }: Proof, because: TraceSubject['of']): void {
    if (token) this.#parts.refused?.({ kind, mesh, kid: token.kid, jti: token.jti }, because);
  }

  #judge({ kind, mesh, token, key, failed, steps, identity }: Proof): Verdict {
    if (failed !== undefined || !token || !key || !identity) return rejected(failed ?? 'malformed', steps);
    const known = this.#keys(kind, mesh, key.kid);
    if (!known.some((other) => other.key.thumbprint === key.key.thumbprint)) {
      const header = steps.slice(0, 1);
      return known.length === 0
        ? rejected('unknown_kid', [...header, step('key', false, this.#unknown(kind, mesh, key.kid))])
        : rejected('bad_signature', [...header, found(known), signature(false)]); // replaced under its own name
    }

    const now = epochSeconds(this.#parts.clock);
    const times = timesOf(token, now);
    if (times.failed) return rejected(times.failed, [...steps, times.step]);

    const { revoked, list, size } = this.#parts.revocations.check(kind, mesh, token.jti);
    const at = `revision ${this.#parts.view.revision.n}, ${size} ids`;
    const listed = step('revocation', !revoked, revocationDetail(token.jti, revoked, list, at));
    if (revoked) return rejected('revoked', [...steps, times.step, listed]);

    const all = [...steps, times.step, listed, identity.step];
    return identity.proven
      ? { accepted: true, steps: all, identity: identity.proven }
      : rejected('identity_mismatch', all);
  }

  /** Both parts at once, for callers that ask once. Never throws for what is wrong with a token. */
  async verify(token: string, kind: TokenKindName, mesh = ''): Promise<Verdict> {
    return this.judge(await this.prove(token, kind, mesh));
  }

  /** The identity that a token proves. @throws TokenRejected */
  async authenticate(token: string, kind: TokenKindName, mesh = ''): Promise<Identity> {
    const { reason, steps, identity } = await this.verify(token, kind, mesh);
    if (reason !== undefined || !identity)
      throw new TokenRejected(reason ?? 'malformed', steps.at(-1)?.detail ?? 'the token is refused');
    return identity;
  }

  #keys(kind: TokenKindName, mesh: string, kid: string): VerificationKey[] {
    return this.#parts.sources.flatMap((source) => source.find(kind, mesh, kid));
  }

  #unknown(kind: TokenKindName, mesh: string, kid: string): string {
    const scope = mesh === '' ? '' : ` of mesh ${JSON.stringify(mesh)}`;
    const hint = this.#parts.hint(kind);
    const advice = hint === '' ? 'if the signing key was rotated, make a new token' : hint;
    return `there is no ${kind} signing key${scope} with kid ${JSON.stringify(kid)} here: ${advice}`;
  }
}

function timesOf(token: ReadToken, now: number): { failed?: RejectionReason; step: Step } {
  const until = rfc3339(token.expiresAt * 1000);
  if (now >= token.expiresAt)
    return { failed: 'expired', step: step('times', false, `expired at ${until}, now ${rfc3339(now * 1000)}`) };
  if (token.notBefore !== undefined && now < token.notBefore) {
    const detail = `not valid before ${rfc3339(token.notBefore * 1000)}, now ${rfc3339(now * 1000)}: check the clock of the issuer and of this machine`;
    return { failed: 'not_yet_valid', step: step('times', false, detail) };
  }
  return { step: step('times', true, `valid until ${until}`) };
}

function revocationDetail(jti: string | undefined, revoked: boolean, list: string, at: string): string {
  if (jti === undefined) return `the token has no jti, so it cannot be revoked singly (${list}, ${at})`;
  if (!canBeListed(jti)) return `no list can hold the token's jti, so it cannot be revoked singly (${list}, ${at})`;
  return `${jti} is ${revoked ? '' : 'not '}on ${list} (${at})`;
}

/** A claim that is absent binds to nothing; one that is there must fit the mesh whose keys were used. */
function identityOf(kind: TokenKindName, mesh: string, { claims }: ReadToken): NonNullable<Proof['identity']> {
  const read = readIdentity(kind, claims);
  if ('problem' in read) return { proven: undefined, step: step('identity', false, read.problem) };
  const { Mesh } = read.identity;
  if (mesh !== '' && Mesh !== '' && Mesh !== mesh) {
    const detail = `the token is for mesh ${JSON.stringify(Mesh)}, not for ${JSON.stringify(mesh)}`;
    return { proven: undefined, step: step('identity', false, detail) };
  }
  return { proven: read.identity, step: step('identity', true, JSON.stringify(read.identity)) };
}

function found(keys: readonly VerificationKey[]): Step {
  return step('key', true, keys.map(({ key, foundIn }) => `${foundIn}, thumbprint ${key.thumbprint}`).join('; '));
}

function signature(ok: boolean, ...keys: VerificationKey[]): Step {
  if (ok) return step('signature', true, `made by the key with thumbprint ${keys[0]?.key.thumbprint}`);
  return step(
    'signature',
    false,
    'the kid is the same and the key is not: another key of this name signed the token, on another control plane or before it was replaced',
  );
}

function step(name: Step['step'], ok: boolean, detail: string): Step {
  return { step: name, ok, detail };
}

function rejected(reason: RejectionReason, steps: readonly Step[]): Verdict {
  return { accepted: false, reason, steps };
}
