import { type Auth, isTokenKind } from '@koguma/auth';
import type { Clock, Entropy, Log } from '@koguma/core';
import type { Insights, Leadership, ResourceManager, ResourceView } from '@koguma/resources';
import { nextTurn } from './adapters/next-turn.js';
import { serviceAccountVerifier } from './adapters/service-account-verifier.js';
import { Admission } from './admission.js';
import { AdsServer } from './ads-server.js';
import { type Authenticator, noAuthentication } from './credential.js';
import { ProxyInsights } from './proxy-insights.js';
import { Registrations } from './registrations.js';
import { ServiceAccountAuthenticator } from './service-accounts.js';
import { Sessions } from './sessions.js';
import type { DpServerSettings } from './settings.js';
import { TokenAuthenticator } from './token-authenticator.js';

export interface DpServerParts {
  readonly settings: DpServerSettings;
  readonly auth: Auth;
  readonly manager: ResourceManager;
  readonly view: ResourceView;
  readonly insights: Insights;
  readonly leadership: Pick<Leadership, 'leads' | 'fence' | 'isAlive' | 'onChange'>;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  /** Of this control plane. */
  readonly instanceId: string;
}

/** Everything behind the proxy port, put together; {@link openDpDoor} is the port itself. */
export interface DpServer {
  readonly admission: Admission;
  readonly ads: AdsServer;
  readonly sessions: Sessions;
}

/** @throws ControlPlaneError `invalid` for a setting that names a file which cannot be read */
export function composeDpServer(parts: DpServerParts): DpServer {
  const { settings, auth, manager, view, clock, log } = parts;
  const { zone, recheck, deregistrationDelayMs: delayMs } = settings;
  const tokens = new TokenAuthenticator({ validator: auth.validator, zone });
  const authenticator = (type: DpServerSettings['dpProxy'] | DpServerSettings['zoneProxy']): Authenticator => {
    if (type === 'none') return noAuthentication;
    if (type !== 'serviceAccountToken') return tokens;
    return new ServiceAccountAuthenticator(serviceAccountVerifier(settings.serviceAccount, clock), clock);
  };
  const [dataplanes, zoneProxies] = [authenticator(settings.dpProxy), authenticator(settings.zoneProxy)];
  const admission = new Admission({ view, dataplanes, zoneProxies, log });
  const sessions = new Sessions({ view, auth, clock, later: nextTurn });
  const insights = new ProxyInsights(parts);
  const registrations = new Registrations({ manager, view, insights, clock, log, zone, delayMs });
  const ads = new AdsServer({
    admission,
    sessions,
    registrations,
    insights,
    recheck,
    expelled: ({ key }, { kind, kid, jti }) => {
      if (isTokenKind(kind) && kid !== undefined) auth.traces.closed({ kind, mesh: key.mesh, kid, jti });
    },
    clock,
    log,
  });
  return { admission, sessions, ads };
}
