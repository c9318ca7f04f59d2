import { readFileSync } from 'node:fs';
import { type Clock, invalid } from '@koguma/core';
import type { ServiceAccountVerifier } from '../service-accounts.js';
import type { DpServerSettings } from '../settings.js';
import { clusterKeys } from './cluster-keys.js';
import { tokenReview } from './token-review.js';

/**
 * Whom the settings ask about service accounts: the keys of the cluster, or its API.
 * @throws ControlPlaneError `invalid` when the file of authorities cannot be read
 */
export function serviceAccountVerifier(
  settings: DpServerSettings['serviceAccount'],
  clock: Clock,
): ServiceAccountVerifier {
  const { jwksUri, issuer, tokenReviewUri, credentialFile, audience, caFile } = settings;
  const ca = caFile === '' ? undefined : authoritiesIn(caFile);
  if (jwksUri !== '') return clusterKeys({ jwksUri, issuer, audience, ca }, clock);
  return tokenReview({ uri: tokenReviewUri, credentialFile, audience, ca });
}

function authoritiesIn(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = `got ${JSON.stringify(file)}, which cannot be read (${code})`;
    throw invalid({ field: 'KOGUMA_DP_SERVER_AUTHN_SERVICE_ACCOUNT_CA_FILE', reason });
  }
}
