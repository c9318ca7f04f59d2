import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { Agent, get } from 'node:http';
import { type ControlPlaneClient, decodeToken, startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

/** A header that says that the caller came by way of a proxy: not this machine, so not its administrator. */
const FROM_ELSEWHERE = { 'x-forwarded-for': '203.0.113.7' };
const JOHN = { name: 'john', groups: ['team-a', 'team-b'], validFor: '24h' };
/** A request for each thing that only administrators may do. */
const ADMIN_ONLY = [
  ['GET', '/global-secrets', undefined],
  ['PUT', '/global-secrets/user-token-revocations', { data: '' }],
  ['GET', '/meshes/default/secrets', undefined],
  ['POST', '/tokens/user', JOHN],
  ['POST', '/tokens/dataplane', { mesh: 'default' }],
  ['POST', '/tokens/zone-ingress', { zone: 'east' }],
] as const;

let lab: WiredLab;
beforeAll(async () => {
  lab = await startWiredLab({ zones: ['east'] });
});
afterAll(() => lab.stop());

const hasAdminToken = async (node: ControlPlaneClient) => (await node.secretNames()).includes('admin-user-token');
const adminToken = async (node: ControlPlaneClient) => {
  await lab.until(() => hasAdminToken(node), 'there is an admin token');
  return node.secretText('admin-user-token');
};

describe.each(['global', 'east'])('a user token of %s', (name) => {
  const node = () => (name === 'global' ? lab.global : lab.zone(name));
  const whoAmI = async (token: string) => (await node().get('/who-am-i', { token })).status;

  it('holds the name, the groups and the expiration date, in the order and the times of Kuma', async () => {
    const { header, claims } = decodeToken(await node().issue('user', JOHN));
    expect(header).toEqual({ alg: 'RS256', kid: '1', typ: 'JWT' });
    expect(Object.keys(claims)).toEqual(['Name', 'Groups', 'exp', 'nbf', 'iat', 'jti']);
    const iat = Number(claims.iat);
    expect(claims).toMatchObject({ Name: 'john', Groups: ['team-a', 'team-b'], exp: iat + 86_400, nbf: iat - 300 });
  });

  it('makes its holder that user, in those groups and in mesh-system:authenticated', async () => {
    const token = await node().issue('user', JOHN);
    expect((await node().get('/who-am-i', { token })).body).toEqual({
      name: 'john',
      groups: ['team-a', 'team-b', 'mesh-system:authenticated'],
    });
  });

  it('makes the difference: without one, a caller is in mesh-system:unauthenticated', async () => {
    expect((await node().get('/who-am-i', { headers: FROM_ELSEWHERE })).body).toEqual({
      name: 'mesh-system:anonymous',
      groups: ['mesh-system:unauthenticated'],
    });
  });

  it('lets the administrator do everything', async () => {
    const token = await adminToken(node());
    const zoneToken = ['POST', '/tokens/zone', { zone: 'east', scope: ['ingress'] }] as const;
    for (const [method, path, body] of name === 'global' ? [...ADMIN_ONLY, zoneToken] : ADMIN_ONLY) {
      const { status } = await node().call(method, path, body, { token, headers: FROM_ELSEWHERE });
      expect([path, status < 300]).toEqual([path, true]);
    }
    await node().deleteSecret('user-token-revocations');
  });

  it('lets nobody else administer, and neither does its absence', async () => {
    const token = await node().issue('user', JOHN);
    for (const credential of [{ token }, { headers: FROM_ELSEWHERE }]) {
      for (const [method, path, body] of ADMIN_ONLY) {
        const answer = await node().call(method, path, body, credential);
        expect([path, answer.status, answer.body.title]).toEqual([path, 403, 'Access Denied']);
      }
    }
  });

  it('is refused once its id is on the list user-token-revocations, and others are not', async () => {
    const [bad, good] = await Promise.all([node().issue('user', JOHN), node().issue('user', JOHN)]);
    expect(await whoAmI(bad)).toBe(200);
    await node().revoke('user-token-revocations', ['0e120ec9-6b42-495d-9758-07b59fe86fb9', decodeToken(bad).jti]);
    expect([await whoAmI(bad), await whoAmI(good)]).toEqual([401, 200]);
    await node().deleteSecret('user-token-revocations');
  });

  it('is refused when it has expired', async () => {
    const token = await node().issue('user', { ...JOHN, validFor: '1h' });
    expect(await whoAmI(token)).toBe(200);
    lab.clock.advance(3_600_000);
    expect(await whoAmI(token)).toBe(401);
    lab.clock.advance(-3_600_000);
  });

  it('is signed by a 2048-bit RSA key, kept as the GlobalSecret user-token-signing-key-1', async () => {
    const key = createPrivateKey(await node().secretText('user-token-signing-key-1'));
    expect([key.asymmetricKeyType, key.asymmetricKeyDetails?.modulusLength]).toEqual(['rsa', 2048]);
  });

  it('can be checked with any tool that knows RS256, by the public half of that key', async () => {
    const [header, claims, signature] = (await node().issue('user', JOHN)).split('.') as [string, string, string];
    const key = createPublicKey(await node().secretText('user-token-signing-key-1'));
    const signed = Buffer.from(`${header}.${claims}`);
    expect(verify('RSA-SHA256', signed, key, Buffer.from(signature, 'base64url'))).toBe(true);
  });

  it('may be made by any tool that knows RS256 and has that key', async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const exp = Math.floor(lab.clock.wall() / 1000) + 60;
    const signed = `${part({ alg: 'RS256', kid: '1' })}.${part({ Name: 'jane', Groups: ['team-b'], exp })}`;
    const key = await node().secretText('user-token-signing-key-1');
    const token = `${signed}.${sign('RSA-SHA256', Buffer.from(signed), key).toString('base64url')}`;
    expect((await node().get('/who-am-i', { token })).body).toMatchObject({
      name: 'jane',
      groups: ['team-b', 'mesh-system:authenticated'],
    });
  });

  it('survives the rotation of its key until the old one is deleted', async () => {
    const first = await node().issue('user', JOHN);
    await node().putSecret('user-token-signing-key-2', await lab.makeKey());
    const second = await node().issue('user', JOHN);
    expect(decodeToken(second).kid).toBe('2');
    expect([await whoAmI(first), await whoAmI(second)]).toEqual([200, 200]);
    await node().deleteSecret('user-token-signing-key-1');
    expect([await whoAmI(first), await whoAmI(second)]).toEqual([401, 200]);
  });
});

describe.each(['global', 'east'])('a connection to %s that stays open', (name) => {
  const node = () => (name === 'global' ? lab.global : lab.zone(name));
  let agent: Agent;
  beforeEach(() => {
    agent = new Agent({ keepAlive: true, maxSockets: 1 });
  });
  afterEach(() => agent.destroy());

  /** The status that a token gets, and the port of the client's end of the connection. */
  const ask = (token: string) =>
    new Promise<{ status: number | undefined; port: number | undefined }>((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}` };
      const request = get(`${node().url}/who-am-i`, { agent, headers }, (response) => {
        const port = request.socket?.localPort;
        response.resume().on('end', () => resolve({ status: response.statusCode, port }));
      });
      request.on('error', reject);
    });

  it('feels a revocation with the next request', async () => {
    const [bad, good] = await Promise.all([node().issue('user', JOHN), node().issue('user', JOHN)]);
    const { status, port } = await ask(bad);
    expect(status).toBe(200);
    await node().revoke('user-token-revocations', [decodeToken(bad).jti]);
    expect([await ask(bad), await ask(good)]).toEqual([
      { status: 401, port },
      { status: 200, port },
    ]);
    await node().deleteSecret('user-token-revocations');
    expect(await ask(bad)).toEqual({ status: 200, port });
  });

  it('feels each step of a rotation with the next request', async () => {
    const signing = decodeToken(await node().issue('user', JOHN)).kid;
    const [serial, next] = [Number(signing), Number(signing) + 1];
    const old = await node().issue('user', JOHN);
    const { status, port } = await ask(old);
    expect(status).toBe(200);
    await node().putSecret(`user-token-signing-key-${next}`, await lab.makeKey());
    const fresh = await node().issue('user', JOHN);
    expect([decodeToken(fresh).kid, await ask(old), await ask(fresh)]).toEqual([
      String(next),
      { status: 200, port },
      { status: 200, port },
    ]);
    await node().deleteSecret(`user-token-signing-key-${serial}`);
    expect([await ask(old), await ask(fresh)]).toEqual([
      { status: 401, port },
      { status: 200, port },
    ]);
  });
});

describe('the admin token', () => {
  it('that was deleted stays away until the next start, which makes another', async () => {
    const zone = lab.zone('east');
    const first = await adminToken(zone);
    await zone.deleteSecret('admin-user-token');
    await zone.revoke('user-token-revocations', []);
    expect(await hasAdminToken(zone)).toBe(false);
    await zone.restart();
    expect(await adminToken(zone)).not.toBe(first);
  });

  it('that was deleted is not made again where the bootstrap is off, and the signing key is still there', async () => {
    const zone = lab.zone('east');
    await adminToken(zone);
    lab.configure('east', { KUMA_API_SERVER_AUTHN_TOKENS_BOOTSTRAP_ADMIN_TOKEN: 'false' });
    await zone.deleteSecret('admin-user-token');
    await zone.restart();
    await lab.synced();
    await zone.restart(); // whatever the first start had begun, it has ended
    const names = await zone.secretNames();
    expect(names).not.toContain('admin-user-token');
    expect(names.some((name) => name.startsWith('user-token-signing-key-'))).toBe(true);
  });
});

describe('a control plane that may not issue user tokens', () => {
  it('says so, and goes on to check those that it has issued', async () => {
    const token = await lab.global.issue('user', JOHN);
    lab.configure('global', { KUMA_API_SERVER_AUTHN_TOKENS_ENABLE_ISSUER: 'false' });
    await lab.global.restart();
    const { status, body } = await lab.global.call('POST', '/tokens/user', JOHN);
    expect([status, body.title, body.detail]).toEqual([
      400,
      'Could not issue a token',
      'issuing tokens using the control plane is disabled.',
    ]);
    expect((await lab.global.get('/who-am-i', { token })).body).toMatchObject({ name: 'john' });
    await lab.global.issue('dataplane', { mesh: 'default' });
  });

  it('checks none of them when it may not take keys from secrets either', async () => {
    lab.configure('global', {});
    await lab.global.restart();
    const token = await lab.global.issue('user', JOHN);
    lab.configure('global', {
      KUMA_API_SERVER_AUTHN_TOKENS_ENABLE_ISSUER: 'false',
      KUMA_API_SERVER_AUTHN_TOKENS_VALIDATOR_USE_SECRETS: 'false',
    });
    await lab.global.restart();
    expect((await lab.global.get('/who-am-i', { token })).status).toBe(401);
  });
});
