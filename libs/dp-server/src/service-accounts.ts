import type { Clock } from '@koguma/core';
import type { Authenticator, Claims, Credential, CredentialInfo, Refusal } from './credential.js';
import type { ProxyId } from './proxy.js';

/** A service account of a Kubernetes cluster, as its token proves it. */
export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
  /** Milliseconds of `wall`. */
  readonly expiresAt: number;
  readonly kid?: string;
  readonly jti?: string;
}

/** Somebody who can tell whose a token is: the cluster's keys, or its API. */
export interface ServiceAccountVerifier {
  /**
   * @returns undefined for a token that is not good, with nobody told why
   * @throws ControlPlaneError `unavailable` when nobody can tell now
   */
  verify(token: string): Promise<ServiceAccount | undefined>;
}

/** What a control plane that runs in the cluster stores of the pod of a proxy. */
const NAMESPACE = 'k8s.kuma.io/namespace';
const SERVICE_ACCOUNT = 'k8s.kuma.io/service-account';

const UNPROVEN: Refusal = { told: 'the service account token is not good here', detail: 'the token was not proven' };

/** Kuma's `serviceAccountToken`: a proxy is whoever its pod is, as it is stored here. */
export class ServiceAccountAuthenticator implements Authenticator {
  readonly asks = true;

  constructor(
    private readonly verifier: ServiceAccountVerifier,
    private readonly clock: Clock,
  ) {}

  async prove(token: string): Promise<Credential> {
    const account = await this.verifier.verify(token);
    const judge = (_: ProxyId, { stored }: Claims) =>
      account ? objection(account, stored, this.clock.wall()) : UNPROVEN;
    return { info: infoOf(account), standsOn: [], judge };
  }
}

/** Only what is stored counts: a proxy says of itself what it likes. */
function objection(account: ServiceAccount, stored: Claims['stored'], now: number): Refusal | undefined {
  if (now >= account.expiresAt) return refusal('the service account token has expired');
  const { [NAMESPACE]: namespace, [SERVICE_ACCOUNT]: name } = stored?.labels ?? {};
  if (namespace === undefined || name === undefined)
    return refusal(`nothing is stored of this proxy's pod: it needs the labels ${NAMESPACE} and ${SERVICE_ACCOUNT}`);
  if (namespace === account.namespace && name === account.name) return undefined;
  return refusal(`this proxy is of another service account than ${account.namespace}/${account.name}`);
}

function refusal(told: string): Refusal {
  return { told, detail: told };
}

function infoOf(account: ServiceAccount | undefined): CredentialInfo {
  const { kid, jti, expiresAt } = account ?? {};
  return {
    kind: 'serviceAccount',
    ...(kid === undefined ? {} : { kid }),
    ...(jti === undefined ? {} : { jti }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}

/** Reads Kubernetes' name of a service account, `system:serviceaccount:{namespace}:{name}`. */
export function readServiceAccountName(username: unknown): { namespace: string; name: string } | undefined {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(String(username)) ?? [];
  return namespace !== undefined && name !== undefined ? { namespace, name } : undefined;
}
