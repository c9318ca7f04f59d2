import { describe, expect, it } from 'vitest';
import { nodeCrypto } from './adapters/node-crypto.js';
import {
  claimsOf,
  controlPlane,
  decoded,
  globalSecret,
  keyName,
  listName,
  NOW_SECONDS,
  signed,
  stepsOf,
  told,
} from './control-plane.contract.js';
import type { TokenCrypto } from './crypto.js';
import { KEY, OTHER_KEY } from './keys.contract.js';
import { TOKEN_KIND_NAMES } from './token-kinds.js';

const ID = '3d2199ef-d297-46b1-8ca7-426f3fa7fe30';
const HEADER = { alg: 'RS256', kid: '1', typ: 'JWT' };
const CLAIMS = { Name: 'john', Groups: ['team-a'], exp: NOW_SECONDS + 3_600, jti: ID };
const PROXY = { Name: 'web', Mesh: 'default', Tags: { team: ['a'] }, exp: NOW_SECONDS + 3_600, jti: ID };
const ALL_STEPS = 'header, key, signature, times, revocation, identity';

/** Users and the mesh `default` have the same key; the mesh `payments` has the other one. */
async function target() {
  const cp = await controlPlane();
  await cp.createMesh('default');
  await cp.createMesh('payments');
  await cp.put(keyName('user'), KEY.pem);
  return cp;
}

describe('a good token', () => {
  it.each(TOKEN_KIND_NAMES)('of kind %s is accepted where it was issued', async (kind) => {
    const cp = await controlPlane();
    await cp.start();
    await cp.createMesh('default');
    const verdict = await cp.verify(await cp.issue(kind), kind);
    expect([verdict.accepted, verdict.reason, stepsOf(verdict)]).toEqual([true, undefined, ALL_STEPS]);
  });

  it.each<[string, object, object, object?]>([
    ['without groups', { Groups: undefined }, { Name: 'john', Groups: [] }],
    ['with null groups', { Groups: null }, { Name: 'john', Groups: [] }],
    ['with no groups', { Groups: [] }, { Name: 'john', Groups: [] }],
    ['without iat and nbf', {}, { Name: 'john', Groups: ['team-a'] }],
    ['with an iat to come, at which nobody looks', { iat: NOW_SECONDS + 999 }, { Name: 'john', Groups: ['team-a'] }],
    ['with claims of others', { sub: 'x', aud: ['y'], iss: 1, nickname: 'z' }, { Name: 'john', Groups: ['team-a'] }],
    ['with an id that is no UUID', { jti: 'ticket 7' }, { Name: 'john', Groups: ['team-a'] }],
    ['with an exp as far as dates go', { exp: 8_640_000_000_000 }, { Name: 'john', Groups: ['team-a'] }],
    ['with an nbf as early as dates go', { nbf: -8_640_000_000_000 }, { Name: 'john', Groups: ['team-a'] }],
    ['with no typ in its header', {}, { Name: 'john', Groups: ['team-a'] }, { typ: undefined }],
    ['with another typ', {}, { Name: 'john', Groups: ['team-a'] }, { typ: 'at+jwt', x5t: 'unread', jku: 'unread' }],
  ])('%s is accepted', async (_, claims, identity, header = {}) => {
    const token = signed({ ...HEADER, ...header }, { ...CLAIMS, ...claims });
    expect(await (await target()).verify(token, 'user')).toMatchObject({ accepted: true, identity });
  });

  it.each<[string, object]>([
    ['without tags', { Tags: undefined }],
    ['with null tags', { Tags: null }],
    ['with no tags', { Tags: {} }],
  ])('of a proxy %s is accepted, and binds to none', async (_, tags) => {
    const verdict = await (await target()).verify(signed(HEADER, { ...PROXY, ...tags }), 'dataplane');
    expect(verdict.identity).toEqual({ Name: 'web', Mesh: 'default', Tags: {}, Type: '', Workload: '' });
  });

  it('of a proxy that names no mesh is accepted in the mesh whose key signed it, and in no other', async () => {
    const cp = await target();
    const token = signed(HEADER, { ...PROXY, Mesh: undefined });
    expect(await cp.verify(token, 'dataplane')).toMatchObject({ accepted: true });
    expect(await cp.verify(token, 'dataplane', 'payments')).toMatchObject({ reason: 'bad_signature' });
  });

  it('without jti is accepted, and told that it cannot be revoked singly', async () => {
    const verdict = await (await target()).verify(signed(HEADER, { ...CLAIMS, jti: undefined }), 'user');
    expect(verdict.accepted).toBe(true);
    expect(told(verdict, 'revocation')).toBe(
      `the token has no jti, so it cannot be revoked singly (user-token-revocations, revision 3, 0 ids)`,
    );
  });

  it.each(['', ' ', 'a,b', 'a b', `${ID}\n`])(
    'with the jti %j is told the same, since no list can hold it',
    async (jti) => {
      const cp = await target();
      await cp.put(listName('user'), jti);
      const verdict = await cp.verify(signed(HEADER, { ...CLAIMS, jti }), 'user');
      expect(verdict.accepted).toBe(true);
      expect(told(verdict, 'revocation')).toContain("no list can hold the token's jti, so it cannot be revoked singly");
    },
  );

  it('is good until exp, and not in that very second', async () => {
    const cp = await target();
    const token = signed(HEADER, { ...CLAIMS, exp: NOW_SECONDS + 1 });
    cp.clock.skew(999);
    expect(await cp.verify(token, 'user')).toMatchObject({ accepted: true });
    cp.clock.skew(1);
    expect(await cp.verify(token, 'user')).toMatchObject({ accepted: false, reason: 'expired' });
  });

  it('is good from nbf on, that very second included', async () => {
    const cp = await target();
    const token = signed(HEADER, { ...CLAIMS, nbf: NOW_SECONDS });
    expect(await cp.verify(token, 'user')).toMatchObject({ accepted: true });
    cp.clock.skew(-1);
    expect(await cp.verify(token, 'user')).toMatchObject({ accepted: false, reason: 'not_yet_valid' });
  });

  it('proves who holds it, to those who ask for that alone', async () => {
    const { auth } = await target();
    const identity = { Name: 'john', Groups: ['team-a'] };
    expect(await auth.validator.authenticate(signed(HEADER, CLAIMS), 'user')).toEqual(identity);
    await expect(auth.validator.authenticate('x', 'user')).rejects.toMatchObject({
      code: 'unauthenticated',
      reason: 'malformed',
      message: 'the token has 1 parts: a signed JWT has 3',
    });
    await expect(auth.validator.authenticate(signed(HEADER, { ...CLAIMS, exp: 1 }), 'user')).rejects.toMatchObject({
      code: 'unauthenticated',
      reason: 'expired',
      message: 'expired at 1970-01-01T00:00:01Z, now 2026-01-02T03:04:05Z',
    });
  });
});

describe('the steps of a check', () => {
  it('of a token that is accepted tell key, thumbprint, times, list and identity', async () => {
    const { steps } = await (await target()).verify(signed(HEADER, CLAIMS), 'user');
    expect(steps.map(({ detail }) => detail)).toEqual([
      'RS256, kid "1"',
      `GlobalSecret "user-token-signing-key-1", thumbprint ${KEY.thumbprint}`,
      `made by the key with thumbprint ${KEY.thumbprint}`,
      'valid until 2026-01-02T04:04:05Z',
      `${ID} is not on user-token-revocations (revision 3, 0 ids)`,
      '{"Name":"john","Groups":["team-a"]}',
    ]);
  });

  it('of one that cannot be read end with what is wrong', async () => {
    const verdict = await (await target()).verify(signed({ ...HEADER, kid: 1 }, CLAIMS), 'user');
    expect(stepsOf(verdict)).toBe('not header');
    expect(told(verdict, 'header')).toBe('the header must have a kid that is a string');
  });

  it('of one with an algorithm that is not allowed name it', async () => {
    const verdict = await (await target()).verify(signed({ ...HEADER, alg: 'HS256' }, CLAIMS), 'user');
    expect(stepsOf(verdict)).toBe('not header');
    expect(told(verdict, 'header')).toBe("the token's algorithm is HS256: only RS256 is allowed");
  });

  it('of one with an unknown kid say what is missing and what to do', async () => {
    const cp = await target();
    const verdict = await cp.verify(signed({ ...HEADER, kid: '7"' }, CLAIMS), 'user');
    expect(stepsOf(verdict)).toBe('header, not key');
    expect(told(verdict, 'key')).toBe(
      'there is no user signing key with kid "7\\"" here: if the signing key was rotated, make a new token',
    );
    expect(told(await cp.verify(signed(HEADER, PROXY), 'dataplane', 'none'), 'key')).toBe(
      'there is no dataplane signing key of mesh "none" with kid "1" here: if the signing key was rotated, make a new token',
    );
  });

  it('of one with an unknown kid say on a zone what the zone knows of it', async () => {
    const cp = await controlPlane({ federated: true, hint: () => 'this zone never met its global' });
    expect(told(await cp.verify(signed(HEADER, PROXY), 'dataplane'), 'key')).toBe(
      'there is no dataplane signing key of mesh "default" with kid "1" here: this zone never met its global',
    );
    expect(told(await cp.verify(signed(HEADER, CLAIMS), 'user'), 'key')).toMatch(/make a new token$/);
  });

  it('of one with the same kid and another key say so in words, with the thumbprint of ours', async () => {
    const verdict = await (await target()).verify(signed(HEADER, CLAIMS, OTHER_KEY), 'user');
    expect(stepsOf(verdict)).toBe('header, key, not signature');
    expect(told(verdict, 'key')).toBe(`GlobalSecret "user-token-signing-key-1", thumbprint ${KEY.thumbprint}`);
    expect(told(verdict, 'signature')).toBe(
      'the kid is the same and the key is not: another key of this name signed the token, on another control plane or before it was replaced',
    );
  });

  it('of one that is past its time, or before it, tell both times', async () => {
    const cp = await target();
    const late = await cp.verify(signed(HEADER, { ...CLAIMS, exp: NOW_SECONDS - 5 }), 'user');
    expect(stepsOf(late)).toBe('header, key, signature, not times');
    expect(told(late, 'times')).toBe('expired at 2026-01-02T03:04:00Z, now 2026-01-02T03:04:05Z');
    const early = await cp.verify(signed(HEADER, { ...CLAIMS, nbf: NOW_SECONDS + 5 }), 'user');
    expect(stepsOf(early)).toBe('header, key, signature, not times');
    expect(told(early, 'times')).toBe(
      'not valid before 2026-01-02T03:04:10Z, now 2026-01-02T03:04:05Z: check the clock of the issuer and of this machine',
    );
  });

  it('of one that is revoked name id, list, revision and size', async () => {
    const cp = await target();
    await cp.put(listName('user'), `${ID},another`);
    const verdict = await cp.verify(signed(HEADER, CLAIMS), 'user');
    expect(stepsOf(verdict)).toBe('header, key, signature, times, not revocation');
    expect(told(verdict, 'revocation')).toBe(`${ID} is on user-token-revocations (revision 4, 2 ids)`);
  });

  it('of one for another mesh name both', async () => {
    const verdict = await (await target()).verify(signed(HEADER, { ...PROXY, Mesh: 'payments' }), 'dataplane');
    expect(stepsOf(verdict)).toBe('header, key, signature, times, revocation, not identity');
    expect(told(verdict, 'identity')).toBe('the token is for mesh "payments", not for "default"');
  });

  it('of one with claims of another kind say so', async () => {
    const verdict = await (await target()).verify(signed(HEADER, { ...CLAIMS, Name: undefined, Zone: 'x' }), 'user');
    expect(stepsOf(verdict)).toBe('header, key, signature, times, revocation, not identity');
    expect(told(verdict, 'identity')).toBe('the claims are not those of this kind of token');
  });

  it('give the first reason when there are several: signature, exp, nbf, revocation, identity', async () => {
    const cp = await target();
    await cp.put(listName('user'), ID);
    const worst = { ...CLAIMS, Name: 7, exp: NOW_SECONDS - 1, nbf: NOW_SECONDS + 1 };
    const reason = async (claims: object, key = KEY) => (await cp.verify(signed(HEADER, claims, key), 'user')).reason;
    expect(await reason(worst, OTHER_KEY)).toBe('bad_signature');
    expect(await reason(worst)).toBe('expired');
    expect(await reason({ ...worst, exp: CLAIMS.exp })).toBe('not_yet_valid');
    expect(await reason({ ...worst, exp: CLAIMS.exp, nbf: 0 })).toBe('revoked');
    expect(await reason({ ...worst, exp: CLAIMS.exp, nbf: 0, jti: 'x' })).toBe('identity_mismatch');
  });

  it('hold neither the signature nor any key, accepted or not', async () => {
    const cp = await target();
    await cp.put(listName('dataplane'), 'revoked');
    const tokens = [
      signed(HEADER, PROXY),
      signed(HEADER, PROXY, OTHER_KEY),
      signed({ ...HEADER, kid: '2' }, PROXY),
      signed({ ...HEADER, alg: 'none' }, PROXY),
      signed(HEADER, { ...PROXY, exp: 1 }),
      signed(HEADER, { ...PROXY, nbf: NOW_SECONDS * 2 }),
      signed(HEADER, { ...PROXY, jti: 'revoked' }),
      signed(HEADER, { ...PROXY, Mesh: 'payments' }),
      signed(HEADER, { ...PROXY, jti: undefined }),
    ];
    const secrets = [KEY, OTHER_KEY].flatMap(({ pem, publicPem }) =>
      [pem, publicPem].map((text) => text.split('\n')[2]),
    );
    const reasons: unknown[] = [];
    for (const token of tokens) {
      const verdict = await cp.verify(token, 'dataplane');
      const text = JSON.stringify(verdict);
      const forbidden = [decoded(token).signature, token, ...token.split('.'), ...secrets];
      expect(forbidden.filter((secret) => text.includes(secret as string))).toEqual([]);
      reasons.push(verdict.reason);
    }
    expect(reasons).toEqual([
      undefined,
      'bad_signature',
      'unknown_kid',
      'algorithm_not_allowed',
      'expired',
      'not_yet_valid',
      'revoked',
      'identity_mismatch',
      undefined,
    ]);
  });
});

describe('a token whose signature is proven', () => {
  it('is judged again whenever something changed, without its signature being made again', async () => {
    const cp = await target();
    const proof = await cp.auth.validator.prove(signed(HEADER, CLAIMS), 'user', '');
    const now = () => cp.auth.validator.judge(proof).reason ?? 'accepted';
    expect(now()).toBe('accepted');

    await cp.put(listName('user'), ID);
    expect(now()).toBe('revoked');
    await cp.manager.delete(listName('user'));
    expect(now()).toBe('accepted');

    await cp.put(keyName('user', 2), OTHER_KEY.pem);
    expect(now()).toBe('accepted');
    await cp.manager.delete(keyName('user', 1));
    expect(now()).toBe('unknown_kid');
    await cp.put(keyName('user', 1), OTHER_KEY.pem);
    expect(now()).toBe('bad_signature');
    await cp.put(keyName('user', 1), KEY.pem);
    expect(now()).toBe('accepted');

    cp.clock.skew(3_599_999);
    expect(now()).toBe('accepted');
    cp.clock.skew(1);
    expect(now()).toBe('expired');
    cp.clock.skew(-1);
    expect(now()).toBe('accepted');
  });

  it('is judged as a check from the start would do, with the same steps', async () => {
    const cp = await target();
    const token = signed(HEADER, CLAIMS);
    const proof = await cp.auth.validator.prove(token, 'user', '');
    const changes = [
      () => cp.put(listName('user'), ID),
      () => cp.put(keyName('user'), OTHER_KEY.pem),
      () => cp.manager.delete(keyName('user')),
      () => cp.put(keyName('user', 2), KEY.pem),
      () => cp.put(keyName('user'), KEY.pem, { 'koguma.io/phase': 'prepared' }),
      () => cp.manager.delete(listName('user')),
      async () => cp.clock.skew(1e9),
    ];
    for (const change of changes) {
      await change();
      expect(cp.auth.validator.judge(proof)).toEqual(await cp.verify(token, 'user'));
    }
  });

  it('is judged at once: the verdict is no promise', async () => {
    const cp = await target();
    const proof = await cp.auth.validator.prove(signed(HEADER, CLAIMS), 'user', '');
    expect(cp.auth.validator.judge(proof).accepted).toBe(true);
  });

  it('was revoked in the very turn in which the list was applied', async () => {
    const cp = await target();
    const proof = await cp.auth.validator.prove(signed(HEADER, CLAIMS), 'user', '');
    const verdicts: unknown[] = [];
    cp.view.onChange(() => verdicts.push(cp.auth.validator.judge(proof).reason));
    await cp.put(listName('user'), ID);
    await cp.manager.delete(keyName('user'));
    expect(verdicts).toEqual(['revoked', 'unknown_kid']);
  });

  it('was not proven when its key comes later: it must be shown again', async () => {
    const cp = await target();
    const token = signed({ ...HEADER, kid: '2' }, CLAIMS);
    const proof = await cp.auth.validator.prove(token, 'user', '');
    await cp.put(keyName('user', 2), KEY.pem);
    expect(cp.auth.validator.judge(proof)).toMatchObject({ accepted: false, reason: 'unknown_kid' });
    expect(await cp.verify(token, 'user')).toMatchObject({ accepted: true });
  });

  it('is refused when it was revoked while its signature was checked', async () => {
    let go: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (go = resolve));
    const slowly: TokenCrypto['verify'] = (token, key) => gate.then(() => nodeCrypto.verify(token, key));
    const cp = await controlPlane({ crypto: { verify: slowly } });
    await cp.put(keyName('user'), KEY.pem);
    const verdict = cp.verify(signed(HEADER, CLAIMS), 'user');
    await cp.put(listName('user'), ID);
    go();
    expect((await verdict).reason).toBe('revoked');
  });

  it('says of a proof that failed what stood in the way, whatever happens later', async () => {
    const cp = await target();
    const bad = await cp.auth.validator.prove('rubbish', 'user', '');
    expect(cp.auth.validator.judge(bad)).toEqual({ accepted: false, reason: 'malformed', steps: bad.steps });
  });

  it('is known by its id, kid and times, for lists of those who are connected', async () => {
    const cp = await target();
    const token = await cp.issue('user');
    const { token: read, key } = await cp.auth.validator.prove(token, 'user', '');
    const { jti, exp, nbf } = claimsOf(token);
    expect(read).toMatchObject({ kid: '1', jti, expiresAt: exp, notBefore: nbf });
    expect(key?.foundIn).toBe('GlobalSecret "user-token-signing-key-1"');
  });

  it('is good again when its key comes back', async () => {
    const cp = await target();
    const proof = await cp.auth.validator.prove(signed(HEADER, CLAIMS), 'user', '');
    await cp.leave(globalSecret('user-token-signing-key-1'));
    await cp.arrive(globalSecret('user-token-signing-key-1'), KEY.pem);
    expect(cp.auth.validator.judge(proof).accepted).toBe(true);
  });
});
