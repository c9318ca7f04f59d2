import type { Config } from '@koguma/core';
import type { Recheck } from './ads-stream.js';

/** The part of a zone's configuration that is about its proxies. */
export interface DpServerSettings {
  readonly zone: string;
  readonly dpProxy: 'dpToken' | 'serviceAccountToken' | 'none';
  readonly zoneProxy: 'zoneToken' | 'serviceAccountToken' | 'none';
  readonly serviceAccount: Config['koguma']['dpServer']['authn']['serviceAccount'];
  readonly recheck: Recheck;
  readonly reloadableTokens: boolean;
  readonly bootstrap: Config['bootstrapServer']['params'];
  readonly deregistrationDelayMs: number;
}

export function dpServerSettings({
  multizone,
  dpServer,
  koguma,
  bootstrapServer,
  xdsServer,
}: Config): DpServerSettings {
  return {
    zone: multizone.zone.name,
    dpProxy: dpServer.authn.dpProxy.type,
    zoneProxy: dpServer.authn.zoneProxy.type,
    serviceAccount: koguma.dpServer.authn.serviceAccount,
    recheck: koguma.dpServer.authn.recheck,
    reloadableTokens: dpServer.authn.enableReloadableTokens,
    bootstrap: bootstrapServer.params,
    deregistrationDelayMs: xdsServer.dataplaneDeregistrationDelay,
  };
}
