import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LabClock, type LabNode, startStandalone, startWiredLab, type WiredLab } from '@koguma/testkit';
import type { ServedZone } from '@koguma/zone-cp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scratchFolder } from '../support/processes.js';
import {
  certificateIn,
  type HttpsCall,
  httpsCall,
  opensslCertificate,
  shownBy,
  type TestCertificate,
} from '../support/tls.js';

const HTTPS = { KUMA_API_SERVER_HTTPS_ENABLED: 'true', KUMA_API_SERVER_HTTPS_PORT: '0' };
const ADMIN = { name: 'mesh-system:admin', groups: ['mesh-system:admin', 'mesh-system:authenticated'] };
const ANONYMOUS = { name: 'mesh-system:anonymous', groups: ['mesh-system:unauthenticated'] };

let folder: Awaited<ReturnType<typeof scratchFolder>>;
beforeAll(async () => {
  folder = await scratchFolder();
});
afterAll(() => folder.remove());

const inFolder = (name: string) => join(folder.path, name);
const base = () => ({ ...HTTPS, KUMA_GENERAL_WORK_DIR: folder.path });
const ca = () => readFileSync(inFolder('ca.crt'), 'utf8');

describe.each(['global', 'east'])('the API of %s with TLS', (name) => {
  let lab: WiredLab;
  beforeAll(async () => {
    lab = await startWiredLab({ zones: ['east'], env: base() });
  });
  afterAll(() => lab.stop());
  const node = () => (name === 'global' ? lab.global : lab.zone(name));
  const call = (path: string, options: Omit<HttpsCall, 'ca'> = {}) =>
    httpsCall(node().served.ports.https ?? 0, path, { ca: ca(), ...options });

  it('is the same as without', async () => {
    expect(await call('/')).toMatchObject({ status: 200, body: (await node().get('/')).body });
    expect((await call('/meshes')).body).toEqual((await node().get('/meshes')).body);
    expect(await call('/meshes/none')).toMatchObject({ status: 404 });
    expect(await shownBy(node().served.ports.https ?? 0)).toEqual({ name: 'koguma', alpn: false });
  });

  it('takes a call from this machine for the administrator’s, by the same rules', async () => {
    expect((await call('/who-am-i')).body).toEqual(ADMIN);
    expect((await call('/who-am-i', { headers: { origin: 'https://localhost', host: 'localhost' } })).body).toEqual(
      ADMIN,
    );
    for (const headers of [
      { 'x-forwarded-for': '203.0.113.7' },
      { host: 'kuma.example' },
      { origin: 'http://localhost', host: 'localhost' },
      { 'sec-fetch-site': 'cross-site' },
    ]) {
      expect((await call('/who-am-i', { headers })).body).toEqual(ANONYMOUS);
    }
  });

  it('knows users by their tokens', async () => {
    const token = await node().issue('user', { name: 'john', validFor: '1h' });
    const as = (value: string) => ({ headers: { authorization: `Bearer ${value}` } });
    expect((await call('/who-am-i', as(token))).body).toMatchObject({ name: 'john' });
    expect((await call('/global-secrets', as(token))).status).toBe(403);
    expect((await call('/who-am-i', as(`${token}x`))).status).toBe(401);
  });

  it('gives pages whose next one is over TLS too', async () => {
    const { body } = await call('/global-secrets?size=1', { headers: { host: 'localhost:5682' } });
    expect(body.next).toBe('https://localhost:5682/global-secrets?offset=1&size=1');
  });

  it('writes', async () => {
    const body = { type: 'Mesh', name: 'tls' };
    const { status } = await call('/meshes/tls', { method: 'PUT', body });
    expect(status).toBe(name === 'global' ? 201 : 405);
  });
});

describe('client certificates that HTTPS asks for', () => {
  let zone: LabNode<ServedZone>;
  let known: TestCertificate;
  let unknown: TestCertificate;
  beforeAll(async () => {
    known = await certificateIn(folder.path, 'known', { use: 'client' });
    unknown = await certificateIn(folder.path, 'unknown', { use: 'client' });
  });
  const start = async (more: Record<string, string>) => {
    zone = await startStandalone({ ...base(), KUMA_API_SERVER_HTTPS_TLS_CA_FILE: known.certFile, ...more });
  };
  const whoAmI = async (client?: TestCertificate) => {
    const headers = { 'x-forwarded-for': '203.0.113.7' };
    const options = { ca: ca(), headers, ...(client && { client }) };
    return (await httpsCall(zone.served.ports.https ?? 0, '/who-am-i', options)).body;
  };

  it('may be left out, must be believed when shown, and make nobody a user', async () => {
    await start({});
    expect(await whoAmI()).toEqual(ANONYMOUS);
    expect(await whoAmI(known)).toEqual(ANONYMOUS);
    await expect(whoAmI(unknown)).rejects.toThrow();
    await zone.stop();
  });

  it('may be required', async () => {
    await start({ KUMA_API_SERVER_HTTPS_REQUIRE_CLIENT_CERT: 'true' });
    await expect(whoAmI()).rejects.toThrow();
    await expect(whoAmI(unknown)).rejects.toThrow();
    expect(await whoAmI(known)).toEqual(ANONYMOUS);
    await zone.stop();
  });

  it('that are for servers are not believed', async () => {
    const server = await certificateIn(folder.path, 'server-only');
    await start({ KUMA_API_SERVER_HTTPS_TLS_CA_FILE: server.certFile });
    await expect(whoAmI(server)).rejects.toThrow();
    await zone.stop();
  });
});

describe('client certificates of administrators', () => {
  const clock = new LabClock();
  let zone: LabNode<ServedZone>;
  let first: TestCertificate;
  let second: TestCertificate;
  let stranger: TestCertificate;
  const listed = (name: string) => join(inFolder('admins'), name);
  beforeAll(async () => {
    mkdirSync(inFolder('admins'));
    const make = (name: string) => certificateIn(folder.path, name, { use: 'client', names: [] });
    [first, second, stranger] = [await make('first'), await make('second'), await make('stranger')];
    writeFileSync(listed('first.pem'), first.cert);
    writeFileSync(listed('second.crt'), second.cert);
    writeFileSync(listed('README.md'), 'not a certificate');
    zone = await startStandalone(settings(), clock);
  });
  afterAll(() => zone.stop());
  const settings = () => ({
    ...base(),
    KUMA_API_SERVER_AUTHN_TYPE: 'adminClientCerts',
    KUMA_API_SERVER_AUTH_CLIENT_CERTS_DIR: inFolder('admins'),
  });
  const FROM_ELSEWHERE = { 'x-forwarded-for': '203.0.113.7' };
  const call = (path: string, client?: TestCertificate, headers: Record<string, string> = {}) =>
    httpsCall(zone.served.ports.https ?? 0, path, {
      ca: ca(),
      headers: { ...FROM_ELSEWHERE, ...headers },
      ...(client && { client }),
    });

  it('make who shows one mesh-system:admin in the group mesh-system:admin, as many as are listed', async () => {
    for (const client of [first, second]) {
      expect((await call('/who-am-i', client)).body).toEqual(ADMIN);
      expect((await call('/global-secrets', client)).status).toBe(200);
    }
  });

  it('are only known where there is TLS: who shows none is nobody, and who shows another is not let in', async () => {
    expect((await call('/who-am-i')).body).toEqual(ANONYMOUS);
    expect((await call('/global-secrets')).status).toBe(403);
    await expect(call('/who-am-i', stranger)).rejects.toThrow();
    expect((await zone.get('/who-am-i', { headers: FROM_ELSEWHERE })).body).toEqual(ANONYMOUS);
  });

  it('are not lent: what one of them has signed is not an administrator', async () => {
    const child = opensslCertificate(folder.path, 'child', { by: 'first' });
    expect((await call('/who-am-i', child)).body).toEqual(ANONYMOUS);
  });

  it('of another authority need that authority, and make nobody else it has signed an administrator', async () => {
    const authority = await certificateIn(folder.path, 'corporate', { use: 'client' });
    const [boss, clerk] = ['boss', 'clerk'].map((name) => opensslCertificate(folder.path, name, { by: 'corporate' }));
    mkdirSync(inFolder('bosses'));
    writeFileSync(join(inFolder('bosses'), 'boss.pem'), boss?.cert ?? '');
    const listed = { ...settings(), KUMA_API_SERVER_AUTH_CLIENT_CERTS_DIR: inFolder('bosses') };
    for (const [tlsCaFile, seen] of [
      ['', [undefined, undefined]],
      [authority.certFile, [ADMIN, ANONYMOUS]],
    ] as const) {
      const other = await startStandalone({ ...listed, KUMA_API_SERVER_HTTPS_TLS_CA_FILE: tlsCaFile });
      const who = async (client: TestCertificate | undefined) => {
        const options = { ca: ca(), headers: FROM_ELSEWHERE, ...(client && { client }) };
        return (await httpsCall(other.served.ports.https ?? 0, '/who-am-i', options).catch(() => undefined))?.body;
      };
      expect([await who(boss), await who(clerk)]).toEqual(seen);
      await other.stop();
    }
  });

  it('take the place of user tokens: there is no key, no admin token, none is issued and none accepted', async () => {
    expect(await zone.secretNames()).toEqual(['zone-ingress-token-signing-key-1', 'zone-token-signing-key-1']);
    const issued = await zone.call('POST', '/tokens/user', { name: 'john', validFor: '1h' });
    expect([issued.status, issued.body.type ?? issued.body.title]).toEqual([400, expect.anything()]);
    const other = await startStandalone();
    const token = await other.issue('user', { name: 'john', validFor: '1h' });
    await other.stop();
    expect((await call('/who-am-i', first, { authorization: `Bearer ${token}` })).status).toBe(401);
  });

  it('come and go while the control plane runs', async () => {
    rmSync(listed('second.crt'));
    writeFileSync(listed('third.pem'), stranger.cert);
    clock.hurry(10_000);
    await expect(call('/who-am-i', second)).rejects.toThrow();
    expect((await call('/who-am-i', stranger)).body).toEqual(ADMIN);
  });

  it.each<[string, () => Record<string, string>, RegExp]>([
    [
      'a folder that is not there',
      () => ({ KUMA_API_SERVER_AUTH_CLIENT_CERTS_DIR: inFolder('none') }),
      /KUMA_API_SERVER_AUTH_CLIENT_CERTS_DIR: got ".*none", which cannot be read \(ENOENT\)/,
    ],
    [
      'a file that is no certificate',
      () => {
        mkdirSync(inFolder('bad'));
        writeFileSync(join(inFolder('bad'), 'x.pem'), first.key);
        return { KUMA_API_SERVER_AUTH_CLIENT_CERTS_DIR: inFolder('bad') };
      },
      /KUMA_API_SERVER_AUTH_CLIENT_CERTS_DIR: got ".*x\.pem", which has no certificate in PEM/,
    ],
  ])('stop the start for %s', async (_, more, why) => {
    await expect(startStandalone({ ...settings(), ...more() })).rejects.toThrow(why);
  });
});
