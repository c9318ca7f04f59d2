import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeSelfSigned } from '@koguma/core';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, jwtVerify, SignJWT } from 'jose';
import { onTestFinished } from 'vitest';
import { NOW } from './zone-under-test.contract.js';

interface ClusterKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
}

export interface Claims {
  readonly subject?: string;
  readonly audience?: string;
  readonly issuer?: string;
  /** Seconds from now. */
  readonly lifetime?: number;
}

/**
 * The API of a Kubernetes cluster over HTTPS, as far as service accounts go, until the test ends: it publishes the keys
 * that it signs with, and says whose a token is.
 */
export async function cluster() {
  const { cert, key } = await makeSelfSigned({
    commonName: 'k8s',
    names: ['localhost'],
    use: 'server',
    keyType: 'ecdsa',
  });
  const folder = mkdtempSync(path.join(tmpdir(), 'koguma-cluster-'));
  const file = (name: string, text: string) => {
    const where = path.join(folder, name);
    writeFileSync(where, text);
    return where;
  };
  const keys: ClusterKey[] = [];
  const asked = { keys: 0, reviews: [] as Record<string, unknown>[] };
  const state = { answer: undefined as { status: number; body: string } | undefined };

  const server = createServer({ cert, key }, (request, response) => {
    void (async () => {
      const body = await textOf(request);
      const { status, body: text } = state.answer ?? (await respond(request, body));
      response.writeHead(status, { 'content-type': 'application/json' }).end(text);
    })();
  });
  async function respond({ url, headers }: IncomingMessage, body: string): Promise<{ status: number; body: string }> {
    if (url === '/openid/v1/jwks') {
      asked.keys++;
      return { status: 200, body: JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }) };
    }
    if (headers.authorization !== 'Bearer koguma-itself') return { status: 401, body: '{}' };
    const review = JSON.parse(body) as { spec: { token: string; audiences?: string[] } };
    asked.reviews.push(review);
    return { status: 201, body: JSON.stringify({ ...review, status: await statusOf(review.spec) }) };
  }
  async function statusOf({ token, audiences }: { token: string; audiences?: string[] }): Promise<object> {
    for (const { publicKey } of keys) {
      try {
        const { payload } = await jwtVerify(token, publicKey, { currentDate: new Date(NOW) });
        const granted = audiences?.filter((one) => payload.aud === one);
        if (granted?.length === 0) return { authenticated: false, error: 'not for this audience' };
        return { authenticated: true, user: { username: payload.sub }, ...(granted ? { audiences: granted } : {}) };
      } catch {}
    }
    return { authenticated: false };
  }
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });

  const { port } = server.address() as AddressInfo;
  const rotate = async () => {
    const kid = `key-${keys.length + 1}`;
    const pair = await generateKeyPair('ES256', { extractable: true });
    keys.push({ kid, ...pair, jwk: { ...(await exportJWK(pair.publicKey)), kid, alg: 'ES256', use: 'sig' } });
  };
  await rotate();
  return {
    uri: `https://localhost:${port}`,
    caFile: file('ca.crt', cert),
    credentialFile: file('token', 'koguma-itself\n'),
    ca: cert,
    asked,
    /** Answers everything in this way from now on; undefined: as usual. */
    answerWith: (answer: typeof state.answer) => {
      state.answer = answer;
    },
    /** Signs with a new key from now on; old keys are known until they are forgotten. */
    rotate,
    forgetOldKeys: () => keys.splice(0, keys.length - 1),
    /** The token that a pod finds in its file. */
    token: (claims: Claims = {}) => {
      const {
        subject = 'system:serviceaccount:shop:web',
        audience = 'koguma',
        issuer = 'https://k8s',
        lifetime = 3_600,
      } = claims;
      const latest = keys.at(-1) as ClusterKey;
      return new SignJWT({ jti: 'pod-token-1' })
        .setProtectedHeader({ alg: 'ES256', kid: latest.kid })
        .setSubject(subject)
        .setAudience(audience)
        .setIssuer(issuer)
        .setExpirationTime(NOW / 1000 + lifetime)
        .sign(latest.privateKey);
    },
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
