import { beforeEach, describe, expect, it } from 'vitest';
import { type ControlPlane, claimsOf, controlPlane, listName, NOW_SECONDS, signed } from './control-plane.contract.js';
import { KEY, OTHER_KEY } from './keys.contract.js';
import type { Caller } from './local-caller.js';

const STRANGER: Caller = {
  remoteAddress: '203.0.113.7',
  authorization: undefined,
  host: 'cp.example:5682',
  origin: undefined,
  secFetchSite: undefined,
  forwarded: false,
  scheme: 'https',
};
const LOCAL: Caller = { ...STRANGER, remoteAddress: '127.0.0.1', host: 'localhost:5681', scheme: 'http' };
const ADMIN = { name: 'mesh-system:admin', groups: ['mesh-system:admin', 'mesh-system:authenticated'] };
const ANONYMOUS = { name: 'mesh-system:anonymous', groups: ['mesh-system:unauthenticated'] };
const REFUSED = { code: 'unauthenticated', message: 'Unauthenticated' };

describe('a caller', () => {
  let cp: ControlPlane;
  let token: string;
  const who = (caller: Caller, authorization?: string) => cp.auth.users.identify({ ...caller, authorization });

  beforeEach(async () => {
    cp = await controlPlane();
    await cp.start();
    token = await cp.issue('user', { name: 'john', groups: ['team-a', 'team-b'] });
  });

  it('who shows nothing is the administrator when local', async () => {
    expect(await who(LOCAL)).toEqual(ADMIN);
  });

  it('who shows nothing is nobody from elsewhere, or through a proxy', async () => {
    expect(await who(STRANGER)).toEqual(ANONYMOUS);
    expect(await who({ ...LOCAL, forwarded: true })).toEqual(ANONYMOUS);
    expect(await who({ ...LOCAL, secFetchSite: 'cross-site' })).toEqual(ANONYMOUS);
  });

  it('who shows nothing is nobody on this machine too, where localhostIsAdmin is off', async () => {
    cp = await controlPlane({ settings: { localhostIsAdmin: false } });
    expect(await who(LOCAL)).toEqual(ANONYMOUS);
  });

  it.each<[string, Caller]>([
    ['elsewhere', STRANGER],
    ['this machine', LOCAL],
  ])('who shows a token is who it says, from %s, with the group of all who did', async (_, caller) => {
    const groups = ['team-a', 'team-b', 'mesh-system:authenticated'];
    expect(await who(caller, `Bearer ${token}`)).toEqual({ name: 'john', groups });
  });

  it('who shows a token without groups is in the one of all who did', async () => {
    const plain = signed({ alg: 'RS256', kid: '1' }, { Name: 'ci', Groups: null, exp: NOW_SECONDS + 60 });
    expect(await who(STRANGER, `Bearer ${plain}`)).toEqual({ name: 'ci', groups: ['mesh-system:authenticated'] });
  });

  it.each<[string, (token: string) => string]>([
    ['nothing', () => ''],
    ['a blank', () => ' '],
    ['the word alone', () => 'Bearer'],
    ['the word and a blank', () => 'Bearer '],
    ['the token alone', (good) => good],
    ['two blanks', (good) => `Bearer  ${good}`],
    ['a blank before', (good) => ` Bearer ${good}`],
    ['a blank after', (good) => `Bearer ${good} `],
    ['a tab', (good) => `Bearer\t${good}`],
    ['a line end', (good) => `Bearer ${good}\n`],
    ['small letters', (good) => `bearer ${good}`],
    ['capitals', (good) => `BEARER ${good}`],
    ['another scheme', (good) => `Token ${good}`],
    ['Basic', () => `Basic ${Buffer.from('mesh-system:admin:').toString('base64')}`],
    ['two tokens', (good) => `Bearer ${good}, Bearer ${good}`],
    ['two tokens in one', (good) => `Bearer ${good},${good}`],
    ['quotes', (good) => `Bearer "${good}"`],
    ['rubbish', () => 'Bearer rubbish'],
    ['no signature', (good) => `Bearer ${good.slice(0, good.lastIndexOf('.') + 1)}`],
    [
      'a signature of another key',
      () => `Bearer ${signed({ alg: 'RS256', kid: '1' }, { Name: 'x', exp: NOW_SECONDS + 9 }, OTHER_KEY)}`,
    ],
    [
      'no name',
      () => `Bearer ${signed({ alg: 'RS256', kid: '1' }, { Groups: ['mesh-system:admin'], exp: NOW_SECONDS + 9 })}`,
    ],
    ['an empty name', () => `Bearer ${signed({ alg: 'RS256', kid: '1' }, { Name: '', exp: NOW_SECONDS + 9 })}`],
  ])('who shows a bad credential is refused, on this machine as well: %s', async (_, authorization) => {
    for (const caller of [LOCAL, STRANGER]) {
      await expect(who(caller, authorization(token))).rejects.toMatchObject(REFUSED);
    }
  });

  it('who shows a token that ran out, was revoked, or is of a zone is refused, and only the log has the reason', async () => {
    const [revoked, zone] = [await cp.issue('user'), await cp.issue('zone')];
    await cp.put(listName('user'), String(claimsOf(revoked).jti));
    await expect(who(STRANGER, `Bearer ${revoked}`)).rejects.toMatchObject(REFUSED);
    await expect(who(STRANGER, `Bearer ${zone}`)).rejects.toMatchObject(REFUSED);
    cp.clock.skew(3_600_000);
    await expect(who(STRANGER, `Bearer ${token}`)).rejects.toMatchObject(REFUSED);
    const lines = cp.logged.filter(({ message }) => message === 'authentication rejected');
    expect(lines.map(({ reason }) => reason)).toEqual(['revoked', 'bad_signature', 'expired']);
    expect(lines[0]).toMatchObject({ detail: expect.stringContaining('is on user-token-revocations') });
    for (const shown of [revoked, zone, token]) expect(JSON.stringify(lines)).not.toContain(shown.split('.')[2]);
  });

  it('who cannot be checked is not taken for a liar: the failure passes on', async () => {
    cp = await controlPlane({ crypto: { verify: () => Promise.reject(new Error('out of threads')) } });
    await cp.put({ type: 'GlobalSecret', mesh: '', name: 'user-token-signing-key-1' }, KEY.pem);
    await expect(who(STRANGER, `Bearer ${token}`)).rejects.toThrow('out of threads');
  });
});
