import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlPlaneError, loadConfig } from '@koguma/core';
import { afterAll, describe, expect, it } from 'vitest';
import { parseRsaKey } from './adapters/rsa-keys.js';
import { controlPlane, globalSecret, keyName, NOW_SECONDS, signed, told } from './control-plane.contract.js';
import { KEY, OTHER_KEY, THIRD_KEY } from './keys.contract.js';
import { authSettings } from './settings.js';
import { type StaticKey, StaticKeys } from './static-keys.js';
import { TOKEN_KINDS } from './token-kinds.js';

const HEADER = { alg: 'RS256', kid: '1' };
const CLAIMS = { Name: 'john', exp: NOW_SECONDS + 60, jti: 'a' };

describe('public keys of the configuration', () => {
  const key = (kid: string, mesh?: string, rsa = KEY): StaticKey => ({
    kid,
    kind: 'dataplane',
    mesh,
    key: rsa,
    foundIn: 'publicKeys[0]',
  });
  const userKey = (kid: string): StaticKey => ({ ...key(kid), kind: 'user' });

  it('go by kind, kid and mesh; without a mesh they go for every mesh', () => {
    const keys = new StaticKeys([key('a', 'default'), key('b')]);
    const kids = (mesh: string, kid: string) => keys.find('dataplane', mesh, kid).map((found) => found.kid);
    expect([kids('default', 'a'), kids('payments', 'a')]).toEqual([['a'], []]);
    expect([kids('default', 'b'), kids('payments', 'b')]).toEqual([['b'], ['b']]);
    expect([kids('default', 'c'), keys.find('user', 'default', 'b')]).toEqual([[], []]);
  });

  it('with one kid are all tried', () => {
    const keys = new StaticKeys([key('a'), key('a', 'default', OTHER_KEY), key('a', 'payments')]);
    const found = keys.find('dataplane', 'default', 'a');
    expect(found.map((one) => one.key.thumbprint)).toEqual([KEY.thumbprint, OTHER_KEY.thumbprint]);
  });

  it('and a secret with the same kid do not hide each other', async () => {
    const cp = await controlPlane({ staticKeys: [userKey('1')] });
    await cp.put(keyName('user'), OTHER_KEY.pem);
    const [offline, online] = [signed(HEADER, CLAIMS, KEY), signed(HEADER, CLAIMS, OTHER_KEY)];
    const first = await cp.verify(offline, 'user');
    expect([first.accepted, told(first, 'key')]).toEqual([true, `publicKeys[0], thumbprint ${KEY.thumbprint}`]);
    const second = await cp.verify(online, 'user');
    expect([second.accepted, told(second, 'key')]).toEqual([
      true,
      `GlobalSecret "user-token-signing-key-1", thumbprint ${OTHER_KEY.thumbprint}`,
    ]);
    await cp.manager.delete(keyName('user'));
    expect([(await cp.verify(offline, 'user')).accepted, (await cp.verify(online, 'user')).reason]).toEqual([
      true,
      'bad_signature',
    ]);
  });

  it('without a mesh check proxies of every mesh, and the mesh in the token must still fit', async () => {
    const cp = await controlPlane({ staticKeys: [key('ci')] });
    const token = (Mesh?: string) => signed({ alg: 'RS256', kid: 'ci' }, { Mesh, exp: NOW_SECONDS + 60 });
    const verify = async (mesh: string, claim?: string) => (await cp.verify(token(claim), 'dataplane', mesh)).reason;
    expect(await verify('default')).toBeUndefined();
    expect(await verify('payments', 'payments')).toBeUndefined();
    expect(await verify('payments', 'default')).toBe('identity_mismatch');
  });

  it('may have any text for a kid', async () => {
    const kid = 'ci/2026 🐻';
    const cp = await controlPlane({ staticKeys: [userKey(kid)] });
    expect(await cp.verify(signed({ alg: 'RS256', kid }, CLAIMS), 'user')).toMatchObject({ accepted: true });
  });

  it('never sign', async () => {
    const cp = await controlPlane({ staticKeys: [userKey('1')] });
    await expect(cp.issue('user')).rejects.toMatchObject({ code: 'signing_key_not_found' });
  });

  it('are the only ones where secrets are not used; revocations count all the same', async () => {
    const cp = await controlPlane({
      staticKeys: [userKey('ci')],
      switches: { userToken: { useSecrets: false } },
    });
    await cp.put(keyName('user'), KEY.pem);
    expect(await cp.verify(signed(HEADER, CLAIMS), 'user')).toMatchObject({ reason: 'unknown_kid' });
    const token = signed({ alg: 'RS256', kid: 'ci' }, CLAIMS);
    expect(await cp.verify(token, 'user')).toMatchObject({ accepted: true });
    await cp.put(globalSecret('user-token-revocations'), 'a');
    expect(await cp.verify(token, 'user')).toMatchObject({ reason: 'revoked' });
  });
});

describe('reading public keys', () => {
  const USER = 'apiServer.authn.tokens.validator.publicKeys';
  const DATAPLANE = 'dpServer.authn.dpProxy.dpToken.validator.publicKeys';
  const ZONE = 'dpServer.authn.zoneProxy.zoneToken.validator.publicKeys';
  const folder = mkdtempSync(join(tmpdir(), 'koguma-keys-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** The keys of a configuration with these lists, each at its path. */
  function read(lists: Readonly<Record<string, readonly object[]>>): readonly StaticKey[] {
    const listed = (path: string) => ({ validator: { publicKeys: lists[path] ?? [] } });
    const yaml = JSON.stringify({
      apiServer: { authn: { tokens: listed(USER) } },
      dpServer: { authn: { dpProxy: { dpToken: listed(DATAPLANE) }, zoneProxy: { zoneToken: listed(ZONE) } } },
    });
    return authSettings(loadConfig({ role: 'global', env: {}, yaml }).config, parseRsaKey).staticKeys;
  }
  function refused(lists: Readonly<Record<string, readonly object[]>>): [field: string, reason: string][] {
    try {
      return read(lists).map(() => ['accepted', '']);
    } catch (error) {
      const { code, message, violations } = ControlPlaneError.from(error);
      expect([code, message]).toEqual([
        'invalid',
        expect.stringMatching(/^configuration is not valid: .*publicKeys\[/),
      ]);
      expect(message).not.toContain('\n');
      return violations.map(({ field, reason }) => [field, reason]);
    }
  }
  const file = (name: string, content: string | Uint8Array) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const spki = parseRsaKey(Buffer.from(OTHER_KEY.publicPem)).key.export({ type: 'spki', format: 'pem' }) as string;

  it('gives those of users, dataplanes and zones, each with its kid, its mesh and its place', () => {
    const keys = read({
      [USER]: [{ kid: 'key-1', key: KEY.publicPem }],
      [DATAPLANE]: [{ kid: 'a', mesh: 'payments', key: spki }],
      [ZONE]: [{ kid: 'z', keyFile: file('zone.pem', THIRD_KEY.publicPem) }],
    });
    expect(keys.map(({ key, ...rest }) => [rest, key.thumbprint])).toEqual([
      [{ kind: 'dataplane', kid: 'a', mesh: 'payments', foundIn: `${DATAPLANE}[0]` }, OTHER_KEY.thumbprint],
      [{ kind: 'zone', kid: 'z', mesh: undefined, foundIn: `${ZONE}[0]` }, THIRD_KEY.thumbprint],
      [{ kind: 'user', kid: 'key-1', mesh: undefined, foundIn: `${USER}[0]` }, KEY.thumbprint],
    ]);
    expect(keys.some(({ key }) => key.isPrivate)).toBe(false);
  });

  it('gives one key to one kind of those with the same switches', () => {
    const families = TOKEN_KINDS.filter(({ signedElsewhere }) => signedElsewhere).map(({ switches }) => switches);
    expect(new Set(families).size).toBe(families.length);
    const keys = new StaticKeys(read({ [ZONE]: [{ kid: 'z', key: KEY.publicPem }] }));
    expect(TOKEN_KINDS.filter(({ kind }) => keys.find(kind, '', 'z').length > 0).map(({ kind }) => kind)).toEqual([
      'zone',
    ]);
  });

  const small = generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey;
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey;
  const NOT_A_KEY = 'is not an RSA key: give PEM (PKCS#1, PKCS#8 or SPKI) or PKCS#1 DER';
  const CERTIFICATE = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
  it.each<[what: string, key: string, reason: string]>([
    ['text', 'not a key', NOT_A_KEY],
    ['half a key', KEY.publicPem.slice(0, 200), NOT_A_KEY],
    ['a key of another sort', `${ec.export({ type: 'spki', format: 'pem' })}`, NOT_A_KEY],
    ['a certificate', CERTIFICATE, `${NOT_A_KEY}, not a certificate`],
    [
      'a small key',
      `${small.export({ type: 'spki', format: 'pem' })}`,
      'is an RSA key of 1024 bits: at least 2048 are needed',
    ],
    ['a private key', KEY.pem, 'is a private key: give its public half alone, as of openssl rsa -pubout'],
  ])('refuses %s, from the configuration and from a file', (_, key, reason) => {
    expect(
      refused({
        [USER]: [
          { kid: 'good', key: OTHER_KEY.publicPem },
          { kid: 'bad', key },
        ],
      }),
    ).toEqual([[`${USER}[1].key`, reason]]);
    expect(refused({ [ZONE]: [{ kid: 'bad', keyFile: file('bad.pem', key) }] })).toEqual([
      [`${ZONE}[0].keyFile`, reason],
    ]);
  });

  it('refuses a file that cannot be read, and an empty one', () => {
    const missing = join(folder, 'missing.pem');
    expect(
      refused({
        [DATAPLANE]: [
          { kid: 'a', keyFile: missing },
          { kid: 'b', keyFile: folder },
        ],
      }),
    ).toEqual([
      [`${DATAPLANE}[0].keyFile`, `cannot be read: ENOENT: no such file or directory, open '${missing}'`],
      [`${DATAPLANE}[1].keyFile`, 'cannot be read: EISDIR: illegal operation on a directory, read'],
    ]);
    expect(refused({ [USER]: [{ kid: 'a', keyFile: file('empty.pem', '') }] })).toEqual([
      [`${USER}[0].keyFile`, NOT_A_KEY],
    ]);
  });

  it('refuses one key for two kinds, in whatever form and under whatever kid', () => {
    const told = refused({
      [USER]: [{ kid: 'u', key: spki }],
      [DATAPLANE]: [
        { kid: 'd', key: KEY.publicPem },
        { kid: 'e', key: OTHER_KEY.publicPem },
      ],
      [ZONE]: [{ kid: 'z', key: KEY.publicPem }],
    });
    const reason = (place: string) => `is the key of ${place} too: each kind of token needs keys of its own`;
    expect(told).toEqual([
      [`${ZONE}[0].key`, reason(`${DATAPLANE}[0]`)],
      [`${USER}[0].key`, reason(`${DATAPLANE}[1]`)],
    ]);
  });

  it('takes one key under two kids of a kind, as while it is renamed', () => {
    expect(
      read({
        [USER]: [
          { kid: 'a', key: KEY.publicPem },
          { kid: 'b', key: KEY.publicPem },
        ],
      }),
    ).toHaveLength(2);
  });

  it('tells all that is wrong at once, and never a piece of a key', () => {
    const lists = { [USER]: [{ kid: 'a', key: KEY.pem }], [ZONE]: [{ kid: 'b', key: KEY.pem.slice(0, 400) }] };
    expect(refused(lists)).toHaveLength(2);
    expect(() => read(lists)).toThrow(expect.objectContaining({ message: expect.not.stringContaining('MII') }));
  });
});
