import { ControlPlaneError, type Log } from '@koguma/core';
import { describe, type Resource, type ResourceView } from '@koguma/resources';
import { type Authenticator, type Claims, type Credential, unauthenticated } from './credential.js';
import { exclusion, meshOf } from './membership.js';
import { nodeIdOf, type ProxyId } from './proxy.js';

interface Parts {
  readonly view: ResourceView;
  readonly dataplanes: Authenticator;
  readonly zoneProxies: Authenticator;
  readonly log: Log;
}

/** Who may be which proxy: the same answer at the bootstrap, when a stream opens, and as long as it lasts. */
export class Admission {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** How proxies of this kind prove who they are. */
  authenticatorOf({ type }: Pick<ProxyId, 'type'>): Authenticator {
    return type === 'dataplane' ? this.#parts.dataplanes : this.#parts.zoneProxies;
  }

  /** What is known of a proxy here. */
  storedOf({ key }: ProxyId): Resource | undefined {
    return this.#parts.view.get(key);
  }

  /** False once the mesh of a dataplane is gone. */
  hasMesh({ type, key }: ProxyId): boolean {
    return type !== 'dataplane' || meshOf(this.#parts.view, key) !== undefined;
  }

  /**
   * Decides, from memory and in this turn. Who has not shown who they are learns nothing of what is here.
   * @param claims what the proxy brings along it must be allowed to be, and also what is stored, which that replaces
   * @throws ControlPlaneError `unauthenticated`, `not_found`, `access_denied`
   */
  judge(credential: Credential, proxy: ProxyId, claims: Claims): void {
    const refusal = credential.judge(proxy, claims);
    if (refusal) {
      const { info } = credential;
      this.#parts.log.warn('refused a proxy', {
        proxy: nodeIdOf(proxy),
        type: proxy.type,
        ...info,
        reason: refusal.detail,
      });
      throw unauthenticated(refusal);
    }
    const claim = claims.said ?? claims.stored;
    if (!claim) {
      const told = `${describe(proxy.key)} is not found: create it first, or start the proxy with its resource`;
      throw new ControlPlaneError('not_found', told);
    }
    if (proxy.type !== 'dataplane') return;
    const mesh = meshOf(this.#parts.view, proxy.key);
    if (!mesh) throw new ControlPlaneError('not_found', `Mesh ${JSON.stringify(proxy.key.mesh)} is not found`);
    const excluded = exclusion(mesh, claim);
    if (excluded === undefined) return;
    const told = `Mesh ${JSON.stringify(proxy.key.mesh)} does not take this dataplane: ${excluded}`;
    throw new ControlPlaneError('access_denied', told);
  }
}
