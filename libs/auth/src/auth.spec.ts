import { loadConfig } from '@koguma/core';
import { describe, expect, it } from 'vitest';
import { parseRsaKey } from './adapters/rsa-keys.js';
import { controlPlane, NOW_SECONDS, signed } from './control-plane.contract.js';
import { authSettings } from './settings.js';
import { TOKEN_KINDS, type TokenKindName } from './token-kinds.js';

describe('the token system of a control plane', () => {
  it.each<[TokenKindName, 'dpToken' | 'zoneToken' | 'userToken']>([
    ['dataplane', 'dpToken'],
    ['zone-ingress', 'zoneToken'],
    ['zone', 'zoneToken'],
    ['user', 'userToken'],
  ])('checks no %s token with keys from secrets where %s says useSecrets: false', async (kind, family) => {
    const cp = await controlPlane({ switches: { [family]: { useSecrets: false } } });
    await cp.start();
    await cp.createMesh('default');
    const token = await cp.issue(kind);
    expect(await cp.verify(token, kind)).toMatchObject({ accepted: false, reason: 'unknown_kid' });
  });

  it('checks tokens with keys from secrets where only the issuer is off', async () => {
    const issuing = await controlPlane();
    await issuing.start();
    const checking = await controlPlane({ store: issuing.store, switches: { userToken: { enableIssuer: false } } });
    expect(await checking.verify(await issuing.issue('user'), 'user')).toMatchObject({ accepted: true });
  });

  it('never takes a token of one kind for one of another, though all keys have serial 1', async () => {
    const cp = await controlPlane();
    await cp.createMesh('default');
    let made = 0;
    for (const { kind } of TOKEN_KINDS) made += (await accepts(kind, kind)) ? 1 : 0;
    expect(made).toBe(TOKEN_KINDS.length);

    async function accepts(issued: TokenKindName, shown: TokenKindName): Promise<boolean> {
      await cp.start();
      return (await cp.verify(await cp.issue(issued), shown)).accepted;
    }
  });

  it('takes as much work for an unknown kid as for a known one', async () => {
    const checked: string[] = [];
    const cp = await controlPlane({
      crypto: { verify: async (_, key) => checked.push(key.thumbprint) > 0 && false },
    });
    await cp.start();
    const token = (kid: string) => signed({ alg: 'RS256', kid }, { Name: 'x', exp: NOW_SECONDS + 60 });
    expect((await cp.verify(token('1'), 'user')).reason).toBe('bad_signature');
    expect((await cp.verify(token('2'), 'user')).reason).toBe('unknown_kid');
    expect(checked).toHaveLength(2);
  });
});

describe('the settings of the token system', () => {
  const settings = (env: Record<string, string>) =>
    authSettings(loadConfig({ role: 'global', env }).config, parseRsaKey);
  const OPEN = { enableIssuer: true, useSecrets: true };

  it('are open to start with, for administrators alone', () => {
    const admins = { users: ['mesh-system:admin'], groups: ['mesh-system:admin'] };
    expect(settings({})).toEqual({
      switches: { dpToken: OPEN, zoneToken: OPEN, userToken: OPEN },
      staticKeys: [],
      grants: { adminResources: admins, generateDpToken: admins, generateUserToken: admins, generateZoneToken: admins },
      localhostIsAdmin: true,
      bootstrapAdminToken: true,
      countsIssued: false,
    });
  });

  it.each<[string, object]>([
    ['KUMA_DP_SERVER_AUTHN_DP_PROXY_DP_TOKEN_ENABLE_ISSUER', { switches: { dpToken: { enableIssuer: false } } }],
    ['KUMA_DP_SERVER_AUTHN_DP_PROXY_DP_TOKEN_VALIDATOR_USE_SECRETS', { switches: { dpToken: { useSecrets: false } } }],
    ['KUMA_DP_SERVER_AUTHN_ZONE_PROXY_ZONE_TOKEN_ENABLE_ISSUER', { switches: { zoneToken: { enableIssuer: false } } }],
    [
      'KUMA_DP_SERVER_AUTHN_ZONE_PROXY_ZONE_TOKEN_VALIDATOR_USE_SECRETS',
      { switches: { zoneToken: { useSecrets: false } } },
    ],
    ['KUMA_API_SERVER_AUTHN_TOKENS_ENABLE_ISSUER', { switches: { userToken: { enableIssuer: false } } }],
    ['KUMA_API_SERVER_AUTHN_TOKENS_VALIDATOR_USE_SECRETS', { switches: { userToken: { useSecrets: false } } }],
    ['KUMA_API_SERVER_AUTHN_LOCALHOST_IS_ADMIN', { localhostIsAdmin: false }],
    ['KUMA_API_SERVER_AUTHN_TOKENS_BOOTSTRAP_ADMIN_TOKEN', { bootstrapAdminToken: false }],
  ])('are changed by %s, each alone', (name, changed) => {
    const open = settings({});
    const { switches, ...rest } = settings({ [name]: 'false' });
    expect({ switches, ...rest }).toMatchObject(changed);
    const falses = (all: object) => JSON.stringify(all).split('false').length - 1;
    expect(falses({ switches, ...rest }) - falses(open)).toBe(1);
  });

  it('count issued tokens in a lab alone', () => {
    expect(settings({ KOGUMA_LAB: 'true' }).countsIssued).toBe(true);
  });

  it('name who may issue', () => {
    const { grants } = settings({ KUMA_ACCESS_STATIC_GENERATE_ZONE_TOKEN_GROUPS: 'ops,ci' });
    expect(grants.generateZoneToken).toEqual({ users: ['mesh-system:admin'], groups: ['ops', 'ci'] });
  });
});
