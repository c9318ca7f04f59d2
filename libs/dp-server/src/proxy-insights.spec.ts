import { rfc3339 } from '@koguma/core';
import { describe, expect, it } from 'vitest';
import { dataplane, until, type ZoneUnderTest, zoneUnderTest } from './zone-under-test.contract.js';

const WEB = dataplane('web-1');
const KEY = { type: 'DataplaneInsight', mesh: 'default', name: 'web-1' } as const;

interface Insight {
  readonly subscriptions: readonly {
    id: string;
    connectTime: string;
    disconnectTime?: string;
    status: Record<string, unknown>;
    version?: object;
  }[];
  readonly metadata: { credential: Record<string, string> };
}

const insightOf = (zone: ZoneUnderTest) => zone.insights.get(KEY)?.spec as unknown as Insight | undefined;

async function connected(zone: ZoneUnderTest, token?: string, version?: unknown) {
  const shown = token ?? (await zone.issue('dataplane', { mesh: 'default' }));
  const proxy = zone.connect({ token: shown, resource: WEB, version });
  await proxy.begun;
  expect(proxy.ended).toBeUndefined();
  return proxy;
}

describe('what is known of a proxy', () => {
  it('is its stream, its versions, and what it showed to be let in, but for the token', async () => {
    const zone = await zoneUnderTest();
    const token = await zone.issue('dataplane', { mesh: 'default' });
    const version = { kumaDp: { version: '2.8.8', gitTag: 'v2.8.8' }, envoy: { version: '1.40.0', build: 'x' } };
    await connected(zone, token, version);
    await until(() => insightOf(zone));
    const { jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { jti: string };
    expect(insightOf(zone)).toEqual({
      subscriptions: [
        {
          id: expect.any(String),
          controlPlaneInstanceId: zone.instanceId,
          connectTime: '2026-01-02T03:04:05Z',
          version,
          status: expect.anything(),
        },
      ],
      metadata: { credential: { kind: 'dataplane', kid: '1', jti, expiresAt: '2026-01-03T03:04:05Z' } },
    });
    expect(JSON.stringify(await zone.store.list('DataplaneInsight'))).not.toContain(token);
  });

  it('is what was sent to it and answered, written together after a while', async () => {
    const zone = await zoneUnderTest();
    const proxy = await connected(zone);
    await until(() => insightOf(zone));
    await proxy.answer();
    await proxy.request('lds');
    await proxy.answer('port in use');
    zone.pass(9_999);
    expect(insightOf(zone)?.subscriptions[0]?.status).not.toMatchObject({ lds: { responsesRejected: '1' } });
    zone.pass(1);
    await until(() => JSON.stringify(insightOf(zone)).includes('responsesRejected'));
    expect(insightOf(zone)?.subscriptions[0]?.status).toEqual({
      lastUpdateTime: '2026-01-02T03:04:05Z',
      total: { responsesSent: '2', responsesAcknowledged: '1', responsesRejected: '1' },
      cds: { responsesSent: '1', responsesAcknowledged: '1' },
      eds: {},
      lds: { responsesSent: '1', responsesRejected: '1' },
      rds: {},
    });
  });

  it('is that it has gone, at once, and the last two of its streams', async () => {
    const zone = await zoneUnderTest();
    await zone.putDataplane('web-1', { networking: WEB.networking });
    for (let count = 0; count < 3; count++) {
      (await connected(zone)).leave();
      const now = rfc3339(zone.clock.wall());
      await until(() => insightOf(zone)?.subscriptions.at(-1)?.disconnectTime === now);
      zone.pass(1_000);
    }
    const subscriptions = insightOf(zone)?.subscriptions ?? [];
    expect(subscriptions.map(({ connectTime, disconnectTime }) => [connectTime, disconnectTime])).toEqual([
      ['2026-01-02T03:04:06Z', '2026-01-02T03:04:06Z'],
      ['2026-01-02T03:04:07Z', '2026-01-02T03:04:07Z'],
    ]);
  });

  it('loses neither the end of one stream nor the beginning of the next when both come at once', async () => {
    const zone = await zoneUnderTest();
    await zone.putDataplane('web-1', { networking: WEB.networking });
    const [one, two] = [await connected(zone), await connected(zone)];
    one.leave();
    await until(() => insightOf(zone)?.subscriptions[0]?.disconnectTime);
    expect(insightOf(zone)?.subscriptions.map(({ disconnectTime }) => disconnectTime !== undefined)).toEqual([
      true,
      false,
    ]);
    two.leave();
    await until(() => insightOf(zone)?.subscriptions[1]?.disconnectTime);
  });

  it('is that it is here as long as one stream is open, however many others have come and gone', async () => {
    const zone = await zoneUnderTest();
    await zone.putDataplane('web-1', { networking: WEB.networking });
    const oldest = await connected(zone);
    for (let count = 0; count < 3; count++) (await connected(zone)).leave();
    const states = () => insightOf(zone)?.subscriptions.map(({ disconnectTime }) => disconnectTime === undefined);
    await until(() => String(states()) === 'false,true');
    oldest.leave();
    await until(() => String(states()) === 'false,false');
  });

  it('is that the streams of an earlier life of the control plane have ended', async () => {
    const before = await zoneUnderTest();
    await before.putDataplane('web-1', { networking: WEB.networking });
    await connected(before);
    await until(() => insightOf(before));
    const after = await zoneUnderTest({}, before.store);
    await until(() => insightOf(after)?.subscriptions[0]?.disconnectTime);
    await connected(after);
    await until(() => insightOf(after)?.subscriptions.length === 2);
    expect(insightOf(after)?.subscriptions[1]?.disconnectTime).toBeUndefined();
  });

  it('goes with the proxy', async () => {
    const zone = await zoneUnderTest();
    await connected(zone);
    await until(() => insightOf(zone));
    await zone.manager.delete({ ...KEY, type: 'Dataplane' });
    await until(() => !insightOf(zone));
    expect(await zone.store.list('DataplaneInsight')).toEqual([]);
  });

  it.each([
    [{ kumaDp: { version: 'x'.repeat(1_000), gitTag: 7 }, more: 'x' }, { kumaDp: {} }],
    [{ kumaDp: 'x', envoy: { version: '1' } }, { envoy: { version: '1' } }],
    ['2.8', undefined],
    [undefined, undefined],
  ])('holds nothing of its versions that does not fit: %.60j', async (told, kept) => {
    const zone = await zoneUnderTest();
    await connected(zone, undefined, told);
    await until(() => insightOf(zone));
    expect(insightOf(zone)?.subscriptions[0]?.version).toEqual(kept);
  });

  it('says of a zone proxy what it says of others', async () => {
    const zone = await zoneUnderTest();
    const resource = { type: 'ZoneIngress', name: 'in-1', networking: { address: '10.0.0.2', port: 10_001 } };
    const token = await zone.issue('zone-ingress', { zone: 'east' });
    await zone.connect({ token, id: '.in-1', type: 'ingress', resource }).begun;
    const key = { type: 'ZoneIngressInsight', mesh: '', name: 'in-1' } as const;
    await until(() => zone.insights.get(key));
    expect(zone.insights.get(key)?.spec.metadata).toMatchObject({ credential: { kind: 'zone-ingress', kid: '1' } });
  });
});
