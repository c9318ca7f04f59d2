import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { readScenario, runLive } from '@koguma/scenario';
import { ConnectedLab, type ConnectOptions, connectLab, startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandLine } from '../support/command-line.js';
import { ROOT, scratchFolder } from '../support/processes.js';

const HTTPS = { KUMA_API_SERVER_HTTPS_ENABLED: 'true', KUMA_API_SERVER_HTTPS_PORT: '0' };

let folder: Awaited<ReturnType<typeof scratchFolder>>;
let running: WiredLab;
let lab: ConnectedLab;
let token: string;
beforeAll(async () => {
  folder = await scratchFolder();
  const authority = { KUMA_GENERAL_WORK_DIR: folder.path };
  // No certificate of the kit for proxies: as in a composed lab, one authority is behind all of them.
  const own = { KUMA_DP_SERVER_TLS_CERT_FILE: '', KUMA_DP_SERVER_TLS_KEY_FILE: '' };
  running = await startWiredLab({ env: { ...HTTPS, ...authority, ...own } });
  token = await running.global.adminToken();
  lab = await connectLab({
    global: { url: `${running.global.url}/`, token },
    zones: { east: running.zone('east').url, west: running.zone('west').url },
  });
});
afterAll(async () => {
  await running.stop();
  await folder.remove();
});

/** As containers have it: TLS of one authority, and the token of an administrator for each. */
async function composed(options: ConnectOptions = {}): Promise<ConnectedLab> {
  const east = running.zone('east');
  const { https, dp } = east.served.ports;
  return connectLab({
    global: { url: `https://localhost:${running.global.served.ports.https}`, token },
    zones: {
      east: { url: `https://localhost:${https}`, token: await east.adminToken(), proxies: `https://localhost:${dp}` },
    },
    authority: readFileSync(join(folder.path, 'ca.crt'), 'utf8'),
    ...options,
  });
}

describe('a lab that runs, taken hold of by its addresses', () => {
  it('issues, checks, revokes and rotates, and is waited for', async () => {
    const token = await lab.zone('east').issue('dataplane', { mesh: 'default' });
    await lab.global.revoke(token);
    expect(await lab.global.rotate('dataplane')).toBe(2);
    await lab.synced();
    expect((await lab.zone('west').verify(token)).reason).toBe('revoked');
    expect(await lab.zone('west').secretNames('default')).toContain('dataplane-token-signing-key-default-2');
  });

  it('says what did not come in time', async () => {
    await running.zone('west').stop();
    const isGone = () =>
      running.global.served.kds.zones().some(({ zone, state }) => zone === 'west' && state === 'Offline');
    await running.until(isGone, 'global knows that west is gone');
    await expect(lab.synced({ within: '60ms' })).rejects.toThrow('waited 60ms until west has all that global has');
    await running.zone('west').start();
  });

  it.each([
    ['does not answer', { global: 'http://127.0.0.1:1' }, 'global at http://127.0.0.1:1 does not answer'],
    ['is none of global', () => ({ global: running.zone('east').url }), 'is a zone control plane'],
    [
      'is another zone',
      () => ({ global: running.global.url, zones: { west: running.zone('east').url } }),
      'is zone east',
    ],
    ['knows no such admin', () => ({ global: { url: running.global.url, token: 'no.such.token' } }), 'answers 401'],
  ])('is refused where an address %s', async (_, options, why) => {
    await expect(connectLab(typeof options === 'function' ? options() : options)).rejects.toThrow(why);
  });

  it('takes no faults where nobody was named who does', async () => {
    await expect(lab.link('east').cut()).rejects.toThrow('this lab has no door for faults');
    await expect(lab.global.stop()).rejects.toThrow('this lab has no door for faults');
    await expect(lab.clock.advance('1h')).rejects.toThrow('this lab has no door for faults');
    expect(() => lab.startProxy('east', { name: 'web-1', token })).toThrow('authority: is missing');
  });

  it('has the zones that were named', () => {
    expect(() => lab.zone('north')).toThrow('this lab has no zone north: it has east, west');
  });
});

describe('a composed lab', () => {
  it('is driven over TLS, with proxies, and is left as it was', async () => {
    const before = await running.global.secretNames();
    const list = 'zone-ingress-token-revocations';
    await running.global.putSecret(list, 'of-somebody-else');
    const held = await composed({ putsBack: true });
    await held.global.createMesh('visitors');
    await held.synced();
    const dataplane = await held.zone('east').issue('dataplane', { mesh: 'visitors', name: 'web-1' });
    const ingress = await held.zone('east').issue('zone-ingress', { zone: 'east' });
    const proxy = held.startProxy('east', { name: 'web-1', mesh: 'visitors', token: dataplane });
    await held.until(() => proxy.state === 'connected', 'web-1 is connected');
    await held.global.revoke(ingress);
    await held.global.rotate('user');
    await held.until(async () => !(await held.zone('east').verify(ingress)).accepted, 'east refuses it');

    await held.leave();
    expect(await running.global.secretText(list)).toBe('of-somebody-else');
    expect(await running.global.secretNames()).toEqual([...before, list].sort());
    expect((await running.global.get('/meshes/visitors')).status).toBe(404);
    expect((await running.zone('east').get<{ total: number }>('/dataplanes')).body.total).toBe(0);
    await running.global.deleteSecret(list);
  });

  it('has all put back that can be, and names the rest, when something fails on the way', async () => {
    const door = createServer((request, response) => {
      response.statusCode = request.method === 'GET' ? 200 : 500;
      response.end('{"links":[],"controlPlanes":[],"clocks":[]}');
    }).listen(0, '127.0.0.1');
    await once(door, 'listening');
    const held = await composed({
      global: running.global.url,
      putsBack: true,
      faults: `http://127.0.0.1:${(door.address() as AddressInfo).port}`,
    });
    const asAdmin = { token };
    const body = { type: 'Mesh', name: 'visitors' };
    expect((await held.global.call('PUT', '/meshes/visitors', body, asAdmin)).status).toBe(201);
    await expect(held.leave()).rejects.toThrow(/^could not be put back: DELETE http.*\/faults answers 500/);
    expect((await running.global.get('/meshes/visitors')).status).toBe(404);
    door.close();
  });

  it('has no proxies where nobody knows where they connect', async () => {
    const held = new ConnectedLab({ zones: { east: 'https://east.example.com' } });
    expect(() => held.startProxy('east', { name: 'web-1', token })).toThrow('proxies: is missing for east');
  });

  const play = async (steps: string, signal?: AbortSignal) => {
    const source = `name: story\nabout: a visit\ntopology: { zones: [east] }\nsteps:\n${steps}`;
    return runLive(readScenario(source, 'story.yaml'), await composed({ putsBack: true, signal }), {
      stopwatch: () => performance.now(),
    });
  };
  const CONNECTED = `  - issue: { at: global, kind: dataplane, as: t1 }
  - proxy: { name: web-1, zone: east, token: t1 }
  - expect: { proxy: { name: web-1, is: connected }, within: 10s }
  - revoke: { at: global, token: t1 }
`;
  const leftBehind = async () => (await running.global.get<{ total: number }>('/meshes')).body.total;

  it('has scenarios played on it, each in a mesh of its own', async () => {
    const meshes = await leftBehind();
    const { passed, failures, seed, steps } = await play(
      `${CONNECTED}  - expect: { proxy: { name: web-1, is: waiting, because: dataplane-token-revocations-default }, within: 10s }\n`,
    );
    expect(failures).toEqual([]);
    expect([passed, seed, steps.length]).toEqual([true, null, 5]);
    expect(steps.at(-1)?.text).toMatch(/dataplane-token-revocations-live-[0-9a-f]{8}/);
    expect(await leftBehind()).toBe(meshes);
  });

  it('is found by its contexts, which are named alike', async () => {
    const user = await CommandLine.with({});
    for (const name of ['global', 'east']) {
      const node = name === 'global' ? running.global : running.zone(name);
      const at = [
        '--address',
        `https://localhost:${node.served.ports.https}`,
        '--ca-cert-file',
        join(folder.path, 'ca.crt'),
      ];
      const auth = ['--auth-type', 'tokens', '--auth-conf', `token=${await node.adminToken()}`];
      await user.ok('config', 'control-planes', 'add', '--name', `docker-${name}`, ...at, ...auth);
    }
    const file = join(user.home, 'story.yaml');
    const issue = '{ at: east, kind: zone-ingress, zone: east, as: t1 }';
    writeFileSync(
      file,
      `name: story\nabout: a visit\ntopology: { zones: [east] }\nsteps:\n  - issue: ${issue}\n  - expect: { verify: { token: t1, at: global, is: accepted } }\n`,
    );
    const live = (...more: string[]) => user.run('--context', 'docker-global', 'scenario', 'run', ...more, '--live');
    expect(await live(file)).toMatchObject({ code: 0, out: expect.stringMatching(/^ok .*\n1 passed, 0 failed, live/) });
    expect(await live(`${ROOT}scenarios/revoke-during-partition-then-heal.yaml`)).toMatchObject({
      code: 2,
      err: expect.stringMatching(
        /heal\.yaml:6:27: topology\.zones\[1\]: this lab has no zone west: it has east\n.*heal\.yaml:11:5: steps\[3\]\.fault: /,
      ),
    });
    await user.remove();
  });

  it('is left as it was by a scenario that fails, which names its step', async () => {
    const meshes = await leftBehind();
    const { failures } = await play(
      `${CONNECTED}  - expect: { verify: { token: t1, at: global, is: accepted }, within: 100ms }\n`,
    );
    expect(failures).toEqual([
      expect.objectContaining({
        line: 9,
        column: 5,
        message: expect.stringMatching(
          /^t1 should be accepted at global within 100ms: t1 is refused at global: revoked/,
        ),
      }),
    ]);
    expect(await leftBehind()).toBe(meshes);
  });

  it('is left as it was by one that is interrupted', async () => {
    const meshes = await leftBehind();
    const stop = new AbortController();
    const over = play(
      `${CONNECTED}  - expect: { secret: { name: none, at: global, is: absent }, for: 1h }\n`,
      stop.signal,
    );
    await running.until(async () => (await leftBehind()) > meshes, 'it has begun');
    stop.abort();
    expect((await over).failures[0]?.message).toContain('interrupted');
    expect(await leftBehind()).toBe(meshes);
  });
});
