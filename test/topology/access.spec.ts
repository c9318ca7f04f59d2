import { type CallOptions, startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterEach, describe, expect, it } from 'vitest';

/** One request that needs each right, in Kuma's names of the rights. */
const NEEDING = {
  ADMIN_RESOURCES: ['GET', '/global-secrets', undefined],
  GENERATE_DP_TOKEN: ['POST', '/tokens/zone-ingress', { zone: 'east' }],
  GENERATE_USER_TOKEN: ['POST', '/tokens/user', { name: 'ci', validFor: '1h' }],
  GENERATE_ZONE_TOKEN: ['POST', '/tokens/zone', { zone: 'east', scope: ['ingress'] }],
} as const;
type Right = keyof typeof NEEDING;
const RIGHTS = Object.keys(NEEDING) as Right[];
const FROM_ELSEWHERE: CallOptions = { headers: { 'x-forwarded-for': '203.0.113.7' } };

let lab: WiredLab;
afterEach(() => lab.stop());

/** The rights that a caller has by what is answered. */
async function rightsOf(caller: CallOptions): Promise<Right[]> {
  const had: Right[] = [];
  for (const right of RIGHTS) {
    const [method, path, body] = NEEDING[right];
    const { status } = await lab.global.call(method, path, body, caller);
    if (status !== 403) had.push(right);
  }
  return had;
}

describe('a right', () => {
  it.each(RIGHTS)(
    'such as %s is given to users by name and by group, and nobody else has it, the administrator neither',
    async (right) => {
      lab = await startWiredLab({ zones: [] });
      const user = async (name: string, ...groups: string[]) => ({
        token: await lab.global.issue('user', { name, groups, validFor: '1h' }),
      });
      const [jane, john, eve] = [await user('jane'), await user('john', 'ops', 'dev'), await user('eve', 'jane')];
      const admin = await user('root', 'mesh-system:admin');
      lab.configure('global', {
        [`KUMA_ACCESS_STATIC_${right}_USERS`]: 'jane, joe',
        [`KUMA_ACCESS_STATIC_${right}_GROUPS`]: 'ops',
      });
      await lab.global.restart();
      expect(await rightsOf(jane)).toEqual([right]);
      expect(await rightsOf(john)).toEqual([right]);
      expect(await rightsOf(eve)).toEqual([]);
      expect(await rightsOf(FROM_ELSEWHERE)).toEqual([]);
      expect(await rightsOf(admin)).toEqual(RIGHTS.filter((other) => other !== right));
    },
  );

  it('may be given to everybody, with a token or without one', async () => {
    lab = await startWiredLab({
      zones: [],
      env: {
        KUMA_ACCESS_STATIC_GENERATE_DP_TOKEN_GROUPS: 'mesh-system:unauthenticated',
        KUMA_ACCESS_STATIC_GENERATE_ZONE_TOKEN_GROUPS: 'mesh-system:authenticated,mesh-system:unauthenticated',
      },
    });
    const token = await lab.global.issue('user', { name: 'jane', validFor: '1h' });
    expect(await rightsOf(FROM_ELSEWHERE)).toEqual(['GENERATE_DP_TOKEN', 'GENERATE_ZONE_TOKEN']);
    expect(await rightsOf({ token })).toEqual(['GENERATE_ZONE_TOKEN']);
  });
});

describe('a caller on this machine', () => {
  it('is nobody without a token where localhost is not the administrator, and all that the admin token is with it', async () => {
    lab = await startWiredLab({ zones: [] });
    await lab.until(
      async () => (await lab.global.secretNames()).includes('admin-user-token'),
      'there is an admin token',
    );
    const token = await lab.global.secretText('admin-user-token');
    expect(await rightsOf({})).toEqual(RIGHTS);
    lab.configure('global', { KUMA_API_SERVER_AUTHN_LOCALHOST_IS_ADMIN: 'false' });
    await lab.global.restart();
    expect([await rightsOf({}), await rightsOf({ token })]).toEqual([[], RIGHTS]);
  });
});
