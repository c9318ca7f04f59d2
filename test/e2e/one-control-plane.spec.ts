import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ControlPlaneClient, freePort } from '@koguma/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually, Program, ROOT, run, scratchFolder } from '../support/processes.js';
import { certificateIn, httpsCall } from '../support/tls.js';

const GLOBAL = `${ROOT}/apps/global-cp/bin/global-cp.js`;
const ZONE = `${ROOT}/apps/zone-cp/bin/zone-cp.js`;
const FREE_PORTS = {
  KUMA_API_SERVER_HTTP_PORT: '0',
  KUMA_API_SERVER_HTTPS_PORT: '0',
  KUMA_DIAGNOSTICS_SERVER_PORT: '0',
  KUMA_DP_SERVER_PORT: '0',
  KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT: '0',
};

let folder: Awaited<ReturnType<typeof scratchFolder>>;
let running: Program[] = [];
beforeAll(async () => {
  folder = await scratchFolder();
});
afterEach(async () => {
  await Promise.all(running.map((program) => program.end('SIGKILL')));
  running = [];
});
afterAll(() => folder.remove());

/** Where certificates are kept that were not given. */
const inFolder = () => ({ KUMA_GENERAL_WORK_DIR: folder.path });

describe('one control plane as a process', () => {
  it('runs from Kuma’s YAML and environment, the environment winning, and stops within a second', async () => {
    const file = join(folder.path, 'zone.yaml');
    const port = await freePort();
    await writeFile(
      file,
      `mode: zone\nmultizone:\n  zone:\n    name: north\nstore:\n  type: memory\napiServer:\n  http:\n    port: 1\n`,
    );
    const zone = start(ZONE, ['-c', file], { ...FREE_PORTS, KUMA_API_SERVER_HTTP_PORT: String(port) });
    const client = await clientOf(zone);
    expect(client.url).toBe(`http://127.0.0.1:${port}`);
    expect((await client.get('/')).body).toMatchObject({ product: 'Kuma', tagline: 'Kuma' });
    expect(await client.issue('dataplane', { mesh: 'default' })).toMatch(/^eyJ/);
    const { code, ms } = await zone.end();
    expect(code).toBe(0);
    expect(ms).toBeLessThan(1_000);
  });

  it('loses no acknowledged write to kill -9', async () => {
    const env = { ...FREE_PORTS, KOGUMA_STORE_SQLITE_PATH: join(folder.path, 'kill.db') };
    const acknowledged: string[] = [];
    for (let round = 0; round < 3; round++) {
      const global = start(GLOBAL, [], env);
      const client = await clientOf(global);
      const writing = (async () => {
        for (let count = 0; ; count++) {
          const name = `round-${round}-${count}`;
          await client.putSecret(name, 'x');
          acknowledged.push(name);
        }
      })().catch(() => undefined);
      await client.get('/');
      while (acknowledged.length < (round + 1) * 20) await client.get('/');
      await global.end('SIGKILL');
      await writing;
    }
    const global = start(GLOBAL, [], env);
    const client = await clientOf(global);
    const { body } = await client.get<{ items: { name: string }[] }>('/global-secrets?size=1000');
    const names = new Set(body.items.map(({ name }) => name));
    expect(acknowledged.filter((name) => !names.has(name))).toEqual([]);
  });

  it('says who holds its store when another process does', async () => {
    const env = { ...FREE_PORTS, KOGUMA_STORE_SQLITE_PATH: join(folder.path, 'held.db') };
    const first = start(GLOBAL, [], env);
    await clientOf(first);
    const { code, output } = await run(process.execPath, [GLOBAL, 'run'], { ...inFolder(), ...env });
    expect(code).toBe(1);
    expect(output).toMatch(/Error: .*held\.db/);
    expect(output).toContain(String(first.pid));
    expect(output.trim().split('\n')).toHaveLength(2);
  });

  it('names the port that is taken, and leaves nothing half-started', async () => {
    const first = start(GLOBAL, [], { ...FREE_PORTS, KUMA_STORE_TYPE: 'memory' });
    const port = new URL((await clientOf(first)).url).port;
    const { code, output } = await run(process.execPath, [GLOBAL, 'run'], {
      ...FREE_PORTS,
      ...inFolder(),
      KUMA_STORE_TYPE: 'memory',
      KUMA_API_SERVER_HTTP_PORT: port,
    });
    expect({ code, output }).toEqual({
      code: 1,
      output: expect.stringContaining(`127.0.0.1:${port} for the API server: the port is in use`),
    });
  });

  it.each([
    [
      'a bad value',
      { KUMA_API_SERVER_HTTP_PORT: 'http' },
      'KUMA_API_SERVER_HTTP_PORT: got "http", allowed: a whole number from 0 to 65535',
    ],
    ['a mode that does not fit', { KUMA_MODE: 'zone' }, 'KUMA_MODE'],
    [
      'a certificate that is not there',
      { KUMA_API_SERVER_HTTPS_TLS_CERT_FILE: '/none.crt', KUMA_API_SERVER_HTTPS_TLS_KEY_FILE: '/none.key' },
      'KUMA_API_SERVER_HTTPS_TLS_CERT_FILE: got "/none.crt", which cannot be read (ENOENT)',
    ],
    [
      'a word of others for who is let in',
      { KOGUMA_MULTIZONE_GLOBAL_KDS_AUTH_TYPE: 'dpToken' },
      'KOGUMA_MULTIZONE_GLOBAL_KDS_AUTH_TYPE: got "dpToken", allowed: none, cpToken',
    ],
  ])('refuses to start on %s, naming it', async (_, env, message) => {
    const { code, output } = await run(process.execPath, [GLOBAL, 'run'], {
      ...inFolder(),
      ...env,
      KUMA_STORE_TYPE: 'memory',
    });
    expect({ code, output }).toEqual({ code: 1, output: expect.stringContaining(message) });
  });

  it('never writes a token or a key to its log', async () => {
    const global = start(GLOBAL, [], { ...FREE_PORTS, KUMA_STORE_TYPE: 'memory', KOGUMA_LOG_LEVEL: 'debug' });
    const client = await clientOf(global);
    const token = await client.issue('user', { name: 'john', groups: ['team-a'], validFor: '1h' });
    const pem = await client.secretText('user-token-signing-key-1');
    await client.get('/global-secrets', { token });
    await client.get('/global-secrets', { token: `${token}x` });
    await client.call('PUT', '/global-secrets/user-token-signing-key-2', {
      data: Buffer.from(pem.slice(0, 300)).toString('base64'),
    });
    await global.says(/authentication rejected/);
    const secrets = [
      token.split('.')[2],
      token.split('.')[1],
      pem.split('\n')[3],
      Buffer.from(pem).toString('base64').slice(100, 160),
    ];
    expect(secrets.filter((secret) => secret && global.output.includes(secret))).toEqual([]);
  });

  it('keeps its certificate over a restart, and is verified with its authority by a zone of its own', async () => {
    const env = { ...FREE_PORTS, KUMA_STORE_TYPE: 'memory' };
    const kds = await freePort();
    const withKds = { ...env, KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT: String(kds) };
    const first = start(GLOBAL, [], withKds);
    await clientOf(first);
    const authority = join(folder.path, 'ca.crt');
    const kept = await readFile(join(folder.path, 'global.crt'), 'utf8');
    await first.end();
    const global = await clientOf(start(GLOBAL, [], withKds));
    expect(await readFile(join(folder.path, 'global.crt'), 'utf8')).toBe(kept);
    const zone = await clientOf(
      start(ZONE, [], {
        ...env,
        KUMA_MULTIZONE_ZONE_NAME: 'east',
        KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: `grpcs://localhost:${kds}`,
        KUMA_MULTIZONE_ZONE_KDS_ROOT_CA_FILE: authority,
      }),
    );
    await eventually(async () => (await zone.get('/koguma/sync')).body.state === 'in-sync', 'the zone is in sync');
    const token = await zone.issue('zone-ingress', { zone: 'east' });
    expect(await global.verify(token, 'zone-ingress')).toMatchObject({ accepted: true });
  });

  it('says in the log that client certificates of administrators are deprecated, and takes them where there is TLS', async () => {
    const { cert, key } = await certificateIn(folder.path, 'client', { use: 'client' });
    await mkdir(join(folder.path, 'admins'));
    await writeFile(join(folder.path, 'admins', 'client.pem'), cert);
    const https = await freePort();
    const zone = start(ZONE, [], {
      ...FREE_PORTS,
      KUMA_STORE_TYPE: 'memory',
      KUMA_API_SERVER_HTTPS_PORT: String(https),
      KUMA_API_SERVER_AUTHN_LOCALHOST_IS_ADMIN: 'false',
      KUMA_API_SERVER_AUTHN_TYPE: 'adminClientCerts',
      KUMA_API_SERVER_AUTH_CLIENT_CERTS_DIR: join(folder.path, 'admins'),
    });
    const plain = await clientOf(zone);
    expect(zone.output).toMatch(/KUMA_API_SERVER_AUTHN_TYPE adminClientCerts is deprecated/);
    const ca = await readFile(join(folder.path, 'ca.crt'), 'utf8');
    expect((await httpsCall(https, '/global-secrets', { ca, client: { cert, key } })).status).toBe(200);
    expect((await httpsCall(https, '/global-secrets', { ca })).status).toBe(403);
    expect((await plain.get('/global-secrets')).status).toBe(403);
  });

  it('can be started by nest, too', async () => {
    const program = new Program('npx', ['nest', 'start', 'zone-cp', '--', 'run'], {
      ...FREE_PORTS,
      ...inFolder(),
      KUMA_STORE_TYPE: 'memory',
    });
    running.push(program);
    expect((await (await clientOf(program)).get('/')).body).toMatchObject({ product: 'Kuma' });
    await program.end('SIGINT');
    expect(program.output).toContain('"msg":"stopped"');
  });
});

function start(script: string, args: readonly string[], env: Record<string, string>): Program {
  const program = new Program(process.execPath, [script, 'run', ...args], { ...inFolder(), ...env });
  running.push(program);
  return program;
}

async function clientOf(program: Program): Promise<ControlPlaneClient> {
  const line = await program.says(/"url":"([^"]+)","msg":"ready"/);
  const url = /"url":"([^"]+)"/.exec(line)?.[1] ?? '';
  return new ControlPlaneClient(() => url);
}
