import { describe, expect, it } from 'vitest';
import { ControlPlaneError } from '../errors.js';
import { loadConfig } from './config.js';
import type { Role } from './table.js';

type Env = Readonly<Record<string, string>>;

/** What is said against an environment, one sentence a violation. */
function refused(role: Role, env: Env): string[] {
  try {
    loadConfig({ role, env });
    return [];
  } catch (error) {
    return ControlPlaneError.from(error).violations.map(({ field, reason }) => `${field}: ${reason}`);
  }
}

const warned = (role: Role, env: Env) => loadConfig({ role, env }).warnings;

describe('authentication of proxies', () => {
  const typesOf = (env: Env) => {
    const { dpProxy, zoneProxy } = loadConfig({ role: 'zone', env }).config.dpServer.authn;
    return [dpProxy.type, zoneProxy.type];
  };

  it.each<[string, [string, string]]>([
    ['dpToken', ['dpToken', 'zoneToken']],
    ['none', ['none', 'none']],
    ['', ['dpToken', 'zoneToken']],
  ])('is decided for all proxies by KUMA_DP_SERVER_AUTH_TYPE=%s', (type, types) => {
    expect(typesOf({ KUMA_DP_SERVER_AUTH_TYPE: type })).toEqual(types);
  });

  it('may be named by the old and the new name at once, as long as they say the same', () => {
    const env = { KUMA_DP_SERVER_AUTH_TYPE: 'dpToken', KUMA_DP_SERVER_AUTHN_ZONE_PROXY_TYPE: 'zoneToken' };
    expect(typesOf(env)).toEqual(['dpToken', 'zoneToken']);
    expect(refused('zone', { ...env, KUMA_DP_SERVER_AUTHN_DP_PROXY_TYPE: 'none' })).toEqual([
      'KUMA_DP_SERVER_AUTH_TYPE: got "dpToken", but KUMA_DP_SERVER_AUTHN_DP_PROXY_TYPE, the new name of the same setting, says "none": keep one of them',
    ]);
  });

  it('knows what is allowed', () => {
    const reason = 'allowed: dpToken, serviceAccountToken, none';
    expect(refused('zone', { KUMA_DP_SERVER_AUTHN_DP_PROXY_TYPE: 'password' })).toEqual([
      `KUMA_DP_SERVER_AUTHN_DP_PROXY_TYPE: got "password", ${reason}`,
    ]);
  });

  it('makes tokens reloadable under its old and its new name', () => {
    const reloadable = (name: string) =>
      loadConfig({ role: 'zone', env: { [name]: 'true' } }).config.dpServer.authn.enableReloadableTokens;
    expect(reloadable('KUMA_DP_SERVER_AUTH_USE_TOKEN_PATH')).toBe(true);
    expect(reloadable('KUMA_DP_SERVER_AUTHN_ENABLE_RELOADABLE_TOKENS')).toBe(true);
  });

  it('is warned of loudly when it is off, for each kind of proxy', () => {
    const told = warned('zone', { KUMA_DP_SERVER_AUTH_TYPE: 'none' });
    expect(told).toEqual([
      'AUTHENTICATION IS OFF: KUMA_DP_SERVER_AUTH_TYPE is none, so any proxy can pass for any service; never do this in production',
      'AUTHENTICATION IS OFF: KUMA_DP_SERVER_AUTH_TYPE is none, so anybody can pass for a zone proxy; never do this in production',
    ]);
    expect(warned('global', { KUMA_DP_SERVER_AUTH_TYPE: 'none' })).toEqual([]);
  });

  const SERVICE_ACCOUNTS = { KUMA_DP_SERVER_AUTHN_DP_PROXY_TYPE: 'serviceAccountToken' };
  const OF = 'KOGUMA_DP_SERVER_AUTHN_SERVICE_ACCOUNT_';
  const KEYS = { [`${OF}JWKS_URI`]: 'https://k8s/jwks', [`${OF}ISSUER`]: 'https://k8s', [`${OF}AUDIENCE`]: 'koguma' };
  const REVIEW = { [`${OF}TOKEN_REVIEW_URI`]: 'https://k8s', [`${OF}CREDENTIAL_FILE`]: '/token' };

  it.each([KEYS, REVIEW])('by service accounts needs one way to check them: %j', (env) => {
    expect(refused('zone', { ...SERVICE_ACCOUNTS, ...env })).toEqual([]);
  });

  it.each<[Env, string]>([
    [{}, 'KUMA_DP_SERVER_AUTHN_DP_PROXY_TYPE: got "serviceAccountToken", which needs one way to check them'],
    [{ ...KEYS, ...REVIEW }, 'KUMA_DP_SERVER_AUTHN_DP_PROXY_TYPE: got "serviceAccountToken", which needs one way'],
    [{ ...KEYS, [`${OF}AUDIENCE`]: '' }, `${OF}JWKS_URI: got "https://k8s/jwks", which says nothing of whose tokens`],
    [{ ...REVIEW, [`${OF}CREDENTIAL_FILE`]: '' }, `${OF}TOKEN_REVIEW_URI: got "https://k8s", where nobody is heard`],
    [{ ...KEYS, [`${OF}JWKS_URI`]: 'http://k8s' }, `${OF}JWKS_URI: got "http://k8s", allowed: a URL that begins with`],
  ])('by service accounts is refused with half a way, or two: %#', (env, sentence) => {
    expect(refused('zone', { ...SERVICE_ACCOUNTS, ...env })[0]).toContain(sentence);
  });
});
