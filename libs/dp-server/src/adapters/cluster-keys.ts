import { askOverHttps, type Clock, ControlPlaneError } from '@koguma/core';
import { createRemoteJWKSet, customFetch, errors, jwtVerify } from 'jose';
import { readServiceAccountName, type ServiceAccountVerifier } from '../service-accounts.js';

interface Settings {
  readonly jwksUri: string;
  readonly issuer: string;
  readonly audience: string;
  readonly ca: string | undefined;
  /** How soon keys are asked for again when a token names one that is not among them. */
  readonly cooldownMs?: number;
}

/** What clusters sign with. */
const ALGORITHMS = ['RS256', 'ES256', 'ES384', 'ES512'];
/** A key that was taken away counts no longer than this. */
const KEYS_ARE_FRESH_MS = 60_000;
const COOLDOWN_MS = 5_000;

/** Checks service account tokens with the keys that a cluster publishes (RFC 7517), which may be rotated at any time. */
export function clusterKeys(
  { jwksUri, issuer, audience, ca, cooldownMs }: Settings,
  clock: Clock,
): ServiceAccountVerifier {
  const keys = createRemoteJWKSet(new URL(jwksUri), {
    cacheMaxAge: KEYS_ARE_FRESH_MS,
    cooldownDuration: cooldownMs ?? COOLDOWN_MS,
    [customFetch]: async (url) => {
      const { status, text } = await askOverHttps(url, { method: 'GET', ca });
      return new Response(text, { status });
    },
  });
  return {
    async verify(token) {
      try {
        const { payload, protectedHeader } = await jwtVerify(token, keys, {
          issuer,
          audience,
          algorithms: ALGORITHMS,
          requiredClaims: ['exp', 'sub'],
          currentDate: new Date(clock.wall()),
        });
        const account = readServiceAccountName(payload.sub);
        if (!account) return undefined;
        const { kid } = protectedHeader;
        return {
          ...account,
          expiresAt: (payload.exp ?? 0) * 1000,
          ...(kid === undefined ? {} : { kid }),
          ...(payload.jti === undefined ? {} : { jti: payload.jti }),
        };
      } catch (error) {
        return refusedBy(error);
      }
    },
  };
}

/** What is wrong with the token is nobody's business; what is wrong with the cluster is. */
function refusedBy(error: unknown): undefined {
  if (error instanceof ControlPlaneError) throw error;
  const isAboutKeys = error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid;
  if (error instanceof errors.JOSEError && !isAboutKeys && error.code !== 'ERR_JOSE_GENERIC') return undefined;
  const told = `the keys of the cluster cannot be read now: ${(error as Error).message}`;
  throw new ControlPlaneError('unavailable', told, { cause: error });
}
