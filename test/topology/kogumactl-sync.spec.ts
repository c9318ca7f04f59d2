import { randomUUID } from 'node:crypto';
import { Relay, startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandLine } from '../support/command-line.js';

const LIST = 'zone-ingress-token-revocations';
let lab: WiredLab;
let user: CommandLine;
const toEast: Relay[] = [];
beforeAll(async () => {
  toEast.push(await Relay.open());
  lab = await startWiredLab({
    env: { KOGUMA_MULTIZONE_GLOBAL_KDS_HEARTBEAT_INTERVAL: '1h' },
    dialThrough: (zone, address) => (zone === 'east' ? toEast[0]?.dial(address) : undefined),
  });
  user = await CommandLine.with({ global: lab.global.url, east: lab.zone('east').url });
});
afterAll(async () => {
  await user.remove();
  await lab.stop();
  await toEast[0]?.close();
});

const row = async (zone: string, type: string, ...context: string[]) => {
  const lines = (await user.ok(...context, 'sync', 'status')).split('\n');
  const cells = lines.map((line) => line.split(/ {2,}/));
  return cells.find(([name, , of]) => name === zone && of === type);
};

describe('kogumactl sync', () => {
  it('status shows what was written, sent and applied, and sync wait ends when all is', async () => {
    await lab.global.revoke(LIST, [randomUUID()]);
    expect(await user.ok('sync', 'wait')).toMatch(/^in sync: east, west \(\d+\.\d s\)\n$/);
    for (const zone of ['east', 'west']) {
      const [, status, , written, sent, applied, lag, since, error] = (await row(zone, 'GlobalSecret')) ?? [];
      expect({ status, lag, since, error }).toEqual({ status: 'Online', lag: '0', since: '-', error: '-' });
      expect(new Set([written, sent, applied]).size).toBe(1);
    }
    expect(await row('east', 'GlobalSecret', '--context', 'east')).toContain('Online');
  });

  it('wait names the zone and the type that lag behind a half-open link, and ends when it is mended', async () => {
    toEast[0]?.stall('to-zone');
    await lab.global.revoke(LIST, [randomUUID()]);
    expect(await user.ok('sync', 'wait', 'west', '--timeout', '5s')).toContain('in sync: west');
    const { code, err } = await user.run('sync', 'wait', '--timeout', '300ms');
    expect(code).toBe(1);
    expect(err).toMatch(/not in sync after 0\.3 s\n\* zone east lags with GlobalSecret: applied \d+, written \d+\n/);
    expect(err).not.toContain('west');
    const [, , , , , , lag, since] = (await row('east', 'GlobalSecret')) ?? [];
    expect(lag).not.toBe('0');
    expect(Date.parse(since ?? '')).toBeLessThanOrEqual(Date.now());
    toEast[0]?.mend();
    expect(await user.ok('sync', 'wait')).toContain('in sync: east, west');
  });

  it('wait knows which zones there are, and only global can tell', async () => {
    expect(await user.run('sync', 'wait', 'north', '--timeout', '100ms')).toMatchObject({
      code: 1,
      err: expect.stringContaining('zone north is not known to global') as string,
    });
    expect(await user.run('sync', 'wait', '--timeout', 'soon')).toMatchObject({ code: 2 });
    expect(await user.run('--context', 'east', 'sync', 'wait')).toMatchObject({
      code: 1,
      err: expect.stringContaining('this is the control plane of zone east') as string,
    });
  });

  it('a zone that is gone is Offline, and waited for in vain', async () => {
    await lab.zone('west').stop();
    await lab.until(async () => (await user.ok('sync', 'status')).includes('zone west is Offline'), 'west is gone');
    const { code, err } = await user.run('sync', 'wait', '--timeout', '100ms');
    expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining('* zone west is Offline since') });
    await lab.zone('west').start();
    await user.ok('sync', 'wait', 'west');
  });
});
