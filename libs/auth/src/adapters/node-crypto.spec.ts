import { CompactSign, compactVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { KEY, OTHER_KEY } from '../keys.contract.js';
import { nodeCrypto } from './node-crypto.js';

const CLAIMS = { Name: 'web-1', Mesh: 'default', Tags: { 'kuma.io/service': ['wéb'] }, exp: 1_900_000_000, jti: 'a' };
const HEADER = { alg: 'RS256', kid: '7', typ: 'JWT' };
const joseSigns = (text: string, header = HEADER) =>
  new CompactSign(new TextEncoder().encode(text)).setProtectedHeader(header).sign(KEY.key);

describe('RS256', () => {
  it('signs what another implementation checks, byte for byte as that one would sign it', async () => {
    const token = await nodeCrypto.sign('7', CLAIMS, KEY);
    const { payload, protectedHeader } = await compactVerify(token, KEY.publicKey, { algorithms: ['RS256'] });
    expect(JSON.parse(new TextDecoder().decode(payload))).toEqual(CLAIMS);
    expect(protectedHeader).toEqual(HEADER);
    expect(token).toBe(await joseSigns(JSON.stringify(CLAIMS)));
  });

  it('checks what another implementation signed', async () => {
    const token = await joseSigns(JSON.stringify(CLAIMS));
    expect(await nodeCrypto.verify(token, KEY)).toBe(true);
    expect(await nodeCrypto.verify(token, OTHER_KEY)).toBe(false);
    expect(await nodeCrypto.verify(token, nodeCrypto.decoy)).toBe(false);
  });

  it('takes no other bytes, no other signature, and no signature of another algorithm', async () => {
    const token = await nodeCrypto.sign('7', CLAIMS, KEY);
    const [header, claims, signature = ''] = token.split('.');
    const otherClaims = Buffer.from(JSON.stringify({ ...CLAIMS, Name: 'web-2' })).toString('base64url');
    const pss = await new CompactSign(new TextEncoder().encode(JSON.stringify(CLAIMS)))
      .setProtectedHeader({ ...HEADER, alg: 'PS256' })
      .sign(KEY.key);
    const forged = [
      `${header}.${otherClaims}.${signature}`,
      `${claims}.${header}.${signature}`,
      `${header}.${claims}.${signature.slice(0, -4)}`,
      `${header}.${claims}.`,
      `${header}.${claims}`,
      '',
      pss,
      await joseSigns(JSON.stringify(CLAIMS), { ...HEADER, alg: 'RS512' }),
    ];
    expect(await Promise.all(forged.map((one) => nodeCrypto.verify(one, KEY)))).toEqual(forged.map(() => false));
  });

  it('signs with no key that is not private', async () => {
    const half = nodeCrypto.parseKey(Buffer.from(KEY.publicPem));
    await expect(nodeCrypto.sign('7', CLAIMS, half)).rejects.toThrow();
  });
});
