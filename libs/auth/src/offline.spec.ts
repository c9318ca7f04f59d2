import { generateKeyPairSync } from 'node:crypto';
import { SeededEntropy, VirtualClock } from '@koguma/core';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from './adapters/node-crypto.js';
import { controlPlane, decoded, keyName, NOW, NOW_SECONDS, stepsOf } from './control-plane.contract.js';
import { KEY, OTHER_KEY } from './keys.contract.js';
import { signOffline } from './offline.js';
import { refusal } from './refusal.contract.js';
import type { TokenKindName } from './token-kinds.js';

const ports = () => ({ crypto: nodeCrypto, clock: new VirtualClock(NOW), entropy: new SeededEntropy(7) });
const KEY_1 = { kid: 'key-1', pem: KEY.pem };
const JOHN = { name: 'john', groups: ['users'], validFor: '24h' };

describe('a token that is signed without a control plane', () => {
  it.each<[TokenKindName, object, object]>([
    [
      'dataplane',
      { name: 'web', mesh: 'default', tags: { a: ['x'] } },
      { Name: 'web', Mesh: 'default', Tags: { a: ['x'] }, Type: '' },
    ],
    ['zone-ingress', { zone: 'east' }, { Zone: 'east' }],
    ['zone', { zone: 'east', scope: ['ingress'] }, { Zone: 'east', Scope: ['ingress'] }],
    ['user', { name: 'john', groups: ['users'] }, { Name: 'john', Groups: ['users'] }],
  ])('of kind %s says what one of a control plane says', async (kind, body, identity) => {
    const token = decoded(await signOffline(kind, { ...body, validFor: '24h' }, KEY_1, ports()));
    const times = { exp: NOW_SECONDS + 86_400, nbf: NOW_SECONDS - 300, iat: NOW_SECONDS };
    const jti = new SeededEntropy(7).uuid();
    expect(token.header).toBe('{"alg":"RS256","kid":"key-1","typ":"JWT"}');
    expect(token.claims).toBe(JSON.stringify({ ...identity, ...times, jti }));
  });

  it.each<[string, string | Uint8Array]>([
    ['PEM, PKCS#1', KEY.pem],
    ['PEM, PKCS#8', KEY.key.export({ type: 'pkcs8', format: 'pem' })],
    ['the bytes of a file', Buffer.from(KEY.pem)],
    ['DER, PKCS#1', KEY.key.export({ type: 'pkcs1', format: 'der' })],
  ])('takes a key as %s', async (_, pem) => {
    const token = await signOffline('user', JOHN, { kid: 'key-1', pem }, ports());
    expect(await nodeCrypto.verify(token, KEY)).toBe(true);
  });

  it('is good where the key is the signing key of that serial', async () => {
    const cp = await controlPlane();
    await cp.put(keyName('zone-ingress', 3), OTHER_KEY.pem);
    const token = await signOffline('zone-ingress', { zone: 'east' }, { kid: '3', pem: OTHER_KEY.pem }, ports());
    expect(stepsOf(await cp.verify(token, 'zone-ingress'))).not.toContain('not');
  });

  it('is for as long as the kind is when nobody says, and a user must say', async () => {
    const token = decoded(await signOffline('dataplane', { mesh: 'default' }, KEY_1, ports()));
    expect(JSON.parse(token.claims)).toMatchObject({ exp: NOW_SECONDS + 87_600 * 3_600 });
    const lasting = signOffline('user', { name: 'john' }, KEY_1, ports());
    await expect(lasting).rejects.toMatchObject(refusal(['validFor', 'cannot be empty']));
  });
});

describe('signing without a control plane', () => {
  const small = generateKeyPairSync('rsa', { modulusLength: 1_024 }).privateKey.export({
    type: 'pkcs1',
    format: 'pem',
  });

  it.each<[string, string, unknown]>([
    ['a public key', KEY.publicPem, 'is a public key: signing needs the private one'],
    ['rubbish', 'key', expect.stringContaining('is not an RSA key')],
    ['a small key', `${small}`, 'is an RSA key of 1024 bits: at least 2048 are needed'],
  ])('refuses %s', async (_, pem, reason) => {
    await expect(signOffline('user', JOHN, { kid: 'a', pem }, ports())).rejects.toMatchObject(refusal(['pem', reason]));
  });

  it.each(['', 'k'.repeat(254)])('refuses a kid that no control plane would read, case %#', async (kid) => {
    const signing = signOffline('user', JOHN, { kid, pem: KEY.pem }, ports());
    await expect(signing).rejects.toMatchObject(refusal(['kid', 'must have 1 to 253 characters']));
  });

  it('names every field of a request that is wrong', async () => {
    await expect(signOffline('zone', { scope: ['all'], validFor: '1d' }, KEY_1, ports())).rejects.toMatchObject(
      refusal(['scope[0]', expect.any(String)], ['validFor', expect.any(String)]),
    );
  });

  it('makes no token that control planes would not read', async () => {
    const huge = { ...JOHN, groups: ['g'.repeat(70_000)] };
    await expect(signOffline('user', huge, KEY_1, ports())).rejects.toMatchObject(
      refusal(['body', expect.any(String)]),
    );
  });
});
