import { readFile } from 'node:fs/promises';
import { askOverHttps, ControlPlaneError } from '@koguma/core';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { z } from 'zod';
import { readServiceAccountName, type ServiceAccountVerifier } from '../service-accounts.js';

interface Settings {
  /** Of the cluster's API, `https://host:port`. */
  readonly uri: string;
  /** What this control plane shows; read each time, since clusters write it anew. */
  readonly credentialFile: string;
  /** '' leaves it to the cluster. */
  readonly audience: string;
  readonly ca: string | undefined;
}

const API = '/apis/authentication.k8s.io/v1/tokenreviews';
const review = z.object({
  status: z.object({
    authenticated: z.boolean().optional(),
    user: z.object({ username: z.string() }).optional(),
    audiences: z.array(z.string()).optional(),
  }),
});

/** Asks a cluster's API whose a token is (Kubernetes' TokenReview). */
export function tokenReview({ uri, credentialFile, audience, ca }: Settings): ServiceAccountVerifier {
  const url = new URL(API, uri).href;
  return {
    async verify(token) {
      const audiences = audience === '' ? [] : [audience];
      const { status, text } = await askOverHttps(url, {
        method: 'POST',
        ca,
        headers: { 'content-type': 'application/json', authorization: `Bearer ${await credential(credentialFile)}` },
        body: JSON.stringify({
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenReview',
          spec: { token, ...(audience === '' ? {} : { audiences }) },
        }),
      });
      if (status !== 200 && status !== 201) throw unanswered(`it answered ${status}`);
      const { authenticated, user, audiences: granted } = read(text);
      const account = readServiceAccountName(user?.username);
      // A cluster that knows nothing of audiences names none, and then it was not asked about ours.
      const isMeant = audiences.every((one) => granted?.includes(one));
      return authenticated && account && isMeant ? { ...account, ...aboutOf(token) } : undefined;
    },
  };
}

async function credential(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw unanswered(`the credential for it, ${file}, cannot be read`, cause);
  }
}

function read(text: string): z.infer<typeof review>['status'] {
  try {
    return review.parse(JSON.parse(text)).status;
  } catch (cause) {
    throw unanswered('its answer is not a TokenReview', cause);
  }
}

/** The cluster has checked the token: what it says of itself is true. */
function aboutOf(token: string): { expiresAt: number; kid?: string; jti?: string } {
  try {
    const { exp = 0, jti } = decodeJwt(token);
    const { kid } = decodeProtectedHeader(token);
    return { expiresAt: exp * 1000, ...(kid === undefined ? {} : { kid }), ...(jti === undefined ? {} : { jti }) };
  } catch {
    return { expiresAt: 0 }; // not a JWT: an older kind of token, which never expires and is not taken
  }
}

function unanswered(why: string, cause?: unknown): ControlPlaneError {
  return new ControlPlaneError('unavailable', `the cluster cannot be asked about service accounts: ${why}`, { cause });
}
