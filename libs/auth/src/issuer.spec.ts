import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LABEL } from '@koguma/resources';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  type ControlPlane,
  claimsOf,
  controlPlane,
  decoded,
  keyName,
  NOW_SECONDS,
  UUID_V4,
} from './control-plane.contract.js';
import type { RsaKey } from './crypto.js';
import { KEY, OTHER_KEY } from './keys.contract.js';
import { TOKEN_KIND_NAMES, type TokenKindName } from './token-kinds.js';

const PREPARED = { [LABEL.phase]: 'prepared' };

/** What the openssl binary says of a token's signature. */
function openssl(token: string, key: RsaKey): string {
  const dir = mkdtempSync(join(tmpdir(), 'koguma-token-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const dot = token.lastIndexOf('.');
  writeFileSync(join(dir, 'key.pem'), key.publicPem);
  writeFileSync(join(dir, 'signed'), token.slice(0, dot));
  writeFileSync(join(dir, 'signature'), Buffer.from(token.slice(dot + 1), 'base64url'));
  const args = ['dgst', '-sha256', '-verify', 'key.pem', '-signature', 'signature', 'signed'];
  return execFileSync('openssl', args, { cwd: dir, encoding: 'utf8' }).trim();
}

describe('an issued token', () => {
  let cp: ControlPlane;
  beforeEach(async () => {
    cp = await controlPlane();
    await cp.start();
    await cp.createMesh('default');
  });

  it.each(TOKEN_KIND_NAMES)('of kind %s has the header of Kuma, to the letter', async (kind) => {
    expect(decoded(await cp.issue(kind)).header).toBe('{"alg":"RS256","kid":"1","typ":"JWT"}');
  });

  it.each<[TokenKindName, object, string]>([
    ['dataplane', {}, '"Name":"","Mesh":"default","Tags":{},"Type":""'],
    [
      'dataplane',
      { workload: 'w', tags: { z: ['2', '1'], a: ['x'] }, type: 'dataplane', name: 'web' },
      '"Name":"web","Mesh":"default","Tags":{"z":["1","2"],"a":["x"]},"Type":"dataplane","Workload":"w"',
    ],
    ['zone-ingress', {}, '"Zone":"east"'],
    ['zone', { scope: ['egress', 'cp'] }, '"Zone":"east","Scope":["egress","cp"]'],
    ['user', { groups: ['team-a'] }, '"Name":"john","Groups":["team-a"]'],
  ])('of kind %s for %j says who first, then exp, nbf, iat and jti', async (kind, body, identity) => {
    const token = await cp.issue(kind, { ...body, validFor: '1h30m' });
    const times = `"exp":${NOW_SECONDS + 5_400},"nbf":${NOW_SECONDS - 300},"iat":${NOW_SECONDS}`;
    expect(decoded(token).claims).toBe(`{${identity},${times},"jti":"${String(claimsOf(token).jti)}"}`);
  });

  it('has an id of its own, a UUID of version 4', async () => {
    const ids = await Promise.all(TOKEN_KIND_NAMES.map(async (kind) => claimsOf(await cp.issue(kind)).jti));
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(UUID_V4);
  });

  it('has times in whole seconds, of the moment in which it was made', async () => {
    cp.clock.skew(10_999);
    expect(claimsOf(await cp.issue('user'))).toMatchObject({
      iat: NOW_SECONDS + 10,
      nbf: NOW_SECONDS - 290,
      exp: NOW_SECONDS + 3_610,
    });
  });

  it('is good at once where it was made, and five minutes earlier', async () => {
    const token = await cp.issue('user');
    expect(await cp.verify(token, 'user')).toMatchObject({ accepted: true });
    cp.clock.skew(-300_000);
    expect(await cp.verify(token, 'user')).toMatchObject({ accepted: true });
    cp.clock.skew(-1_000);
    expect(await cp.verify(token, 'user')).toMatchObject({ accepted: false, reason: 'not_yet_valid' });
  });

  it.each(TOKEN_KIND_NAMES)('of kind %s has a signature that OpenSSL verifies', async (kind) => {
    const token = await cp.issue(kind);
    const { key } = cp.auth.keys.latest(kind, kind === 'dataplane' ? 'default' : '') ?? {};
    expect(openssl(token, key as RsaKey)).toBe('Verified OK');
  });

  it('keeps characters of every script', async () => {
    const token = await cp.issue('user', { name: 'jürgen 熊 🐻 "\\' });
    expect(await cp.verify(token, 'user')).toMatchObject({ identity: { Name: 'jürgen 熊 🐻 "\\' } });
  });
});

describe('the key that signs', () => {
  const kidOf = async (cp: ControlPlane, kind: TokenKindName = 'user') =>
    (JSON.parse(decoded(await cp.issue(kind)).header) as { kid: string }).kid;

  it('is that of the highest serial as a number: 10 beats 9', async () => {
    const cp = await controlPlane();
    for (const serial of [9, 10, 2]) await cp.put(keyName('user', serial), KEY.pem);
    expect(await kidOf(cp)).toBe('10');
  });

  it('is the new one from the answer to its rotation on', async () => {
    const cp = await controlPlane();
    await cp.start();
    await cp.put(keyName('user', 2), OTHER_KEY.pem);
    expect(await kidOf(cp)).toBe('2');
    await cp.manager.delete(keyName('user', 2));
    expect(await kidOf(cp)).toBe('1');
  });

  it('is never one that is only prepared, until its label is taken away', async () => {
    const cp = await controlPlane();
    await cp.put(keyName('user', 1), KEY.pem);
    await cp.put(keyName('user', 2), OTHER_KEY.pem, PREPARED);
    expect(await kidOf(cp)).toBe('1');
    await cp.put(keyName('user', 2), OTHER_KEY.pem);
    expect(await kidOf(cp)).toBe('2');
  });

  it('is looked for in the mesh of the token, and in no other', async () => {
    const cp = await controlPlane();
    await cp.createMesh('default');
    await cp.createMesh('payments');
    await cp.put(keyName('dataplane', 7, 'payments'), OTHER_KEY.pem);
    expect(await kidOf(cp, 'dataplane')).toBe('1');
    expect(decoded(await cp.issue('dataplane', { mesh: 'payments' })).header).toContain('"kid":"7"');
  });

  it('is never a public half', async () => {
    const cp = await controlPlane();
    await cp.put(keyName('user', 1), KEY.pem);
    await cp.arrive(keyName('user', 2), OTHER_KEY.publicPem);
    expect(await kidOf(cp)).toBe('1');
  });

  it('is never one with a name that is not strict, or one that cannot be read', async () => {
    const cp = await controlPlane();
    await cp.put(keyName('user', 1), KEY.pem);
    for (const serial of ['0002', '0', '-3', 'foo', '1e3', '9007199254740992']) {
      await cp.arrive(keyName('user', serial), OTHER_KEY.pem);
    }
    await cp.arrive(keyName('user', 5), 'not a key');
    expect(await kidOf(cp)).toBe('1');
    expect(cp.logged).toContainEqual(expect.objectContaining({ level: 'error', name: 'user-token-signing-key-5' }));
  });
});

describe('no token', () => {
  it.each<[TokenKindName, string]>([
    [
      'dataplane',
      'there is no signing key with KID 1. Secret of name "dataplane-token-signing-key-default-1" in mesh "default" is not found: create one, or check that the mesh exists',
    ],
    [
      'zone-ingress',
      'there is no signing key with KID 1. GlobalSecret of name "zone-ingress-token-signing-key-1" is not found: create one',
    ],
    [
      'zone',
      'there is no signing key with KID 1. GlobalSecret of name "zone-token-signing-key-1" is not found: create one',
    ],
    [
      'user',
      'there is no signing key with KID 1. GlobalSecret of name "user-token-signing-key-1" is not found: create one',
    ],
  ])('of kind %s comes without a key, and the refusal names secret, mesh and advice', async (kind, message) => {
    const cp = await controlPlane();
    await expect(cp.issue(kind)).rejects.toMatchObject({ code: 'signing_key_not_found', message });
  });

  it('comes while the only key is prepared, and the refusal says so', async () => {
    const cp = await controlPlane();
    await cp.createMesh('default');
    await cp.put(keyName('dataplane'), KEY.pem, PREPARED);
    const message =
      'Secret "dataplane-token-signing-key-default-1" in mesh "default" is prepared and does not sign yet, and no other key is there: take its label koguma.io/phase away, or create a key with a higher serial';
    await expect(cp.issue('dataplane')).rejects.toMatchObject({ code: 'signing_key_not_found', message });
  });

  it('of kind zone comes from a zone, which is told to ask global', async () => {
    const cp = await controlPlane({ federated: true, hint: () => 'this zone never met its global' });
    await cp.arrive({ type: 'GlobalSecret', mesh: '', name: 'zone-token-signing-public-key-1' }, KEY.publicPem);
    await cp.arrive(keyName('zone'), KEY.pem);
    const message = expect.stringContaining('"zone-token-signing-key-1" is not found: zone tokens are issued on the');
    await expect(cp.issue('zone')).rejects.toMatchObject({ code: 'signing_key_not_found', message });
  });

  it.each<[TokenKindName, string]>([
    ['dataplane', 'this zone never met its global'],
    ['zone-ingress', 'this zone never met its global'],
    ['user', 'create one'],
  ])('of kind %s comes from a zone that lacks the key, which says: %s', async (kind, advice) => {
    const cp = await controlPlane({ federated: true, hint: () => 'this zone never met its global' });
    await expect(cp.issue(kind)).rejects.toMatchObject({
      code: 'signing_key_not_found',
      message: expect.stringMatching(new RegExp(`: ${advice}$`)),
    });
  });

  it.each<[TokenKindName, 'dpToken' | 'zoneToken' | 'userToken']>([
    ['dataplane', 'dpToken'],
    ['zone-ingress', 'zoneToken'],
    ['zone', 'zoneToken'],
    ['user', 'userToken'],
  ])('of kind %s comes where %s says enableIssuer: false; the others do', async (kind, family) => {
    const cp = await controlPlane({ switches: { [family]: { enableIssuer: false } } });
    await cp.start();
    await cp.createMesh('default');
    await expect(cp.issue(kind)).rejects.toMatchObject({
      code: 'issuer_disabled',
      message: 'issuing tokens using the control plane is disabled.',
    });
    const other = kind === 'user' ? 'dataplane' : 'user';
    expect(await cp.verify(await cp.issue(other), other)).toMatchObject({ accepted: true });
  });
});
