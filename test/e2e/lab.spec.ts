import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeCrypto } from '@koguma/auth';
import { connectLab } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KOGUMACTL, LabProcesses } from '../support/lab-processes.js';
import { eventually, isAlive, Program, ROOT, scratchFolder } from '../support/processes.js';
import { httpsCall, shownBy } from '../support/tls.js';

let lab: LabProcesses;
beforeAll(async () => {
  lab = await LabProcesses.up(210, '--env', 'global:KOGUMA_MULTIZONE_GLOBAL_KDS_HEARTBEAT_INTERVAL=2s');
});
afterAll(() => lab.down());

const state = async (zone: number) => (await lab.zone(zone).get<{ state: string }>('/koguma/sync')).body.state;
const accepted = async (zone: number, token: string) => (await lab.zone(zone).verify(token, 'zone-ingress')).accepted;

describe('a lab of real processes', () => {
  it('says what runs where, and what to try', () => {
    for (const line of [
      /global +running .*http:\/\/localhost:5891/,
      /east +running +in-sync .*6891/,
      /west +running +in-sync .*7891/,
    ]) {
      expect(lab.program.output).toMatch(line);
    }
    expect(lab.program.output).toMatch(/curl -X POST http:\/\/localhost:6891\/tokens\/zone-ingress/);
  });

  it('issues in east what west accepts', async () => {
    expect(await accepted(2, await lab.zone(1).issue('zone-ingress', { zone: 'east' }))).toBe(true);
  });

  it('is driven by a test that takes hold of it by its addresses', async () => {
    const held = await connectLab({
      global: { url: lab.global.url, token: await lab.global.adminToken() },
      zones: { east: lab.zone(1).url, west: lab.zone(2).url },
    });
    const token = await held.zone('east').issue('dataplane', { mesh: 'default', validFor: '720h' });
    await held.global.revoke(token);
    await held.synced();
    expect((await held.zone('west').verify(token)).reason).toBe('revoked');
  });

  it('has scenarios played on it, and is as it was before', async () => {
    const files = [
      'user-token-kid-collision',
      'ten-year-token-time-travel',
      'revoke-during-partition-then-heal',
      'global-down-zone-issues-dp-token',
      'cold-zone-never-synced-cannot-issue',
    ].map(shipped);
    const told = await ok('scenario', 'run', ...files, '--live');
    expect(told).toMatch(/^(ok .*\n){5}5 passed, 0 failed, live, in /);
    await isAsBefore();
  });

  it('is as it was before when a scenario on it is interrupted', async () => {
    const story = join(lab.data, 'story.yaml');
    const steps = ['fault: { cut: west }', 'expect: { link: { zone: west, is: cut-off }, within: 10s, for: 1h }'];
    writeFileSync(
      story,
      `name: story\nabout: long\ntopology: { zones: [west] }\nsteps:\n${steps.map((step) => `  - ${step}\n`).join('')}`,
    );
    const run = lab.start('scenario', 'run', story, '--live', '--verbose');
    await run.says('the link of west is cut');
    expect(await ok('fault', 'list')).toMatch(/^link of west +cut /m);
    const second = await lab.ctl('scenario', 'run', story, '--live');
    expect(second).toMatchObject({ code: 1, output: expect.stringContaining('something is wrong') as string });
    expect((await run.end('SIGINT')).code).toBe(1);
    expect(run.output).toContain('Error: interrupted\n');
    await isAsBefore();
  });

  it('speaks TLS everywhere, under one authority', async () => {
    const ca = readFileSync(join(lab.data, 'global/ca.crt'), 'utf8');
    for (const port of [5892, 6892, 7892]) {
      expect(await httpsCall(port, '/who-am-i', { ca })).toMatchObject({ body: { name: 'mesh-system:admin' } });
    }
    expect(await shownBy(5895, { ca, rejectUnauthorized: true, ALPNProtocols: ['h2'] })).toMatchObject({ alpn: 'h2' });
    expect((await lab.zone(1).get('/koguma/sync')).body.global).toBe('grpcs://localhost:6900');
  });

  it('survives kill -9 of global: zones issue and check, also after a restart of their own, and converge with what happened meanwhile', async () => {
    const early = await lab.zone(1).issue('zone-ingress', { zone: 'east' });
    await lab.global.createMesh('doomed');
    await eventually(async () => (await lab.zone(2).get('/meshes/doomed')).status === 200, 'west has the mesh');
    const late = await withGlobalDead(async () => {
      await eventually(async () => (await state(1)) === 'cut-off', 'east knows that it is cut off');
      await lab.lab('kill', 'east');
      await lab.lab('start', 'east');
      expect((await lab.zone(1).get<{ state: string; since: string }>('/koguma/sync')).body).toMatchObject({
        state: 'cut-off',
        since: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      });
      const token = await lab.zone(1).issue('zone-ingress', { zone: 'east' });
      expect(await accepted(2, token)).toBe(true);
      expect(await accepted(2, early)).toBe(true);
      return token;
    });

    // West sleeps while global changes everything, so that it has to catch up.
    await lab.lab('stop', 'west');
    await lab.global.revoke('zone-ingress-token-revocations', [jtiOf(early)]);
    await lab.global.putSecret('zone-ingress-token-signing-key-2', (await nodeCrypto.makeKey()).pem);
    expect((await lab.global.call('DELETE', '/meshes/doomed')).status).toBe(200);
    await lab.lab('start', 'west');

    for (const zone of [1, 2]) {
      await eventually(async () => (await state(zone)) === 'in-sync', `zone ${zone} is in sync`);
      await eventually(async () => !(await accepted(zone, early)), `zone ${zone} refuses what was revoked`);
      expect(await accepted(zone, late)).toBe(true);
      expect(await kidOf(lab.zone(zone).issue('zone-ingress', { zone: 'east' }))).toBe('2');
      expect((await lab.zone(zone).get('/meshes/doomed')).status).toBe(404);
    }
  });

  it('has faults on its links: a half-open one is Stale with a lag that grows, and Online once it heals', async () => {
    expect(await ok('fault', 'half-open', 'east', '--to', 'zone', '--for', '2m')).toBe(
      'the link of east: half-open for 2m\n',
    );
    expect(await ok('fault', 'list')).toMatch(/^link of east +half-open to-zone +20/m);
    await lab.global.createMesh('unheard');
    expect((await lab.ctl('sync', 'wait', 'west', '--timeout', '20s')).code).toBe(0);
    const seen = async () => (await lab.global.get<{ zones: Seen[] }>('/koguma/sync')).body.zones[0];
    // Three heartbeats of two seconds; after as many more the zone dials again.
    await eventually(async () => (await seen())?.state === 'Stale' && (await state(1)) === 'stale', 'both say Stale');
    const [first, then] = [await seen(), await seen()];
    expect(first?.lagMs).toBeLessThan(10_000);
    expect(then?.lagMs).toBeGreaterThan(first?.lagMs ?? 0);
    const waited = await lab.ctl('sync', 'wait', '--timeout', '100ms');
    expect(waited).toMatchObject({ code: 1, output: expect.stringContaining('zone east lags with Mesh') as string });
    expect(await ok('fault', 'reset')).toBe('Nothing is wrong on purpose any more.\n');
    expect(await ok('sync', 'wait')).toContain('in sync: east, west');
    await eventually(async () => (await seen())?.state === 'Online' && (await state(1)) === 'in-sync', 'it is Online');
  });

  it('has faults of control planes: a crash ends by itself, a wiped zone gets everything again', async () => {
    await ok('fault', 'crash', 'west', '--for', '1s');
    await eventually(async () => (await lab.lab('status')).includes('west     running'), 'west runs again');
    await ok('fault', 'wipe', 'west');
    expect(await ok('sync', 'wait', '--timeout', '30s')).toContain('west');
    expect((await lab.zone(2).get('/meshes/unheard')).status).toBe(200);
  });

  it('has clocks: a token expires in the zone whose time is ahead, and is good again when the time is over', async () => {
    const token = await lab.global.issue('zone-ingress', { zone: 'east', validFor: '1h' });
    expect(await ok('clock', 'set', 'east', '--offset', '2h', '--for', '3s')).toMatch(/^east .*\+2h0m$/m);
    expect(await lab.zone(1).verify(token, 'zone-ingress')).toMatchObject({ reason: 'expired' });
    expect(await accepted(2, token)).toBe(true);
    await eventually(() => accepted(1, token), 'the clock is right again');
    const frozen = await lab.ctl('clock', 'freeze');
    expect(frozen).toMatchObject({ code: 1, output: expect.stringContaining('cannot be frozen') as string });
    expect((await lab.ctl('clock', 'set', 'east', '--speed', '0')).output).toContain('speed: a running lab cannot');
  });

  it('says what is wrong with a fault, and takes none from a page', async () => {
    const put = async (path: string, body: object, headers = {}) => {
      const answer = await fetch(`http://localhost:5900/faults/${path}`, {
        method: 'PUT',
        body: JSON.stringify(body),
        headers,
      });
      return [answer.status, await answer.text()] as const;
    };
    expect(await put('links/north', { cut: true })).toEqual([409, expect.stringContaining('east, west, *')]);
    expect(await put('links/east', { halfOpen: 'up', latncy: '1s' })).toEqual([
      400,
      expect.stringMatching(/"field":"latncy".*"field":"halfOpen"/),
    ]);
    expect(await put('links/east', {})).toEqual([400, expect.stringContaining('must have one of cut')]);
    expect(await put('links/east', { cut: true, ttl: '25h' })).toEqual([400, expect.stringContaining('"field":"ttl"')]);
    expect(await put('links/east', { cut: true }, { origin: 'https://example.com' })).toEqual([
      403,
      expect.any(String),
    ]);
    expect(await ok('fault', 'list')).toBe('Nothing is wrong on purpose.\n');
  });

  it.each([
    ['key-sync', ['zone-token-signing-public-key-1', '401 Invalid authentication data', '"name": "ann"']],
    ['outage', ['east   Offline', 'zone tokens are issued on the global control plane', 'nothing listens there']],
    ['revocation', ['refused: revoked', 'west   Offline', 'FIRST REFUSAL']],
    [
      'rotation',
      ['refused: unknown_kid', 'zone west lacks key 2', 'active: every zone has key 2', 'NOT SAFE TO DELETE'],
    ],
    ['time-travel', ['refused: expired', 'refused: not_yet_valid', 'cannot be frozen']],
  ])('plays the demo %s in less than 90 s', async (name, shown) => {
    const began = performance.now();
    const told = await ok('demo', name, '--auto');
    expect(performance.now() - began).toBeLessThan(90_000);
    for (const text of ['The lab that runs is ready', ...shown, `That was ${name}`]) expect(told).toContain(text);
    expect(await ok('fault', 'list')).toBe('Nothing is wrong on purpose.\n');
  });

  it('draws bars in a terminal, goes on with Enter, and leaves nothing wrong when Ctrl-C ends it', async () => {
    const demo = lab.inTerminal('demo', 'revocation');
    await demo.says('1. A token that every zone takes.');
    demo.type('\r');
    await demo.says(/\[2K {4}east +[▇▁]{20} {2}\d of \d types, /);
    await demo.says('2. West is cut off');
    demo.type('\r');
    await demo.says('3. East refuses it.');
    expect(await ok('fault', 'list')).toMatch(/^link of west +cut /m);
    demo.type('\x03');
    expect(await demo.ended()).toBe(1);
    expect(demo.output).toContain('Error: the demo was interrupted');
    expect(await ok('fault', 'list')).toBe('Nothing is wrong on purpose.\n');
  });

  it('has no demo left behind that was interrupted before its own lab was up', async () => {
    const { path, remove } = await scratchFolder();
    const demo = Program.inTerminal([process.execPath, KOGUMACTL, 'demo', 'revocation'], { HOME: path, TMPDIR: path });
    await demo.says('starting one');
    demo.type('\x03');
    expect([await demo.ended(), readdirSync(path)]).toEqual([1, []]);
    expect(demo.output).toContain('Error: the demo was interrupted');
    await remove();
  });

  it('keeps everything over Ctrl-C, which ends all in two seconds and leaves nobody behind', async () => {
    const token = await lab.zone(1).issue('zone-ingress', { zone: 'east' });
    const pids = Object.values(await lab.pids());
    expect(pids).toHaveLength(3);
    const { code, ms } = await lab.program.end('SIGINT');
    expect({ code, alive: pids.filter(isAlive) }).toEqual({ code: 0, alive: [] });
    expect(ms).toBeLessThan(2_000);
    await lab.again();
    expect(await accepted(2, token)).toBe(true);
  });

  it('reports a control plane that dies by itself, and goes on', async () => {
    const { west } = await lab.pids();
    process.kill(west as number, 'SIGKILL');
    await lab.program.says(/west .*SIGKILL/);
    expect(await lab.lab('status')).toMatch(/west +(killed|died|stopped|dead)/);
    await lab.lab('start', 'west');
    await eventually(async () => (await state(2)) === 'in-sync', 'west is back');
  });

  it('leaves no process behind when the supervisor itself is killed', async () => {
    const pids = Object.values(await lab.pids());
    await lab.program.end('SIGKILL');
    await eventually(() => !pids.some(isAlive), 'the control planes stopped themselves');
    await lab.again();
  });
});

function shipped(name: string): string {
  return `${ROOT}/scenarios/${name}.yaml`;
}

/** Nothing is wrong, and no mesh is left of a scenario. */
async function isAsBefore(): Promise<void> {
  expect(await ok('fault', 'list')).toBe('Nothing is wrong on purpose.\n');
  const { items } = (await lab.global.get<{ items: { name: string }[] }>('/meshes')).body;
  expect(items.map(({ name }) => name)).toEqual(['default']);
  expect((await lab.global.secretNames()).filter((name) => name.startsWith('user-token'))).toEqual([
    'user-token-signing-key-1',
  ]);
}

interface Seen {
  readonly state: string;
  readonly lagMs: number;
}

async function ok(...args: string[]): Promise<string> {
  const { code, output } = await lab.ctl(...args);
  if (code !== 0) throw new Error(`kogumactl ${args.join(' ')} ended with ${code}: ${output}`);
  return output;
}

async function withGlobalDead<T>(work: () => Promise<T>): Promise<T> {
  await lab.lab('kill', 'global');
  const result = await work();
  await lab.lab('start', 'global');
  return result;
}

function jtiOf(token: string): string {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).jti;
}

async function kidOf(token: Promise<string>): Promise<string> {
  return JSON.parse(Buffer.from((await token).split('.')[0] ?? '', 'base64url').toString()).kid;
}
