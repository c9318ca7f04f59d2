import type { Config } from '@koguma/core';
import { readKeyFile } from './adapters/key-file.js';
import type { AuthSettings, TokenSwitches } from './auth.js';
import type { TokenCrypto } from './crypto.js';
import { readPublicKeys } from './static-keys.js';
import { TOKEN_KINDS } from './token-kinds.js';

/** Where users show certificates there are no tokens of users, and no keys for them. */
const NO_TOKENS = { enableIssuer: false, validator: { useSecrets: false, publicKeys: [] } };

/**
 * The part of a control plane's configuration that is about tokens and access, with the public keys that it names.
 * @throws ControlPlaneError `invalid` that names every public key that is wrong
 */
export function authSettings(
  { apiServer, dpServer, access, koguma }: Config,
  parseKey: TokenCrypto['parseKey'],
): AuthSettings {
  const { tokens, localhostIsAdmin, type } = apiServer.authn;
  const families = {
    dpToken: { path: 'dpServer.authn.dpProxy.dpToken', ...dpServer.authn.dpProxy.dpToken },
    zoneToken: { path: 'dpServer.authn.zoneProxy.zoneToken', ...dpServer.authn.zoneProxy.zoneToken },
    userToken: { path: 'apiServer.authn.tokens', ...(type === 'tokens' ? tokens : NO_TOKENS) },
  };
  const lists = TOKEN_KINDS.filter(({ signedElsewhere }) => signedElsewhere).map(({ kind, switches }) => {
    const { path, validator } = families[switches];
    return { kind, path: `${path}.validator.publicKeys`, keys: validator.publicKeys };
  });
  return {
    switches: {
      dpToken: switchesOf(families.dpToken),
      zoneToken: switchesOf(families.zoneToken),
      userToken: switchesOf(families.userToken),
    },
    staticKeys: readPublicKeys(lists, parseKey, readKeyFile),
    grants: access.static,
    localhostIsAdmin,
    bootstrapAdminToken: tokens.bootstrapAdminToken,
    countsIssued: koguma.lab,
  };
}

function switchesOf({ enableIssuer, validator }: SwitchSettings): TokenSwitches {
  return { enableIssuer, useSecrets: validator.useSecrets };
}

interface SwitchSettings {
  readonly enableIssuer: boolean;
  readonly validator: { readonly useSecrets: boolean };
}
