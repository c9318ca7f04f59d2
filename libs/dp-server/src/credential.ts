import { ControlPlaneError } from '@koguma/core';
import type { Claim, ProxyId } from './proxy.js';

/** What is known of a credential, for insights and the log: enough to find it, never enough to use it. */
export interface CredentialInfo {
  /** A kind of token, `serviceAccount`, or `none` where nothing is asked for. */
  readonly kind: string;
  readonly kid?: string;
  readonly jti?: string;
  /** Milliseconds of `wall`. */
  readonly expiresAt?: number;
}

/** Why somebody is refused. */
export interface Refusal {
  /** For who holds the credential. */
  readonly told: string;
  /** For the log: it may say what only a control plane may know. */
  readonly detail: string;
}

/** What a proxy may be with a credential is asked about each of these. */
export interface Claims {
  /** What the proxy brings along to be stored. */
  readonly said: Claim | undefined;
  readonly stored: Claim | undefined;
}

/**
 * Something that a proxy showed, with everything that is slow behind it. Judging costs next to nothing and is
 * synchronous, so that a stream is registered in the turn in which it was allowed, and can be judged again at any time.
 */
export interface Credential {
  readonly info: CredentialInfo;
  /** Names of what it stands on (see `Sessions`): when one of them moves, it may be worth nothing. */
  readonly standsOn: readonly string[];
  /** Decides from memory, as of now. */
  judge(proxy: ProxyId, claims: Claims): Refusal | undefined;
}

/** One way in which proxies prove who they are. */
export interface Authenticator {
  /** False where nothing is asked for. */
  readonly asks: boolean;
  /**
   * Does what is slow, and decides nothing.
   * @throws ControlPlaneError `unavailable` when nobody can tell now
   */
  prove(shown: string, proxy: ProxyId): Promise<Credential>;
}

/** Kuma's `none`: whoever comes may be what they say. */
export const noAuthentication: Authenticator = {
  asks: false,
  prove: async () => ({ info: { kind: 'none' }, standsOn: [], judge: () => undefined }),
};

/** The refusal as a peer is told of it. */
export function unauthenticated({ told, detail }: Refusal): ControlPlaneError {
  return new ControlPlaneError('unauthenticated', `authentication failed: ${told}`, { cause: new Error(detail) });
}
