import { startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let lab: WiredLab;
beforeAll(async () => {
  lab = await startWiredLab({ zones: ['east'] });
  await lab.global.putSecret('note', 'of the mesh', { mesh: 'default' });
  await lab.global.revoke('zone-ingress-token-revocations', []);
  await lab.synced();
});
afterAll(() => lab.stop());

/** Whatever it says: who may write is decided before the body is read. */
const BODY = { data: 'b2s=' };

describe('a zone with a global', () => {
  it.each([
    ['Mesh', '/meshes/default', 'default'],
    ['Mesh', '/meshes/new', 'new'],
    ['Secret', '/meshes/default/secrets/note', 'note'],
    ['Secret', '/meshes/default/secrets/new', 'new'],
    [
      'Secret',
      '/meshes/default/secrets/dataplane-token-signing-key-default-1',
      'dataplane-token-signing-key-default-1',
    ],
    ['Secret', '/meshes/default/secrets/dataplane-token-revocations-default', 'dataplane-token-revocations-default'],
    ['GlobalSecret', '/global-secrets/zone-ingress-token-signing-key-1', 'zone-ingress-token-signing-key-1'],
    ['GlobalSecret', '/global-secrets/zone-ingress-token-signing-key-2', 'zone-ingress-token-signing-key-2'],
    ['GlobalSecret', '/global-secrets/zone-ingress-token-revocations', 'zone-ingress-token-revocations'],
    ['GlobalSecret', '/global-secrets/zone-token-signing-public-key-1', 'zone-token-signing-public-key-1'],
    ['GlobalSecret', '/global-secrets/zone-token-revocations', 'zone-token-revocations'],
    ['GlobalSecret', '/global-secrets/anything-else', 'anything-else'],
  ])('refuses to write the %s at %s, which global owns, and says where to go', async (type, path, name) => {
    const zone = lab.zone('east');
    const before = await zone.get(path);
    for (const method of ['PUT', 'DELETE']) {
      const { status, body, headers } = await zone.call(method, path, method === 'PUT' ? BODY : undefined);
      expect(status).toBe(405);
      expect(headers.get('allow')).toBe('GET, HEAD');
      expect(body.title).toBe('Method not allowed');
      expect(body.detail).toContain(
        `${type} "${name}"${path.startsWith('/meshes/default/') ? ' in mesh "default"' : ''} is owned by the global control plane: write it there, and it will come to this zone`,
      );
    }
    const after = await zone.get(path);
    expect([after.status, after.text]).toEqual([before.status, before.text]);
  });

  it('takes keys for its own users', async () => {
    const zone = lab.zone('east');
    await zone.putSecret('user-token-signing-key-2', await lab.makeKey());
    expect(await zone.secretNames()).toContain('user-token-signing-key-2');
    await zone.deleteSecret('user-token-signing-key-2');
    expect(await zone.secretNames()).not.toContain('user-token-signing-key-2');
  });

  it('takes a revocation list for its own users', async () => {
    const zone = lab.zone('east');
    const token = await zone.issue('user', { name: 'john', validFor: '1h' });
    const { jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as { jti: string };
    await zone.revoke('user-token-revocations', [jti]);
    expect((await zone.get('/who-am-i', { token })).status).toBe(401);
    await zone.deleteSecret('user-token-revocations');
    expect((await zone.get('/who-am-i', { token })).status).toBe(200);
  });

  it('lets its admin token be deleted and put', async () => {
    const zone = lab.zone('east');
    await lab.until(async () => (await zone.secretNames()).includes('admin-user-token'), 'it has an admin token');
    const token = await zone.secretText('admin-user-token');
    await zone.deleteSecret('admin-user-token');
    expect(await zone.secretNames()).not.toContain('admin-user-token');
    await zone.putSecret('admin-user-token', token);
    expect(await zone.secretText('admin-user-token')).toBe(token);
  });

  it('keeps what is its own through a full resync', async () => {
    const zone = lab.zone('east');
    await zone.putSecret('user-token-signing-key-3', await lab.makeKey());
    await zone.putSecret('user-token-revocations', '');
    const own = async () =>
      Promise.all(['user-token-signing-key-3', 'user-token-revocations'].map((name) => zone.secretText(name)));
    const before = await own();
    await lab.global.restart();
    await lab.synced();
    expect(await own()).toEqual(before);
  });
});
