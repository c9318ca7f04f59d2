import type { Config } from '@koguma/core';
import type { AuthSettings } from './auth.js';

/** The part of a control plane's configuration that is about tokens and access. */
export function authSettings({ apiServer, dpServer, access }: Config): AuthSettings {
  const { dpToken } = dpServer.authn.dpProxy;
  const { zoneToken } = dpServer.authn.zoneProxy;
  const { tokens, localhostIsAdmin } = apiServer.authn;
  return {
    switches: {
      dpToken: { enableIssuer: dpToken.enableIssuer, useSecrets: dpToken.validator.useSecrets },
      zoneToken: { enableIssuer: zoneToken.enableIssuer, useSecrets: zoneToken.validator.useSecrets },
      userToken: { enableIssuer: tokens.enableIssuer, useSecrets: tokens.validator.useSecrets },
    },
    staticKeys: [],
    grants: access.static,
    localhostIsAdmin,
    bootstrapAdminToken: tokens.bootstrapAdminToken,
  };
}
