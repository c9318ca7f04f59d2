import { describe, expect, it } from 'vitest';
import { isTokenKind, TOKEN_KIND_NAMES, TOKEN_KINDS, type TokenKindName, tokenKind } from './token-kinds.js';

const TEN_YEARS = 315_360_000;

describe('the table of token kinds', () => {
  it('has four rows', () => {
    expect(TOKEN_KIND_NAMES).toEqual(['dataplane', 'zone-ingress', 'zone', 'user']);
    expect(TOKEN_KINDS.map(({ kind }) => tokenKind(kind))).toEqual(TOKEN_KINDS);
  });

  it.each<[TokenKindName, string, string, string, string | undefined]>([
    ['dataplane', 'Secret', 'dataplane-token-signing-key-payments', 'dataplane-token-revocations-payments', undefined],
    ['zone-ingress', 'GlobalSecret', 'zone-ingress-token-signing-key', 'zone-ingress-token-revocations', undefined],
    ['zone', 'GlobalSecret', 'zone-token-signing-key', 'zone-token-revocations', 'zone-token-signing-public-key'],
    ['user', 'GlobalSecret', 'user-token-signing-key', 'user-token-revocations', undefined],
  ])('keeps keys and revocations of %s tokens as a %s named as in Kuma', (kind, type, key, list, publicKey) => {
    const row = tokenKind(kind);
    expect([
      row.secretType,
      row.signingKeyPrefix('payments'),
      row.revocations('payments'),
      row.publicKeyPrefix,
    ]).toEqual([type, key, list, publicKey]);
  });

  it.each<[TokenKindName, string, string, string, string]>([
    ['dataplane', 'mesh-owner', 'private', 'generateDpToken', 'dpToken'],
    ['zone-ingress', 'not-federated', 'private', 'generateDpToken', 'zoneToken'],
    ['zone', 'not-federated', 'public', 'generateZoneToken', 'zoneToken'],
    ['user', 'every-control-plane', 'never', 'generateUserToken', 'userToken'],
  ])(
    'says of %s tokens who makes the first key (%s), what crosses (%s), who may ask (%s) and its switches',
    (...row) => {
      const { kind, defaultKey, crossing, right, switches } = tokenKind(row[0]);
      expect([kind, defaultKey, crossing, right, switches]).toEqual(row);
    },
  );

  it('lets tokens be good for ten years when nobody says, but for users, who must', () => {
    expect(Object.fromEntries(TOKEN_KINDS.map(({ kind, defaultValidFor }) => [kind, defaultValidFor]))).toEqual({
      dataplane: TEN_YEARS,
      'zone-ingress': TEN_YEARS,
      zone: TEN_YEARS,
      user: undefined,
    });
  });

  it.each(['dataplane', 'zone-ingress', 'zone', 'user'])('knows the word %s', (word) => {
    expect(isTokenKind(word)).toBe(true);
  });

  it.each(['', 'Dataplane', 'zoneingress', 'ingress', 'toString', '__proto__', 'user '])(
    'does not know the word %j',
    (word) => {
      expect(isTokenKind(word)).toBe(false);
    },
  );

  it.each<[TokenKindName, unknown, unknown]>([
    ['dataplane', {}, { Name: '', Mesh: '', Tags: {}, Type: '', Workload: '' }],
    [
      'dataplane',
      { Name: null, Mesh: 'm', Tags: null, Type: 'dataplane', Workload: 'w', exp: 1 },
      { Name: '', Mesh: 'm', Tags: {}, Type: 'dataplane', Workload: 'w' },
    ],
    ['zone-ingress', { Zone: null }, { Zone: '' }],
    ['zone', { Zone: 'east', Scope: null }, { Zone: 'east', Scope: [] }],
    ['zone', { Scope: ['ingress', 'whatever'] }, { Zone: '', Scope: ['ingress', 'whatever'] }],
    ['user', { Name: 'john' }, { Name: 'john', Groups: [] }],
    ['user', { Name: 'john', Groups: null }, { Name: 'john', Groups: [] }],
    ['user', { Name: 'john', Groups: ['b', 'a', 'b'] }, { Name: 'john', Groups: ['b', 'a', 'b'] }],
  ])('reads the claims of a %s token %j: what is absent or null is none', (kind, claims, identity) => {
    expect(tokenKind(kind).claims.parse(claims)).toEqual(identity);
  });

  it.each<[TokenKindName, unknown]>([
    ['dataplane', { Tags: ['a'] }],
    ['dataplane', { Tags: { a: 'b' } }],
    ['dataplane', { Tags: { a: null } }],
    ['dataplane', { Mesh: 1 }],
    ['zone-ingress', { Zone: ['east'] }],
    ['zone', { Scope: 'ingress' }],
    ['zone', { Scope: [null] }],
    ['user', {}],
    ['user', { Name: '' }],
    ['user', { Name: null }],
    ['user', { Name: 'john', Groups: 'admins' }],
    ['user', { Name: 'john', Groups: { 0: 'admins' } }],
  ])('does not take the claims %s %j for its own', (kind, claims) => {
    expect(tokenKind(kind).claims.safeParse(claims).success).toBe(false);
  });
});
