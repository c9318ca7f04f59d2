import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { decodeToken, type Lab, startLab } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const HOUR = 3_600_000;
const WEB = { mesh: 'default', name: 'web-1' };

describe('a lab of the test kit', () => {
  it('starts with two zones in sync, and takes less than a second of work', async () => {
    await (await startLab()).stop(); // what is loaded once
    const before = process.cpuUsage();
    await using lab = await startLab({ zones: ['east', 'west'] });
    const { user, system } = process.cpuUsage(before);
    process.stdout.write(`startLab: ${((user + system) / 1_000).toFixed(0)} ms of work\n`);
    expect(user + system).toBeLessThan(1_000_000);
    expect([lab.isSynced('east'), lab.isSynced('west')]).toEqual([true, true]);
  });

  it('does what the README shows', async () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    const [, shown = ''] = /```js\n(const lab = await startLab.*?)```/s.exec(readme) ?? [];
    expect(shown).toContain('advance');
    const AsyncFunction = (async () => undefined).constructor as FunctionConstructor;
    const run = new AsyncFunction('startLab', 'assert', `${shown}\nawait lab.stop();`) as (
      start: typeof startLab,
      check: typeof assert,
    ) => Promise<void>;
    await run(startLab, assert);
  });

  it('is gone at the end of its scope, with all that it listened on', async () => {
    let url = '';
    {
      await using lab = await startLab({ zones: [] });
      url = lab.global.url;
      expect((await fetch(url)).status).toBe(200);
    }
    await expect(fetch(url)).rejects.toThrow();
  });

  it('leaves nothing in memory when it is stopped', async () => {
    const started = async () => {
      const lab = await startLab({ zones: ['east'] });
      await lab.clock.advance('1m');
      await lab.stop();
      return new WeakRef(lab);
    };
    const gone = await started();
    await startLab({ zones: [] }).then((other) => other.stop()); // so that nothing of the first is the last that was used
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    for (let turn = 0; turn < 20 && gone.deref(); turn++) {
      await new Promise(setImmediate);
      collect();
    }
    expect(gone.deref()).toBeUndefined();
  });

  it('makes the same ids of tokens with the same seed', async () => {
    const ids = async (seed: number) => {
      await using lab = await startLab({ zones: ['east'], seed });
      return decodeToken(await lab.zone('east').issue('dataplane', WEB)).jti;
    };
    const first = await ids(7);
    expect([await ids(7), await ids(8)]).toEqual([first, expect.not.stringMatching(first)]);
  });
});

describe('in a lab', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await startLab({ zones: ['east', 'west'], time: '2026-01-01T00:00:00Z' });
  });
  afterAll(() => lab.stop());

  it('tokens are issued, checked and revoked, and nothing else of the list is lost', async () => {
    const [first, second, other] = [
      await lab.zone('east').issue('dataplane', WEB),
      await lab.zone('west').issue('dataplane', WEB),
      await lab.global.issue('zone', { zone: 'east', scope: ['ingress'] }),
    ];
    expect((await lab.zone('west').verify(first)).accepted).toBe(true);
    await lab.global.revoke(first);
    await lab.global.revoke(second);
    await lab.global.revoke(other);
    await lab.synced();
    for (const token of [first, second, other]) {
      expect(await lab.zone('west').verify(token)).toMatchObject({ accepted: false, reason: 'revoked' });
    }
  });

  it('keys are rotated at once, or in phases', async () => {
    const serial = await lab.global.rotate('zone-ingress', { phase: 'prepared' });
    const kid = async () => decodeToken(await lab.global.issue('zone-ingress', { zone: 'east' })).kid;
    expect([serial, await kid()]).toEqual([2, '1']);
    await lab.global.activate('zone-ingress', serial);
    expect(await kid()).toBe('2');
    expect(await lab.global.rotate('zone-ingress')).toBe(3);
    expect(await kid()).toBe('3');
  });

  it('clients from outside get an address and a token', async () => {
    const token = await lab.zone('east').adminToken();
    const response = await fetch(`${lab.zone('east').url}/who-am-i`, { headers: { authorization: `Bearer ${token}` } });
    expect(await response.json()).toMatchObject({ name: 'mesh-system:admin' });
  });

  it('a zone that is cut off goes on, and catches up when the link is mended', async () => {
    lab.link('west').cut();
    const token = await lab.zone('west').issue('dataplane', WEB);
    await lab.global.revoke(token);
    await lab.clock.advance('10m');
    expect((await lab.zone('west').verify(token)).accepted).toBe(true);
    lab.link('west').heal();
    await lab.synced();
    expect((await lab.zone('west').verify(token)).reason).toBe('revoked');
  });

  it.each(['to-zone', 'to-global'] as const)(
    'a link that is half-open (%s) is stale on both ends',
    async (direction) => {
      await lab.clock.advance('10s');
      lab.link('east').halfOpen(direction);
      const states = async () => {
        const { body } = await lab.global.get<{ zones: { zone: string; state: string }[] }>('/koguma/sync');
        const { body: own } = await lab.zone('east').get<{ status: string }>('/koguma/sync');
        return [body.zones.find(({ zone }) => zone === 'east')?.state, own.status];
      };
      const took = await lab.until(async () => (await states()).join() === 'Stale,Stale', 'both are stale');
      expect(took).toBeLessThanOrEqual(21_000);
      lab.link('east').heal();
      await lab.until(async () => (await states()).join() === 'Online,Online', 'both are online');
    },
  );

  it('a slow link takes as long as it is told to', async () => {
    lab.link('west').slow('3s');
    await lab.global.createMesh('slowly');
    const took = await lab.until(
      () => lab.zone('west').served.view.get({ type: 'Mesh', mesh: '', name: 'slowly' }) !== undefined,
      'it is there',
    );
    expect(took).toBeGreaterThanOrEqual(3_000);
    lab.link('west').heal();
    await lab.synced();
  });

  it('a control plane is stopped, started where it was, and loses its store', async () => {
    const token = await lab.zone('east').issue('dataplane', WEB);
    await lab.zone('east').stop();
    await expect(async () => lab.zone('east').issue('dataplane', WEB)).rejects.toThrow('east is stopped');
    await lab.zone('east').start();
    expect((await lab.zone('east').verify(token)).accepted).toBe(true);
    lab.link('east').cut();
    await lab.zone('east').wipe();
    await lab.zone('east').start();
    expect((await lab.zone('east').verify(token)).accepted).toBe(false);
    lab.link('east').heal();
    await lab.synced();
    expect((await lab.zone('east').verify(token)).accepted).toBe(true);
  });

  it('what does not come within its time is told', async () => {
    const before = lab.clock.passed;
    await expect(lab.until(() => false, 'pigs fly', { within: '90s' })).rejects.toThrow(
      "waited 1m30s of the lab's time until pigs fly",
    );
    expect(lab.clock.passed - before).toBe(90_000);
  });

  it('a proxy holds a real stream, loses it when its token is revoked, and says why', async () => {
    const token = await lab.zone('east').issue('dataplane', WEB);
    const proxy = lab.startProxy('east', { name: 'web-1', token });
    await lab.until(() => proxy.state === 'connected', 'the proxy is connected');
    expect(lab.zone('east').served.dp.ads.streams).toBe(1);
    await lab.global.revoke(token);
    await lab.until(() => proxy.state === 'waiting', 'the proxy was sent away');
    expect(proxy.reason).toContain('is on dataplane-token-revocations-default');
    await lab.stopProxy(proxy);
    expect([proxy.state, lab.proxies]).toEqual(['ended', []]);
  });
});

describe('the time of a lab', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await startLab({ zones: ['east', 'west'], time: '2026-01-01T00:00:00Z' });
  });
  afterAll(() => lab.stop());

  it('lets a token of ten years expire, and its proxy go, in less than a second of work', async () => {
    const token = await lab.global.issue('dataplane', WEB);
    const proxy = lab.startProxy('west', { name: 'web-1', token });
    await lab.until(() => proxy.state === 'connected', 'the proxy is connected');
    const { exp } = decodeToken(token).claims as { exp: number };
    await lab.clock.advance('87599h');
    expect([proxy.state, (await lab.zone('east').verify(token)).accepted]).toEqual(['connected', true]);
    const before = process.cpuUsage();
    const began = performance.now();
    await lab.clock.advance('87600h');
    const took = performance.now() - began;
    const { user, system } = process.cpuUsage(before);
    process.stdout.write(
      `ten years: ${took.toFixed(0)} ms on the wall, ${((user + system) / 1_000).toFixed(0)} of work\n`,
    );
    expect(user + system).toBeLessThan(1_000_000);
    const gone = proxy.events.find(({ event }) => event === 'refused');
    expect(gone?.reason).toContain('expired at 2035-12-30T00:00:00Z');
    expect(Math.floor((gone?.at ?? 0) / 1_000)).toBe(exp);
    await lab.stopProxy(proxy);
  });

  it('runs what comes again and again once while it sleeps, and as often as it is due in the minute after', async () => {
    // Each zone has an interval of its own: alone, the listener is the one whose beat the sleep holds.
    for (const name of ['east', 'west']) await lab.zone(name).stop();
    let beats = 0;
    const { endpoint } = lab.global.served;
    const stream = endpoint.heartbeat(
      { zone: 'listener', version: '', instanceId: 'x', features: [], storeId: '', token: '' },
      { send: () => beats++, end: () => undefined },
    );
    beats = 0;
    await lab.clock.advance('10m');
    const walked = beats;
    await lab.clock.advance('8760h');
    expect(walked).toBe(120);
    expect(beats - walked).toBe(13);
    stream.closed(undefined);
    for (const name of ['east', 'west']) await lab.zone(name).start();
    await lab.synced();
  });

  it('runs at another speed in one control plane alone', async () => {
    const token = await lab.global.issue('dataplane', { mesh: 'default', validFor: '90m' });
    lab.zone('west').pace(2);
    await lab.clock.advance('1h');
    expect(lab.zone('west').now - lab.clock.now).toBe(3_600_000);
    expect((await lab.zone('west').verify(token)).reason).toBe('expired');
    expect((await lab.zone('east').verify(token)).accepted).toBe(true);
    lab.zone('west').pace(1);
    lab.zone('west').skew(0);
    expect((await lab.zone('west').verify(token)).accepted).toBe(true);
    expect(() => lab.zone('west').pace(0)).toThrow('must be a number above 0');
  });

  it('is skewed for one control plane alone', async () => {
    await lab.synced();
    const token = await lab.global.issue('dataplane', { ...WEB, validFor: '1h' });
    lab.zone('west').skew('61m');
    expect((await lab.zone('west').verify(token)).reason).toBe('expired');
    expect((await lab.zone('east').verify(token)).accepted).toBe(true);
    expect(lab.zone('west').now - lab.global.now).toBe(61 * 60_000);
    lab.zone('west').skew('-10m');
    expect((await lab.zone('west').verify(token)).reason).toBe('not_yet_valid');
    lab.zone('west').skew(0);
    expect((await lab.zone('west').verify(token)).accepted).toBe(true);
  });

  it('is set, forwards and back', async () => {
    await lab.clock.set('2060-01-01T00:00:00Z');
    expect(String(lab.clock)).toBe('2060-01-01T00:00:00Z');
    await lab.clock.set('2026-06-01T12:00:00Z');
    expect(String(lab.clock)).toBe('2026-06-01T12:00:00Z');
    const token = await lab.global.issue('dataplane', { ...WEB, validFor: '1h' });
    expect((await lab.global.verify(token)).accepted).toBe(true);
  });

  it('stands still until it is let run, and again when it is frozen', async () => {
    const before = lab.clock.now;
    expect(lab.clock.frozen).toBe(true);
    const passed = new Promise<void>((resolve) => {
      const unwatch = lab.clock.watch(async () => {
        if (lab.clock.now < before + HOUR) return;
        unwatch();
        resolve();
      });
    });
    lab.clock.speed(100_000);
    await passed;
    lab.clock.freeze();
    await lab.clock.advance(0);
    const after = lab.clock.now;
    await lab.clock.advance(0);
    expect([lab.clock.now, lab.clock.frozen]).toEqual([after, true]);
  });

  it.each([
    ['a duration without a unit', () => lab.clock.advance('10'), 'missing unit in duration'],
    ['a negative one', () => lab.clock.advance('-5m'), 'cannot be negative'],
    ['a time that is none', () => lab.clock.set('tomorrow'), 'must be a time as RFC 3339 writes it'],
    ['a speed of nothing', async () => lab.clock.speed(0), 'freeze stops the time'],
  ])('refuses %s', async (_, move, why) => {
    const before = lab.clock.now;
    await expect(async () => move()).rejects.toThrow(why);
    expect(lab.clock.now).toBe(before);
  });
});
