import { decodeToken } from '@koguma/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually, scratchFolder } from '../support/processes.js';
import { globalReport, zoneReport } from '../topology/reports.js';
import { Composition } from './composition.js';
import type { ContainerClient } from './container-client.js';
import { step, tell } from './progress.js';

const ZONES = ['east', 'west'] as const;
const CONTROL_PLANES = ['global-1', 'global-2', ...ZONES] as const;
const INGRESS = { zone: 'east', validFor: '1h' };
const LIST = 'zone-ingress-token-revocations';
/** Whatever has to be noticed, dialled again and synced. */
const HEALED_MS = 60_000;

let folder: Awaited<ReturnType<typeof scratchFolder>>;
let composition: Composition;
const cp = (name: (typeof CONTROL_PLANES)[number]): ContainerClient => composition.client(name);

beforeAll(async () => {
  folder = await scratchFolder();
  composition = await Composition.of('docker-compose.yml', process.env.KOGUMA_TEST_COMPOSE ?? '', folder.path);
  await step('building the image', () => composition.compose('build'));
  const began = Date.now();
  await step('docker-compose up', () => composition.compose('up', '-d'));
  await tellFigures(began);
}, 900_000);
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') tell(await composition.compose('logs', '--tail=15'));
});
afterAll(async () => {
  await step('docker-compose down -v', () => composition.down());
  await folder.remove();
}, 120_000);

describe('docker-compose up', () => {
  it('is all that it takes: one command gives kogumactl every control plane', async () => {
    const said = await composition.configure();
    for (const name of CONTROL_PLANES) expect(said).toContain(`added Control Plane "docker-${name}"`);
    await allInSync();
    const zones = await composition.kogumactl('--context=docker-global-2', 'inspect', 'zones');
    expect(zones).toMatch(/east +Online/);
    expect(zones).toMatch(/west +Online/);
  });

  it('has a dataplane and a zone ingress in each zone, by tokens that the zone has issued', async () => {
    for (const zone of ZONES) await eventuallyOnline(zone, ['web-1']);
    await eventually(async () => {
      const ingresses = await composition.kogumactl('--context=docker-global-1', 'inspect', 'zoneingresses');
      return (ingresses.match(/Online/g) ?? []).length === ZONES.length;
    }, 'global sees both ingresses');
  });

  it('runs nothing of ours as root but the offline trust, writes on no root file system, and publishes on loopback', async () => {
    for (const id of await composition.containers()) {
      const { Image, User } = await composition.inspect<{ Image: string; User: string }>(id, '.Config');
      const host = await composition.inspect<{
        ReadonlyRootfs: boolean;
        CapDrop: string[] | null;
        NetworkMode: string;
        PortBindings: Record<string, { HostIp: string }[]> | null;
      }>(id, '.HostConfig');
      for (const bindings of Object.values(host.PortBindings ?? {}))
        for (const { HostIp } of bindings) expect(HostIp).toBe('127.0.0.1');
      if (Image.startsWith('postgres')) continue;
      expect(host).toMatchObject({ ReadonlyRootfs: true, CapDrop: ['ALL'] });
      if (User !== 'node') expect([User, host.NetworkMode]).toEqual(['0:1000', 'none']);
    }
  });

  it('mounts the private key of the authority nowhere but where it signs, once and without a network', async () => {
    const holders: string[] = [];
    for (const id of await composition.containers()) {
      const mounts = await composition.inspect<{ Name?: string }[]>(id, '.Mounts');
      if (mounts.some(({ Name }) => Name === composition.network('authority')))
        holders.push(await composition.inspect<string>(id, '(index .Config.Labels "com.docker.compose.service")'));
    }
    expect(holders).toEqual(['trust']);
  });

  it('lets a zone reach global and its own database, and nothing of another zone', async () => {
    const east = await composition.container('east');
    expect(await reached(east, 'east-db', 5432)).toEqual([true]);
    expect(await reached(east, 'global-1', 5685, 'link-east')).toEqual([true]);
    for (const [service, port] of [
      ['west-db', 5432],
      ['west', 5682],
      ['west', 5678],
      ['global-db', 5432],
    ] as const)
      expect([service, port, ...(await reached(east, service, port))]).not.toContain(true);
  });

  it('takes no caller from outside of a container for the administrator', async () => {
    const answer = await cp('east').call('GET', '/global-secrets', undefined, { headers: { authorization: '' } });
    expect([401, 403]).toContain(answer.status);
  });
});

describe('while things fail', () => {
  let earlier: string;
  beforeAll(async () => {
    earlier = await cp('east').issue('zone-ingress', INGRESS);
  });

  it('either replica of global may die: zones go to the other, which takes writes for them', async () => {
    for (const [dead, left] of [
      ['global-1', 'global-2'],
      ['global-2', 'global-1'],
    ] as const) {
      const token = await cp('west').issue('zone-ingress', INGRESS);
      await composition.docker('kill', await composition.container(dead));
      await revoke(left, token);
      for (const zone of ZONES) await eventuallyRefused(zone, token);
      await composition.docker('start', await composition.container(dead));
      await eventually(() => cp(dead).serves(), `${dead} serves again`, HEALED_MS);
    }
  });

  it('without global: tokens are issued and checked, a proxy joins, and a zone starts anew', async () => {
    const stoppedAt = Date.now();
    await composition.compose('stop', '-t', '5', 'global-1', 'global-2', 'global-db');
    for (const zone of ZONES)
      await eventually(async () => (await zoneReport(cp(zone))).state === 'cut-off', `${zone} notices`, HEALED_MS);
    await expectTokensGoodEverywhere();

    const command = await composition.inspect<string[]>(await composition.container('east-web'), '.Config.Cmd');
    const newcomer = command.map((word) => word.replace('web-1', 'web-2'));
    await composition.compose(
      'run',
      '-d',
      '--no-deps',
      '--name',
      composition.network('web-2'),
      'east-web',
      ...newcomer,
    );
    await eventuallyOnline('east', ['web-1', 'web-2']);

    await composition.docker('restart', await composition.container('east'));
    await eventually(() => cp('east').serves(), 'east serves again', HEALED_MS);
    await expectTokensGoodEverywhere();
    await eventuallyOnline('east', ['web-1', 'web-2']);
    const { state, since } = await zoneReport(cp('east'));
    expect(state).toBe('cut-off');
    expect(Date.parse(since)).toBeGreaterThanOrEqual(stoppedAt);
    expect(Date.parse(since)).toBeLessThan(Date.now());

    await composition.docker('rm', '-f', composition.network('web-2'));
    await composition.compose('start', 'global-db', 'global-1', 'global-2');
    await allInSync();
  });

  it('a zone whose link is cut says since when; what was revoked and rotated meanwhile arrives once it is healed', async () => {
    const [east, link] = [await composition.container('east'), composition.network('link-east')];
    const before = (await zoneReport(cp('west'))).since;
    const cutAt = Date.now();
    await composition.docker('network', 'disconnect', link, east);
    await revoke('global-1', earlier);
    const key = await composition.kogumactl('generate', 'signing-key', '--format=pem');
    await cp('global-1').putSecret('zone-ingress-token-signing-key-2', key);
    await eventuallyRefused('west', earlier);
    await eventually(async () => (await kidOf('west')) === '2', 'west signs with the new key');

    await eventually(async () => (await zoneReport(cp('east'))).status !== 'Online', 'east notices', HEALED_MS);
    await eventually(async () => (await globalsWordOn('east')).state !== 'Online', 'global notices', HEALED_MS);
    for (const { since } of [await zoneReport(cp('east')), await globalsWordOn('east')]) {
      // From the last that was heard, a heartbeat earlier at most.
      expect(Date.parse(since ?? '')).toBeGreaterThan(cutAt - 10_000);
      expect(Date.parse(since ?? '')).toBeLessThan(Date.now());
    }
    expect(await cp('east').verify(earlier, 'zone-ingress')).toMatchObject({ accepted: true });
    expect(await kidOf('east')).toBe('1');
    expect(await zoneReport(cp('west'))).toMatchObject({ status: 'Online', since: before });

    await composition.docker('network', 'connect', link, east);
    await eventuallyRefused('east', earlier);
    await eventually(async () => (await kidOf('east')) === '2', 'east signs with the new key');
    await allInSync();
  });

  it('a zone whose database is killed loses no write that it acknowledged, and says what is wrong meanwhile', async () => {
    const east = cp('east');
    const acknowledged: string[] = [];
    const refused: { status: number; body: Record<string, unknown> }[] = [];
    let over = false;
    const writer = async () => {
      for (let n = 0; !over; n++) {
        const name = `written-${n}`;
        const answer = await east.call('PUT', `/meshes/default/dataplanes/${name}`, dataplane(name));
        if (answer.status < 300) acknowledged.push(name);
        else refused.push(answer);
      }
    };
    const writing = writer();
    const db = await composition.container('east-db');
    await eventually(() => acknowledged.length > 20, 'some are written');
    await composition.docker('kill', db);
    await eventually(() => refused.length > 0, 'one is refused');
    await expectTokensGoodEverywhere();
    await composition.docker('start', db);
    const sofar = acknowledged.length;
    await eventually(() => acknowledged.length > sofar + 20, 'writes are taken again', HEALED_MS);
    over = true;
    await writing;

    for (const { status, body } of refused) {
      expect(status).toBe(503);
      expect(JSON.stringify(body)).toMatch(/store/);
    }
    const kept = new Set(await dataplanesOf('east'));
    expect(acknowledged.filter((name) => !kept.has(name))).toEqual([]);
    const atGlobal = async () => (await dataplanesOf('global-1')).length;
    await eventually(async () => (await atGlobal()) >= acknowledged.length, 'global sees them', HEALED_MS);
  });
});

describe('a second docker-compose up', () => {
  it('changes nothing that runs', async () => {
    const ids = await Promise.all(CONTROL_PLANES.map((name) => composition.container(name)));
    const started = (id: string) => composition.inspect<string>(id, '.State.StartedAt');
    const before = await Promise.all(ids.map(started));
    await step('docker-compose up', () => composition.compose('up', '-d'));
    expect(await Promise.all(CONTROL_PLANES.map((name) => composition.container(name)))).toEqual(ids);
    expect(await Promise.all(ids.map(started))).toEqual(before);
  });

  it('finds everything in old volumes: tokens are good, what was revoked is refused, and kogumactl need not be told', async () => {
    const [good, bad] = [
      await cp('east').issue('zone-ingress', INGRESS),
      await cp('west').issue('zone-ingress', INGRESS),
    ];
    await revoke('global-2', bad);
    for (const zone of ZONES) await eventuallyRefused(zone, bad);
    await step('docker-compose down', () => composition.compose('down', '-t', '5'));
    await step('docker-compose up', () => composition.compose('up', '-d'));
    for (const zone of ZONES) {
      expect(await cp(zone).verify(good, 'zone-ingress')).toMatchObject({ accepted: true });
      expect(await cp(zone).verify(bad, 'zone-ingress')).toMatchObject({ accepted: false, reason: 'revoked' });
      await eventuallyOnline(zone, ['web-1']);
    }
    await allInSync();
  });
});

async function allInSync(): Promise<void> {
  for (const zone of ZONES) {
    const inSync = async () => (await zoneReport(cp(zone))).state === 'in-sync';
    await eventually(inSync, `${zone} is in sync`, HEALED_MS);
  }
}

async function expectTokensGoodEverywhere(): Promise<void> {
  for (const issuer of ZONES) {
    const ingress = await cp(issuer).issue('zone-ingress', INGRESS);
    const web = await cp(issuer).issue('dataplane', { mesh: 'default', name: 'web-3', validFor: '1h' });
    for (const zone of ZONES) {
      expect(await cp(zone).verify(ingress, 'zone-ingress')).toMatchObject({ accepted: true });
      expect(await cp(zone).verify(web, 'dataplane', 'default')).toMatchObject({ accepted: true });
    }
  }
}

/** Adds a token to the list on global, which may have a replica less, or a new leader, just now. */
async function revoke(global: 'global-1' | 'global-2', token: string): Promise<void> {
  const client = cp(global);
  const listed = await client.secretText(LIST).catch(() => '');
  await client.revoke(LIST, [...listed.split(',').filter((id) => id !== ''), decodeToken(token).jti]);
}

async function eventuallyRefused(zone: (typeof ZONES)[number], token: string): Promise<void> {
  const refused = async () => (await cp(zone).verify(token, 'zone-ingress')).reason === 'revoked';
  await eventually(refused, `${zone} refuses the revoked token`, HEALED_MS);
}

async function eventuallyOnline(zone: (typeof ZONES)[number], names: readonly string[]): Promise<void> {
  const online = async () => {
    const table = await composition.kogumactl(`--context=docker-${zone}`, 'inspect', 'dataplanes');
    return names.every((name) => new RegExp(`default +${name} .* Online`).test(table));
  };
  await eventually(online, `${names.join(' and ')} of ${zone} are online`, HEALED_MS);
}

async function kidOf(zone: (typeof ZONES)[number]): Promise<string> {
  return decodeToken(await cp(zone).issue('zone-ingress', INGRESS)).kid;
}

async function globalsWordOn(zone: string) {
  const found = (await globalReport(cp('global-1'))).zones.find((one) => one.zone === zone);
  if (!found) throw new Error(`global does not know ${zone}`);
  return found;
}

async function dataplanesOf(name: (typeof CONTROL_PLANES)[number]): Promise<string[]> {
  const found: string[] = [];
  for (let offset: string | undefined = '0'; offset !== undefined; ) {
    const path: string = `/meshes/default/dataplanes?size=1000&offset=${offset}`;
    const { body }: { body: { items: { name: string }[]; next: string | null } } = await cp(name).get(path);
    found.push(...body.items.map((item) => item.name));
    offset = body.next === null ? undefined : (new URL(body.next).searchParams.get('offset') ?? undefined);
  }
  return found;
}

function dataplane(name: string): object {
  const inbound = [{ port: 8080, tags: { 'kuma.io/service': 'web' } }];
  return { type: 'Dataplane', mesh: 'default', name, networking: { address: '10.0.0.1', inbound } };
}

/** Whether a container can connect to a port of another, for each address that the other has. */
async function reached(from: string, service: string, port: number, network?: string): Promise<boolean[]> {
  const networks = await composition.inspect<Record<string, { IPAddress: string }>>(
    await composition.container(service),
    '.NetworkSettings.Networks',
  );
  const addresses = Object.entries(networks)
    .filter(([name]) => network === undefined || name === composition.network(network))
    .map(([, { IPAddress }]) => IPAddress);
  const connect = `const s = net.connect({ host: process.argv[1], port: ${port}, timeout: 2000 });
    const end = (word) => { console.log(word); process.exit(); };
    s.on('connect', () => end('yes')).on('timeout', () => end('no')).on('error', () => end('no'));`;
  const said = await Promise.all(
    addresses.map((address) => composition.docker('exec', from, 'node', '-e', connect, address)),
  );
  return said.map((word) => word.trim() === 'yes');
}

/** What the README tells of sizes and times. */
async function tellFigures(began: number): Promise<void> {
  const issuedAt = await Promise.all(
    ZONES.map(async (zone) => {
      const tokens = await composition.container(`${zone}-tokens`);
      return Date.parse(await composition.inspect<string>(tokens, '.State.FinishedAt'));
    }),
  );
  tell(`up → first zone-issued token: ${((Math.min(...issuedAt) - began) / 1000).toFixed(1)} s`);
  tell(`image: ${(await composition.docker('images', 'koguma:latest', '--format', '{{.Size}}')).trim()}`);
  const running = (await composition.docker('ps', '-q')).split('\n');
  const ours = (await composition.containers()).filter((id) => running.includes(id));
  const stats = await composition.docker('stats', '--no-stream', '--format', '{{.Name}} {{.MemUsage}}', ...ours);
  for (const line of stats.trim().split('\n').sort()) tell(`memory: ${line.replace(/ \/ .*/, '')}`);
}
