import type { Config } from '@koguma/core';
import type { AuthSettings } from './auth.js';

/** The part of a control plane's configuration that is about tokens and access. */
export function authSettings({ apiServer, dpServer, access }: Config): AuthSettings {
  const { dpToken } = dpServer.authn.dpProxy;
  const { zoneToken } = dpServer.authn.zoneProxy;
  const { tokens, localhostIsAdmin, type } = apiServer.authn;
  // Where users show certificates there are no tokens of users, and no keys for them.
  const hasTokens = type === 'tokens';
  return {
    switches: {
      dpToken: { enableIssuer: dpToken.enableIssuer, useSecrets: dpToken.validator.useSecrets },
      zoneToken: { enableIssuer: zoneToken.enableIssuer, useSecrets: zoneToken.validator.useSecrets },
      userToken: {
        enableIssuer: hasTokens && tokens.enableIssuer,
        useSecrets: hasTokens && tokens.validator.useSecrets,
      },
    },
    staticKeys: [],
    grants: access.static,
    localhostIsAdmin,
    bootstrapAdminToken: tokens.bootstrapAdminToken,
  };
}
