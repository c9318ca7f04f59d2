import type { ResourceKey } from '@koguma/resources';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { globalSecret } from './control-plane.contract.js';
import {
  isKeptLocal,
  knownSecretNames,
  type SecretRole,
  secretBytes,
  secretRole,
  secretSpec,
  secretText,
} from './secrets.js';
import { TOKEN_KINDS, type TokenKindName, tokenKind } from './token-kinds.js';

const meshSecret = (name: string, mesh = 'default'): ResourceKey => ({ type: 'Secret', mesh, name });
const key = (kind: TokenKindName, prefix: string, serial: number | undefined): SecretRole => ({
  role: 'signing-key',
  kind,
  prefix,
  serial,
});
const list = (kind: TokenKindName): SecretRole => ({ role: 'revocations', kind });
const OTHER: SecretRole = { role: 'other' };
const LOCAL: SecretRole = { role: 'local' };

describe('the name of a secret tells its role', () => {
  it.each<[string, SecretRole]>([
    ['user-token-signing-key-1', key('user', 'user-token-signing-key', 1)],
    ['user-token-signing-key-10', key('user', 'user-token-signing-key', 10)],
    ['user-token-signing-key-9007199254740991', key('user', 'user-token-signing-key', 9_007_199_254_740_991)],
    ['zone-token-signing-key-2', key('zone', 'zone-token-signing-key', 2)],
    ['zone-ingress-token-signing-key-3', key('zone-ingress', 'zone-ingress-token-signing-key', 3)],
    [
      'zone-token-signing-public-key-4',
      { role: 'public-key', kind: 'zone', prefix: 'zone-token-signing-public-key', serial: 4 },
    ],
    [
      'zone-token-signing-public-key-04',
      { role: 'public-key', kind: 'zone', prefix: 'zone-token-signing-public-key', serial: undefined },
    ],
    ['zone-ingress-token-signing-public-key-4', OTHER],
    ['user-token-revocations', list('user')],
    ['zone-token-revocations', list('zone')],
    ['zone-ingress-token-revocations', list('zone-ingress')],
    ['dataplane-token-revocations-default', list('dataplane')],
    ['dataplane-token-revocations-any-mesh', list('dataplane')],
    ['dataplane-token-revocations', OTHER],
    ['dataplane-token-signing-key-default-1', OTHER],
    ['zone-token-revocations-2', OTHER],
    ['zone-token-signing-keys', OTHER],
    ['my-zone-token-signing-key-1', OTHER],
    ['admin-user-token', LOCAL],
    ['envoy-admin-ca', LOCAL],
    ['inter-cp-ca', LOCAL],
    ['admin-user-token-2', OTHER],
    ['toString', OTHER],
    ['', OTHER],
  ])('GlobalSecret %j', (name, role) => {
    expect(secretRole(globalSecret(name))).toEqual(role);
  });

  it.each<[string, string, SecretRole]>([
    ['default', 'dataplane-token-signing-key-default-1', key('dataplane', 'dataplane-token-signing-key-default', 1)],
    [
      'default',
      'dataplane-token-signing-key-default',
      key('dataplane', 'dataplane-token-signing-key-default', undefined),
    ],
    ['default', 'dataplane-token-revocations-default', list('dataplane')],
    ['a', 'dataplane-token-signing-key-a-1', key('dataplane', 'dataplane-token-signing-key-a', 1)],
    ['a', 'dataplane-token-signing-key-a-1-1', key('dataplane', 'dataplane-token-signing-key-a', undefined)],
    ['a-1', 'dataplane-token-signing-key-a-1', key('dataplane', 'dataplane-token-signing-key-a-1', undefined)],
    ['a-1', 'dataplane-token-signing-key-a-1-1', key('dataplane', 'dataplane-token-signing-key-a-1', 1)],
    ['a', 'dataplane-token-signing-key-b-1', OTHER],
    ['a', 'dataplane-token-revocations-b', OTHER],
    ['a', 'dataplane-token-revocations-a-1', OTHER],
    ['default', 'user-token-signing-key-1', OTHER],
    ['default', 'user-token-revocations', OTHER],
    ['default', 'admin-user-token', OTHER],
    ['default', 'mtls-ca', OTHER],
  ])('Secret of mesh %s: %s', (mesh, name, role) => {
    expect(secretRole(meshSecret(name, mesh))).toEqual(role);
  });

  it.each([
    '',
    '-',
    '-0',
    '-00',
    '-01',
    '-0002',
    '-foo',
    '-1e3',
    '-1.0',
    '-+1',
    '--1',
    '-1-',
    '-1-2',
    '- 1',
    '-1 ',
    '-1\n',
    '-0x1',
  ])('and %j after the prefix of a key is no serial', (suffix) => {
    const prefix = 'user-token-signing-key';
    expect(secretRole(globalSecret(prefix + suffix))).toEqual(key('user', prefix, undefined));
  });

  it.each(['9007199254740992', '9007199254740993', '99999999999999999999', '1'.repeat(200), '\u0661', '\uff11'])(
    'and %s is no serial: JavaScript does not hold it as a number of its own',
    (digits) => {
      expect(secretRole(globalSecret(`zone-token-signing-key-${digits}`))).toMatchObject({ serial: undefined });
    },
  );

  it('of any other type is none', () => {
    expect(secretRole({ type: 'Config', mesh: '', name: 'user-token-signing-key-1' })).toEqual(OTHER);
  });

  it('gives back kind and serial of every key that we name', () => {
    const mesh = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?$/);
    const serial = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(fc.constantFrom(...TOKEN_KINDS), mesh, serial, ({ kind }, anyMesh, number) => {
        const row = tokenKind(kind);
        const home = row.secretType === 'Secret' ? anyMesh : '';
        const prefix = row.signingKeyPrefix(home);
        const secret = { type: row.secretType, mesh: home, name: `${prefix}-${number}` };
        expect(secretRole(secret)).toEqual(key(kind, prefix, number));
        expect(secretRole({ ...secret, name: row.revocations(home) })).toEqual(list(kind));
      }),
    );
  });

  it('knows any name at all', () => {
    const names = fc.oneof(
      fc.string(),
      fc.string().map((rest) => `user-token-signing-key-${rest}`),
    );
    fc.assert(
      fc.property(names, (name) => {
        const role = secretRole(globalSecret(name));
        if (role.role === 'signing-key' && role.serial !== undefined)
          expect(name).toBe(`${role.prefix}-${role.serial}`);
      }),
    );
  });
});

describe('the secrets that stay where they were made', () => {
  it.each([
    'admin-user-token',
    'envoy-admin-ca',
    'inter-cp-ca',
    'user-token-signing-key-1',
    'user-token-signing-key-0002',
    'user-token-signing-key',
    'user-token-revocations',
    'user-token-revocations-old',
    'user-token-signing-keys-1',
    'user-token-anything',
  ])('hold GlobalSecret %s', (name) => {
    expect(isKeptLocal(globalSecret(name))).toBe(true);
  });

  it.each([
    'zone-token-signing-key-1',
    'zone-token-signing-public-key-1',
    'zone-token-revocations',
    'zone-ingress-token-signing-key-1',
    'dataplane-token-revocations-default',
    'user-tokens',
    'my-user-token-1',
    'anything',
  ])('do not hold GlobalSecret %s', (name) => {
    expect(isKeptLocal(globalSecret(name))).toBe(false);
  });

  it('hold no Secret of a mesh', () => {
    for (const name of ['admin-user-token', 'user-token-signing-key-1', 'dataplane-token-signing-key-default-1']) {
      expect(isKeptLocal(meshSecret(name))).toBe(false);
    }
  });
});

describe('the list of known names', () => {
  it('holds every name that a person can meet, once', () => {
    const names = knownSecretNames('payments').map(({ type, mesh, name }) => `${type}/${mesh}/${name}`);
    expect(new Set(names).size).toBe(names.length);
    expect(names.sort()).toEqual([
      'GlobalSecret//admin-user-token',
      'GlobalSecret//dataplane-token-revocations-payments',
      'GlobalSecret//envoy-admin-ca',
      'GlobalSecret//inter-cp-ca',
      'GlobalSecret//user-token-revocations',
      'GlobalSecret//user-token-signing-key-1',
      'GlobalSecret//zone-ingress-token-revocations',
      'GlobalSecret//zone-ingress-token-signing-key-1',
      'GlobalSecret//zone-token-revocations',
      'GlobalSecret//zone-token-signing-key-1',
      'GlobalSecret//zone-token-signing-public-key-1',
      'Secret/payments/dataplane-token-revocations-payments',
      'Secret/payments/dataplane-token-signing-key-payments-1',
    ]);
  });

  it.each(TOKEN_KINDS.map(({ kind }) => kind))('holds key and list of the row %s, by their roles', (kind) => {
    const roles = knownSecretNames('payments').map(secretRole);
    const ofKind = roles.filter((role) => 'kind' in role && role.kind === kind).map(({ role }) => role);
    expect(ofKind).toEqual(expect.arrayContaining(['signing-key', 'revocations']));
    expect(ofKind.includes('public-key')).toBe(kind === 'zone');
  });

  it('holds no name without a role', () => {
    expect(knownSecretNames('payments').filter((name) => secretRole(name).role === 'other')).toEqual([]);
  });
});

describe('the data of a secret', () => {
  it('is text and bytes, or nothing', () => {
    expect(secretSpec('käse')).toEqual({ data: 'a8Okc2U=' });
    expect(secretText({ data: 'a8Okc2U=' })).toBe('käse');
    expect([...secretBytes({ data: 'AP8=' })]).toEqual([0, 255]);
    expect([secretText({}), secretBytes({}).length]).toEqual(['', 0]);
  });
});
