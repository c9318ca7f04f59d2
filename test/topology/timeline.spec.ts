import { randomUUID } from 'node:crypto';
import { Relay, startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandLine } from '../support/command-line.js';
import { dataplane, Proxies } from './proxy-lab.js';

const LIST = 'dataplane-token-revocations-default';
let lab: WiredLab;
let user: CommandLine;
let toWest: Relay;
const proxies = new Proxies(() => lab);
beforeAll(async () => {
  toWest = await Relay.open();
  lab = await startWiredLab({
    env: { KOGUMA_MULTIZONE_GLOBAL_KDS_HEARTBEAT_INTERVAL: '100ms' },
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

interface Milestones {
  controlPlane: string;
  sent: number | null;
  applied: number | null;
  firstRefusal: number | null;
  lastClosed: number | null;
  closed: number;
}
const timelineOf = async (...words: string[]) => {
  const { items } = JSON.parse(await user.ok('timeline', ...words, '-o', 'json')) as {
    items: { milestones: Milestones[] }[];
  };
  return Object.fromEntries((items[0]?.milestones ?? []).map((one) => [one.controlPlane, one]));
};
const jtiOf = (token: string) =>
  (JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { jti: string }).jti;

describe('the timeline of a revocation', () => {
  it('tells when each zone was sent it, applied it, refused because of it, and ended the last stream', async () => {
    const token = await lab.global.issue('dataplane', { mesh: 'default', validFor: '1h' });
    const jti = jtiOf(token);
    const envoys = [
      await proxies.connected('east', token, dataplane('web-1')),
      await proxies.connected('east', token, dataplane('web-2')),
      await proxies.connected('west', token, dataplane('web-3')),
    ];
    toWest.stall('to-zone');
    await lab.global.putSecret(LIST, jti, { mesh: 'default' });
    await proxies.endOf(envoys[0] as (typeof envoys)[0]);
    await lab.until(async () => (await timelineOf('revocation', jti)).east?.closed === 2, 'east has told');
    const { global, east, west } = await timelineOf('revocation', jti);
    expect(global).toMatchObject({ sent: null, applied: 0, closed: 0 });
    const { sent, applied, firstRefusal, lastClosed } = east as unknown as Record<
      'sent' | 'applied' | 'firstRefusal' | 'lastClosed',
      number
    >;
    expect([sent, applied, firstRefusal, lastClosed].every((ms) => ms >= 0 && ms < 5_000)).toBe(true);
    expect(sent).toBeLessThanOrEqual(applied);
    expect(firstRefusal).toBeLessThanOrEqual(lastClosed);
    expect(west).toMatchObject({ applied: null, firstRefusal: null, lastClosed: null, closed: 0 });

    toWest.mend();
    await proxies.endOf(envoys[2] as (typeof envoys)[0]);
    await lab.until(async () => (await timelineOf('revocation', jti)).west?.closed === 1, 'west has told');
    expect((await timelineOf('revocation', jti)).west?.applied).toBeGreaterThan(applied);
    const table = await user.ok('timeline', 'revocation', jti);
    expect(table).toMatch(/^dataplane-token-revocations-default, revision \d+, written at /);
    expect(table).toMatch(/^east +- +[\d.]+ m?s +[\d.]+ m?s +[\d.]+ m?s +[\d.]+ m?s \(2\)$/m);
  });

  it('tells also what a zone did while nobody heard it', async () => {
    const token = await lab.zone('west').issue('zone-ingress', { zone: 'west' });
    const jti = jtiOf(token);
    await lab.global.revoke('zone-ingress-token-revocations', [jti]);
    await lab.synced();
    toWest.cut();
    expect((await lab.zone('west').verify(token, 'zone-ingress')).reason).toBe('revoked');
    expect((await timelineOf('revocation', jti)).west?.firstRefusal).toBe(null);
    toWest.mend();
    await lab.until(async () => (await timelineOf('revocation', jti)).west?.firstRefusal !== null, 'west has told');
  });

  it('is not there for what was never revoked, and a zone has its own, from when it arrived there', async () => {
    expect(await user.run('timeline', 'revocation', randomUUID())).toMatchObject({
      code: 1,
      err: expect.stringContaining('nothing revoked') as string,
    });
    const east = lab.zone('east');
    const token = await east.issue('user', { name: 'ann', validFor: '1h' });
    await east.revoke('user-token-revocations', [jtiOf(token)]);
    expect((await east.verify(token, 'user')).reason).toBe('revoked');
    const told = await user.ok('--context', 'east', 'timeline', 'revocation', jtiOf(token));
    expect(told).toMatch(/^east +- +- +0 ms +[\d.]+ ms +-$/m);
  });
});

describe('the timeline of a key', () => {
  it('follows one that comes, and one that goes', async () => {
    const name = 'zone-ingress-token-signing-key-2';
    await lab.global.putSecret(name, await lab.makeKey());
    await lab.synced();
    expect((await timelineOf('key', name)).east).toMatchObject({
      applied: expect.any(Number) as number,
      firstRefusal: null,
    });
    const token = await lab.global.issue('zone-ingress', { zone: 'east' });
    await lab.global.deleteSecret(name);
    await lab.synced();
    expect((await lab.zone('east').verify(token, 'zone-ingress')).reason).toBe('unknown_kid');
    await lab.until(async () => (await timelineOf('key', name)).east?.firstRefusal !== null, 'east has told');
    expect((await timelineOf('key', name)).west).toMatchObject({
      applied: expect.any(Number) as number,
      firstRefusal: null,
    });
  });
});
