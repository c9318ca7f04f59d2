import { startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { globalReport, zoneOverviews } from './reports.js';

let lab: WiredLab;
beforeAll(async () => {
  lab = await startWiredLab({ env: { KUMA_MULTIZONE_GLOBAL_KDS_ZONE_INSIGHT_FLUSH_INTERVAL: '5ms' } });
});
afterAll(() => lab.stop());

const overviewOf = async (zone: string) => (await zoneOverviews(lab.global)).find(({ name }) => name === zone);
const stateOf = async (zone: string) => (await globalReport(lab.global)).zones.find((row) => row.zone === zone)?.state;
/** Connected, as Kuma's clients tell: some subscription is open. */
const isOnline = async (zone: string) =>
  (await overviewOf(zone))?.zoneInsight?.subscriptions.some(({ disconnectTime }) => disconnectTime === undefined);

describe('a zone on global', () => {
  it('appears by itself when it connects, enabled', async () => {
    const { items } = (await lab.global.get<{ items: { name: string }[] }>('/zones')).body;
    expect(items.map(({ name }) => name)).toEqual(['east', 'west']);
    expect(await overviewOf('east')).toMatchObject({ type: 'ZoneOverview', name: 'east', zone: { enabled: true } });
  });

  it('is Online while it is connected, and shows since when', async () => {
    expect(await stateOf('east')).toBe('Online');
    await lab.until(async () => (await isOnline('east')) ?? false, 'east is shown online');
    const subscription = (await overviewOf('east'))?.zoneInsight?.subscriptions.at(-1);
    expect(subscription).not.toHaveProperty('disconnectTime');
    expect(subscription?.connectTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/);
  });

  it('is Offline when it has stopped, and shows when it went, and Online again when it is back', async () => {
    await lab.zone('west').stop();
    await lab.until(async () => (await isOnline('west')) === false, 'west is shown offline');
    expect(await stateOf('west')).toBe('Offline');
    const [gone] = (await overviewOf('west'))?.zoneInsight?.subscriptions ?? [];
    expect(Date.parse(gone?.disconnectTime ?? '')).toBeGreaterThanOrEqual(Date.parse(gone?.connectTime ?? ''));

    await lab.zone('west').start();
    await lab.synced();
    await lab.until(async () => (await isOnline('west')) ?? false, 'west is shown online');
    expect(await stateOf('west')).toBe('Online');
    const subscriptions = (await overviewOf('west'))?.zoneInsight?.subscriptions ?? [];
    expect(subscriptions.map(({ disconnectTime }) => disconnectTime === undefined)).toEqual([false, true]);
  });

  it('is not left Online by a global that was stopped in between', async () => {
    await lab.zone('west').stop();
    await lab.global.restart();
    await lab.synced();
    await lab.until(async () => (await isOnline('west')) === false, 'west is shown offline');
    expect([await stateOf('east'), await stateOf('west')]).toEqual(['Online', 'Offline']);
    await lab.zone('west').start();
    await lab.synced();
  });

  it('has counters of what was sent and acknowledged, which are strings, as in protobuf JSON', async () => {
    await lab.global.revoke('zone-ingress-token-revocations', []);
    await lab.synced();
    const counters = async () => (await overviewOf('east'))?.zoneInsight?.subscriptions.at(-1)?.status;
    await lab.until(async () => {
      const secrets = (await counters())?.stat.GlobalSecret as Record<string, unknown> | undefined;
      return Number(secrets?.responsesAcknowledged) >= 2;
    }, 'the counters of east are written');
    const { total, stat } = (await counters()) ?? { total: {}, stat: {} };
    expect(Object.keys(stat).sort()).toEqual(['Config', 'GlobalSecret', 'Mesh', 'Secret']);
    for (const group of [total, ...Object.values(stat)]) {
      expect(group).toEqual({
        responsesSent: expect.stringMatching(/^[1-9]\d*$/),
        responsesAcknowledged: expect.stringMatching(/^[1-9]\d*$/),
      });
    }
  });

  it('shows how far it is with each type', async () => {
    await lab.synced();
    const east = (await globalReport(lab.global)).zones.find(({ zone }) => zone === 'east');
    expect(east?.types.map(({ type }) => type).sort()).toEqual(['Config', 'GlobalSecret', 'Mesh', 'Secret']);
    for (const { written, sent, applied, lastError } of east?.types ?? []) {
      expect([sent, applied, lastError]).toEqual([written, written, null]);
    }
  });

  it('cannot be deleted while it is online', async () => {
    await lab.until(async () => (await isOnline('east')) ?? false, 'east is shown online');
    const { status, body } = await lab.global.call('DELETE', '/zones/east');
    expect(status).toBe(400);
    expect(body.invalid_parameters).toEqual([
      { field: 'zone', reason: 'unable to delete Zone, Zone CP is still connected, please shut it down first' },
    ]);
  });

  it('can be deleted when it is offline, and comes back when it connects again', async () => {
    await lab.zone('west').stop();
    await lab.until(async () => (await isOnline('west')) === false, 'west is shown offline');
    expect((await lab.global.call('DELETE', '/zones/west')).status).toBe(200);
    expect((await lab.global.get('/zones/west')).status).toBe(404);
    expect((await zoneOverviews(lab.global)).map(({ name }) => name)).toEqual(['east']);

    await lab.zone('west').start();
    await lab.synced();
    expect((await lab.global.get('/zones/west')).status).toBe(200);
    await lab.until(async () => (await isOnline('west')) ?? false, 'west is shown online');
  });
});
