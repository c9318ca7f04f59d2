import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Relay, startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KumaZone } from '../peer/kuma-zone.js';
import { CommandLine } from '../support/command-line.js';
import { switchesYaml } from './offline-keys.js';
import { dataplane, Proxies } from './proxy-lab.js';

const PREFIX = 'dataplane-token-signing-key-';
let lab: WiredLab;
let user: CommandLine;
let toWest: Relay;
let mesh = '';
let meshes = 0;
const proxies = new Proxies(() => lab);
beforeAll(async () => {
  toWest = await Relay.open();
  lab = await startWiredLab({
    env: { KOGUMA_LAB: 'true', KOGUMA_MULTIZONE_GLOBAL_KDS_HEARTBEAT_INTERVAL: '300ms' },
    dialThrough: (zone, address) => (zone === 'west' ? toWest.dial(address) : undefined),
  });
  user = await CommandLine.with({ global: lab.global.url, east: lab.zone('east').url });
});
afterAll(async () => {
  proxies.closeAll();
  await user.remove();
  await lab.stop();
  await toWest.close();
});
beforeEach(async () => {
  toWest.mend();
  mesh = `m${++meshes}`;
  await lab.global.createMesh(mesh);
  await user.ok('sync', 'wait');
});

const keys = (...words: string[]) => user.run('--mesh', mesh, 'keys', ...words);
const issue = (at = lab.global) => at.issue('dataplane', { mesh, validFor: '24h' });
const verify = (token: string, zone: string) => lab.zone(zone).verify(token, 'dataplane', mesh);
const kidOf = (token: string) =>
  (JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid;
const byHand = async (serial: number) =>
  lab.global.putSecret(`${PREFIX}${mesh}-${serial}`, await lab.makeKey(), { mesh });
const connect = (name: string, token: string) => proxies.connected('east', token, { ...dataplane(name), mesh });

describe('keys list', () => {
  it('shows every key with who signs, who has it, and how many tokens are by it, wherever they were issued', async () => {
    await issue();
    await lab.zone('east').issue('dataplane', { mesh });
    const row = async () =>
      (await user.ok('keys', 'list')).split('\n').find((line) => line.includes(` ${mesh} `)) ?? '';
    const counted = async () => / {3}2 +secret$/.test(await row());
    await lab.until(counted, 'east has told what it issued');
    const cells = (await row()).split(/ {3,}/);
    expect(cells).toEqual([
      'dataplane',
      mesh,
      '1',
      expect.any(String),
      expect.stringMatching(/s$/),
      'active',
      'yes',
      'east,west',
      '0',
      '2',
      'secret',
    ]);
    expect(await user.ok('keys', 'list')).toMatch(/^user {11}- .* stays here /m);
  });

  it('asks a zone for what it has itself', async () => {
    const { keys: own } = JSON.parse(await user.ok('--context', 'east', 'keys', 'list', '-o', 'json')) as {
      keys: object[];
    };
    expect(own).toContainEqual(expect.objectContaining({ kind: 'zone', half: 'public', signs: false, zones: [] }));
    expect(JSON.stringify(own)).not.toMatch(/PRIVATE|BEGIN|"data"/);
  });
});

describe('keys preflight', () => {
  it('names the one proxy that is still on key 1, and the zone that lacks key 2', async () => {
    await connect('web-1', await issue());
    toWest.stall('to-zone');
    await byHand(2);
    await user.ok('sync', 'wait', 'east');
    await connect('web-2', await issue());
    const { code, out, err } = await lab
      .until(
        async () => (await keys('preflight', 'dataplane', '1')).out.includes('east: 1'),
        'global knows the proxies',
      )
      .then(() => keys('preflight', 'dataplane', '1'));
    expect(code).toBe(1);
    expect(out).toMatch(new RegExp(`^dataplane key 1 of mesh ${mesh}: NOT SAFE TO DELETE`));
    expect(out).toMatch(/zones that lack key 2 +west/);
    expect(err).toContain('in zone east, web-1 is connected with a token of key 1');
    expect(err).toContain('zone west lacks key 2');
    expect(err).toContain('1 unexpired tokens of key 1 are by global, the last good until');
    expect(err).not.toContain('web-2');
    expect(err).not.toContain('zone east lacks');
  });

  it('lets a key go that nothing depends on, and refuses the last one', async () => {
    await byHand(2);
    await user.ok('sync', 'wait');
    const safe = await keys('preflight', 'dataplane', '1');
    expect(safe).toMatchObject({ code: 0, err: '', out: expect.stringContaining('SAFE TO DELETE') as string });
    await lab.global.deleteSecret(`${PREFIX}${mesh}-1`, mesh);
    const last = await keys('preflight', 'dataplane', '2');
    expect(last.err).toContain('no other key is there that signs');
    expect(last.out).toMatch(/signs once it is gone +none: there is no other key that signs\n/);
    expect(last.out).not.toContain('zones that lack');
    expect((await keys('preflight', 'dataplane', '9')).err).toContain('There is 2');
    expect(await keys('preflight', 'proxy', '1')).toMatchObject({ code: 2 });
  });
});

describe('a key that is configured', () => {
  const PLACE = 'dpServer.authn.dpProxy.dpToken.validator.publicKeys[0]';
  let token: string;
  beforeAll(async () => {
    const file = join(user.home, 'ci.pem');
    writeFileSync(file, await lab.makeKey());
    const key = await user.ok('generate', 'public-key', '--signing-key-path', file);
    lab.configure('east', {}, switchesYaml({ dataplane: { publicKeys: [{ kid: 'ci', key }] } }));
    await lab.zone('east').restart();
    await user.ok(
      'config',
      'control-planes',
      'add',
      '--name',
      'east',
      '--address',
      lab.zone('east').url,
      '--overwrite',
    );
    await user.ok('config', 'control-planes', 'switch', '--name', 'global');
    token = await user.ok(
      'generate',
      'dataplane-token',
      '--signing-key-path',
      file,
      '--kid',
      'ci',
      '--valid-for',
      '1h',
    );
  });

  it('is in the inventory of its control plane, with its place and the proxies that live by it', async () => {
    await proxies.connected('east', token.trim(), dataplane('web-ci'));
    const row = async () =>
      (await user.ok('--context', 'east', 'keys', 'list')).split('\n').find((line) => line.endsWith(PLACE)) ?? '';
    await lab.until(async () => row().then((line) => line.split(/ {3,}/)[8] === '1'), 'east knows the proxy');
    expect((await row()).split(/ {3,}/)).toEqual([
      ...['dataplane', '*', 'ci', expect.any(String), '-', 'active', 'no', 'stays here', '1', 'not recorded', PLACE],
    ]);
    const { keys: all } = (await lab.zone('east').get<{ keys: { kid: string }[] }>('/koguma/keys')).body;
    expect(all.find(({ kid }) => kid === 'ci')).toMatchObject({
      source: 'configuration',
      ...{ foundIn: PLACE, name: null, serial: null, createdAt: null, half: 'public', zones: [], tokens: [] },
      proxies: [{ zone: 'east', mesh: 'default', name: 'web-ci' }],
    });
    expect(await user.ok('keys', 'list')).not.toContain(PLACE);
  });

  it('is not deleted as a secret is, and is left out of rotations', async () => {
    const { code, err } = await user.run('--context', 'east', 'keys', 'preflight', 'dataplane', 'ci');
    expect({ code, err }).toEqual({
      code: 1,
      err:
        `Error: dataplane key ci of mesh default is not kept as a secret: it is configured, in ${PLACE}\n` +
        'Who needs it: npx kogumactl keys list. It goes when it is taken out of the configuration.\n',
    });
  });
});

describe('keys rotate', () => {
  it('prepares, activates and retires, and no token is refused anywhere meanwhile', async () => {
    const before = await issue();
    const { code, out, err } = await keys('rotate', 'dataplane', '--until', 'active');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toBe(
      'prepared: key 2 verifies and is on its way to the zones; key 1 signs\n' +
        'active: every zone has key 2, and it signs now\n',
    );
    const after = await issue();
    expect([kidOf(before), kidOf(after)]).toEqual(['1', '2']);
    for (const token of [before, after])
      for (const zone of ['east', 'west']) expect((await verify(token, zone)).accepted).toBe(true);
    const kept = await keys('rotate', 'dataplane');
    expect(kept).toMatchObject({ code: 1, err: expect.stringContaining('key 1 is kept, key 2 signs') as string });
    lab.clock.advance(25 * 3_600_000);
    expect(await keys('rotate', 'dataplane')).toMatchObject({ code: 0, out: 'retired: key 1 is deleted\n' });
    expect(await lab.global.secretNames(mesh)).toEqual([`${PREFIX}${mesh}-2`]);
  });

  it('stops before it activates while a zone is cut off; by hand, tokens are refused there', async () => {
    toWest.stall('to-zone');
    const { code, err } = await keys('rotate', 'dataplane', '--timeout', '300ms');
    expect(code).toBe(1);
    expect(err).toContain('key 2 is not activated, key 1 goes on signing, and nothing is refused');
    expect(err).toContain('zone west lacks key 2');
    const safe = await issue();
    expect([kidOf(safe), (await verify(safe, 'west')).accepted]).toEqual(['1', true]);

    await byHand(3); // the documented way: it signs as soon as it is there
    const early = await issue();
    expect([kidOf(early), (await verify(early, 'east')).accepted]).toEqual(['3', true]);
    expect(await verify(early, 'west')).toMatchObject({ accepted: false, reason: 'unknown_kid' });
    toWest.mend();
    await user.ok('sync', 'wait');
    expect((await verify(early, 'west')).accepted).toBe(true);
  });

  it('goes on where it stopped, and can be taken back before and after activation', async () => {
    await keys('rotate', 'dataplane', '--until', 'prepared');
    expect((await keys('rotate', 'dataplane', '--rollback')).out).toBe(
      'rolled back: key 2 is deleted, key 1 signs as before\n',
    );
    expect((await keys('rotate', 'dataplane', '--rollback')).err).toContain('no rotation');
    await keys('rotate', 'dataplane', '--until', 'prepared');
    expect((await keys('rotate', 'dataplane', '--until', 'active')).out).toBe(
      'prepared: key 2 is there already\nactive: every zone has key 2, and it signs now\n',
    );
    expect((await keys('rotate', 'dataplane', '--rollback')).out).toContain('key 1 signs again');
    expect(kidOf(await issue())).toBe('1');
  });

  it('refuses while a plain Kuma is connected, which would sign with a prepared key', async () => {
    const address = `127.0.0.1:${lab.global.served.ports.kds}`;
    const kuma = new KumaZone({ name: 'kuma', version: '2.14.3', address }).connect();
    await lab.until(async () => (await keys('list')).out.includes('kuma'), 'the Kuma is connected');
    const { code, err } = await keys('rotate', 'dataplane', '--timeout', '300ms');
    kuma.stop();
    expect({ code, err }).toMatchObject({
      code: 1,
      err: expect.stringContaining('zone kuma is a plain Kuma') as string,
    });
    expect(await lab.global.secretNames(mesh)).toEqual([`${PREFIX}${mesh}-1`]);
  });
});
