import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemEntropy } from '@koguma/core';
import { kogumaDp } from '@koguma/koguma-dp';
import { decodeToken, LOCALHOST_CERT_FILE, startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

type Event = Readonly<Record<string, string | number>>;

let lab: WiredLab;
let folder: string;
const running: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'koguma-dp-'));
  lab = await startWiredLab({ env: { KUMA_DP_SERVER_AUTH_USE_TOKEN_PATH: 'true' } });
});
afterEach(async () => {
  for (const stop of running.splice(0)) await stop();
});
afterAll(async () => {
  await lab.stop();
  rmSync(folder, { recursive: true });
});

const file = (name: string, text: string) => {
  const where = path.join(folder, name);
  writeFileSync(where, text);
  return where;
};
const dataplane = (name: string, services = ['web']) =>
  file(
    `${name}.yaml`,
    `type: Dataplane\nmesh: default\nname: ${name}\nnetworking:\n  address: 10.0.0.1\n  inbound:\n${services
      .map(
        (service, index) => `    - { port: ${8080 + index}, servicePort: 80, tags: { kuma.io/service: ${service} } }\n`,
      )
      .join('')}`,
  );

/** The program, until the test ends: what it says, and its exit code. */
function koguma(args: readonly string[], { zone = 'east', env = {} as Record<string, string> } = {}) {
  const stopping = new AbortController();
  const events: Event[] = [];
  let err = '';
  const port = lab.zone(zone).served.ports.dp;
  const where = ['--cp-address', `https://localhost:${port}`, '--ca-cert-file', LOCALHOST_CERT_FILE];
  const ended = kogumaDp(['run', ...where, '--log-format', 'json', ...args], {
    out: (text) => events.push(JSON.parse(text) as Event),
    err: (text) => (err += text),
    env,
    clock: lab.clock,
    entropy: systemEntropy,
    signal: stopping.signal,
  });
  const stop = () => {
    stopping.abort();
    return ended;
  };
  running.push(stop);
  return {
    events,
    ended,
    stop,
    get err() {
      return err;
    },
    names: () => events.map(({ event }) => event),
    happens: (event: string, times = 1) =>
      lab.until(
        () => events.filter((one) => one.event === event).length >= times,
        () => `${event} is told ${times} times: ${JSON.stringify(events)} ${err}`,
      ),
  };
}

const issue = (more: object = {}) => lab.zone('east').issue('dataplane', { mesh: 'default', ...more });

describe('koguma-dp run', () => {
  it('takes the token from a file, bootstraps, connects, and stops when told', async () => {
    const token = file('plain', await issue());
    const dp = koguma(['--dataplane-file', dataplane('web-1'), '--dataplane-token-file', token]);
    await dp.happens('connected');
    expect(dp.events).toMatchObject([
      { event: 'bootstrapped', proxy: 'default.web-1', token: 'file' },
      { event: 'connected', listeners: 1, clusters: 1 },
    ]);
    expect(await dp.stop()).toBe(0);
    expect(dp.names().at(-1)).toBe('stopped');
  });

  it('takes the token from KUMA_DATAPLANE_RUNTIME_TOKEN, and with it no file is read again', async () => {
    const dp = koguma(['-d', dataplane('web-2')], { env: { KUMA_DATAPLANE_RUNTIME_TOKEN: `${await issue()}\n` } });
    await dp.happens('connected');
    expect(dp.events[0]).toMatchObject({ token: 'once' });
  });

  it('is a zone ingress with --proxy-type=ingress and a file of its own', async () => {
    const token = file(
      'ingress-token',
      await lab.zone('east').issue('zone-ingress', { zone: 'east', validFor: '720h' }),
    );
    const ingress = file(
      'ingress.yaml',
      'type: ZoneIngress\nname: in-1\nnetworking:\n  address: 10.0.0.2\n  port: 10001\n',
    );
    const args = ['--proxy-type=ingress', '--dataplane-file', ingress, '--dataplane-token-file', token];
    const dp = koguma(args);
    await dp.happens('connected');
    const { body } = await lab.zone('east').get('/zoneingresses/in-1/_overview');
    expect(body).toMatchObject({
      zoneIngressInsight: {
        metadata: { credential: { kind: 'zone-ingress' } },
        subscriptions: [{ version: { kumaDp: {} } }],
      },
    });
    const elsewhere = koguma(args, { zone: 'west' });
    expect(await elsewhere.ended).toBe(1);
    expect(elsewhere.err).toContain('the token is for zone "east", not for "west"');
  });

  it('waits for a proxy that the control plane does not know yet', async () => {
    const dp = koguma(['--name', 'late-1', '--dataplane-token', await issue()]);
    await dp.happens('no-bootstrap');
    const networking = { address: '10.0.0.1', inbound: [{ port: 1, tags: { 'kuma.io/service': 'late' } }] };
    await lab.zone('east').call('PUT', '/meshes/default/dataplanes/late-1', { type: 'Dataplane', networking });
    lab.clock.hurry(60_000);
    await dp.happens('connected');
  });

  it.each([
    [['--dataplane-token', 'e30.e30.e30'], 'the token is not a token'],
    [[], 'Dataplane Token is required'],
  ])('ends with a sentence and a hint when it can never work: %j', async (more, told) => {
    const dp = koguma(['-d', dataplane('web-3'), ...more]);
    expect(await dp.ended).toBe(1);
    expect(dp.err).toMatch(new RegExp(`^Error: .*${told}.*\n.+\n$`));
  });

  it('is refused by a token for something else, and told what it is for', async () => {
    const token = await issue({ tags: { 'kuma.io/service': ['web'] } });
    const dp = koguma(['-d', dataplane('web-4', ['web', 'web-admin']), '--dataplane-token', token]);
    expect(await dp.ended).toBe(1);
    expect(dp.err).toContain('dataplane contains tag "kuma.io/service" with value "web-admin", the token allows "web"');
  });

  it('believes nobody by itself', async () => {
    const port = lab.zone('east').served.ports.dp;
    let err = '';
    const code = await kogumaDp(
      [
        'run',
        '--cp-address',
        `https://localhost:${port}`,
        '-d',
        dataplane('web-5'),
        '--dataplane-token',
        await issue(),
      ],
      {
        out: () => undefined,
        err: (text) => (err += text),
        env: {},
        clock: lab.clock,
        entropy: systemEntropy,
        signal: new AbortController().signal,
      },
    );
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/^Error: the control plane is not believed: .*\n.*--ca-cert-file/),
    ]);
  });

  it('runs a fleet in one process, each proxy on its own stream', async () => {
    const dp = koguma(['-d', dataplane('fleet'), '--dataplane-token', await issue(), '--count', '20']);
    await dp.happens('connected', 20);
    expect(new Set(dp.events.map(({ proxy }) => proxy)).size).toBe(20);
    expect(lab.zone('east').served.dp.ads.streams).toBeGreaterThanOrEqual(20);
  });
});

describe('a token that changes while koguma-dp runs', () => {
  const rewrites: [string, (where: string, token: string) => void][] = [
    ['in place', (where, token) => writeFileSync(where, `${token}\n`)],
    [
      'by an atomic rename',
      (where, token) => {
        writeFileSync(`${where}.new`, token);
        renameSync(`${where}.new`, where);
      },
    ],
  ];
  it.each(rewrites)('is shown on the next connection: %s', async (_, rewrite) => {
    const [old, fresh] = [await issue(), await issue()];
    const where = file('rotated', old);
    const dp = koguma(['-d', dataplane('web-6'), '--dataplane-token-file', where]);
    await dp.happens('connected');
    rewrite(where, fresh);
    await lab.global.putSecret('dataplane-token-revocations-default', decodeToken(old).jti, { mesh: 'default' });
    await dp.happens('refused');
    lab.clock.hurry(60_000);
    await dp.happens('connected', 2);
    expect(dp.names()).toEqual(['bootstrapped', 'connected', 'refused', 'token-reloaded', 'connected']);
  });

  it('and is spoilt for a while is told, and tried again', async () => {
    const old = await issue();
    const where = file('spoilt', old);
    const dp = koguma(['-d', dataplane('web-7'), '--dataplane-token-file', where]);
    await dp.happens('connected');
    writeFileSync(where, '');
    await lab.global.putSecret('dataplane-token-revocations-default', decodeToken(old).jti, { mesh: 'default' });
    await dp.happens('refused');
    lab.clock.hurry(60_000);
    await dp.happens('disconnected');
    expect(dp.events.at(-1)?.reason).toBe(`the token in ${where} is empty`);
    writeFileSync(where, await issue());
    lab.clock.hurry(60_000);
    await dp.happens('connected', 2);
  });

  it('is read once where tokens are not reloadable', async () => {
    lab.configure('west', { KUMA_DP_SERVER_AUTH_USE_TOKEN_PATH: 'false' });
    await lab.zone('west').restart();
    await lab.synced();
    const [old, fresh] = [await issue(), await issue()];
    const where = file('once', old);
    const dp = koguma(['-d', dataplane('web-8'), '--dataplane-token-file', where], { zone: 'west' });
    await dp.happens('connected');
    writeFileSync(where, fresh);
    await lab.global.putSecret('dataplane-token-revocations-default', decodeToken(old).jti, { mesh: 'default' });
    await dp.happens('refused');
    lab.clock.hurry(60_000);
    await dp.happens('refused', 2);
    expect(dp.names()).not.toContain('token-reloaded');
  });
});
