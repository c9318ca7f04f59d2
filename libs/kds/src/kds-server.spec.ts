import { Auth, nodeCrypto } from '@koguma/auth';
import { rfc3339, SILENT, UNOBSERVED } from '@koguma/core';
import { Insights, Leadership } from '@koguma/resources';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery.js';
import { ZoneReport } from './gen/koguma/v1/sync.js';
import { KdsServer } from './kds-server.js';
import type { Hello, StreamIn } from './link.js';
import { Timeline } from './timeline.js';
import { type End, end, outboxOf } from './two-ends.contract.js';

const BEAT_MS = 5_000;
const STALE_MS = 3 * BEAT_MS;
/** More changes than this at once, and whoever follows the store has to read all of it. */
const LOGGED = 10_000;
const ALL = ['Config', 'Mesh', 'Secret', 'GlobalSecret'];
const AT = { creationTime: 1, modificationTime: 1 };

let at: End;
let insights: Insights;
let kds: KdsServer;

beforeEach(async () => {
  at = await end();
  const { clock, entropy, store, tasks, view, manager } = at;
  insights = new Insights({ store, view, clock, log: SILENT, flushIntervalMs: 10_000 });
  tasks.start('insights', (signal) => insights.run(signal));
  const off = { enableIssuer: false, useSecrets: false };
  const nobody = { users: [], groups: [] };
  const settings = {
    switches: { dpToken: off, zoneToken: off, userToken: off },
    staticKeys: [],
    grants: { adminResources: nobody, generateDpToken: nobody, generateUserToken: nobody, generateZoneToken: nobody },
    localhostIsAdmin: false,
    bootstrapAdminToken: false,
  };
  const auth = new Auth({ view, crypto: nodeCrypto, clock, entropy, log: SILENT, settings, federated: false });
  const instanceId = entropy.uuid();
  kds = new KdsServer({
    ...{ manager, view, insights, clock, entropy, tasks, instanceId, log: SILENT, observer: UNOBSERVED },
    leadership: new Leadership({ store, clock, log: SILENT, instanceId }),
    outbox: outboxOf(at),
    timeline: new Timeline({ traces: auth.traces, view, clock, controlPlane: 'global', zones: () => [] }),
    settings: { heartbeatInterval: BEAT_MS, zoneHealthCheck: { pollInterval: 0, timeout: 0 } },
  });
});
afterEach(() => at.tasks.stop());

const hello = (instanceId: string, storeId = 'its store'): Hello => ({
  zone: 'east',
  version: 'x',
  instanceId,
  features: [],
  storeId: instanceId === '' ? '' : storeId,
  token: '',
});
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A zone's link: it asks for everything, when nothing else is said, and, where it `takes` what comes, has that at once. */
async function connect(
  instanceId: string,
  { takes, storeId, asks = ALL }: { takes: boolean; storeId?: string; asks?: readonly string[] },
): Promise<StreamIn<DeltaDiscoveryRequest>> {
  const stream = kds.globalToZone(hello(instanceId, storeId), {
    send: (bytes) => {
      const { typeUrl, nonce: responseNonce } = DeltaDiscoveryResponse.decode(bytes);
      if (takes) queueMicrotask(() => stream.message(DeltaDiscoveryRequest.fromPartial({ typeUrl, responseNonce })));
    },
    end: () => undefined,
  });
  await settled();
  for (const typeUrl of asks) stream.message(DeltaDiscoveryRequest.fromPartial({ typeUrl, node: { id: 'east' } }));
  await settled();
  return stream;
}

/** A zone, and when its connections ended that global had before it was started anew. */
async function seenEarlier(name: string, ends: readonly string[]): Promise<void> {
  await at.manager.put({ type: 'Zone', mesh: '', name }, {});
  const subscriptions = ends.map((disconnectTime, id) => ({
    ...{ id: `${id}`, globalInstanceId: 'an earlier life', connectTime: '2020-01-01T00:00:00Z', disconnectTime },
    ...{ config: '', status: { lastUpdateTime: disconnectTime, total: {} } },
  }));
  const insight = { type: 'ZoneInsight', mesh: '', name, labels: {}, spec: { subscriptions }, ...AT } as const;
  await at.store.transaction((tx) => tx.create(insight));
  await insights.load(['ZoneInsight']);
}

const east = () => kds.zones().find(({ zone }) => zone === 'east');
const pass = async (ms: number) => {
  const until = at.clock.mono() + ms;
  while (at.clock.step(until)) await settled();
  at.clock.moveTo(until);
};

describe('a zone of ours whose heartbeat never begins', () => {
  it('is Stale from the bound on, although it has applied everything', async () => {
    await connect('a life', { takes: true });
    expect(east()?.state).toBe('Online');
    await pass(STALE_MS);
    expect(east()).toMatchObject({ state: 'Stale', lagMs: STALE_MS, reason: 'nothing was heard of the zone' });
    expect(east()?.heartbeat).toBeNull();
  });

  it('is not, when it begins', async () => {
    await connect('a life', { takes: true });
    await pass(STALE_MS);
    const beat = kds.heartbeat(hello('a life'), { send: () => undefined, end: () => undefined });
    beat.message(ZoneReport.fromPartial({}));
    expect(east()).toMatchObject({ state: 'Online', heartbeat: { heardMsAgo: 0 } });
  });
});

describe('a zone of ours that asked for one type, and has that', () => {
  it('is not Online before it has all the others, too', async () => {
    const stream = await connect('a life', { takes: true, asks: ['Config'] });
    expect(east()).toMatchObject({ state: 'Stale', reason: 'it has not applied everything yet' });
    for (const typeUrl of ALL.slice(1)) stream.message(DeltaDiscoveryRequest.fromPartial({ typeUrl }));
    await settled();
    expect(east()?.state).toBe('Online');
  });
});

describe('a plain Kuma, which has no heartbeat', () => {
  it('is Online when it has what it asked for, whatever that is', async () => {
    await connect('', { takes: true, asks: ['Mesh'] });
    expect(east()?.state).toBe('Online');
  });

  it('is Online as long as it has applied everything', async () => {
    await connect('', { takes: true });
    await pass(10 * STALE_MS);
    expect(east()).toMatchObject({ state: 'Online', lagMs: 0 });
  });
});

describe('how old what a zone has may be', () => {
  it('is counted from the end of its last good link', async () => {
    (await connect('a life', { takes: true })).closed(undefined);
    await pass(60_000);
    expect(east()).toMatchObject({ state: 'Offline', lagMs: 60_000 });
  });

  it('goes on growing over links that bring nothing', async () => {
    (await connect('a life', { takes: true })).closed(undefined);
    for (let dial = 1; dial <= 3; dial++) {
      const link = await connect('a life', { takes: false });
      await pass(30_000);
      expect(east()).toMatchObject({ state: 'Stale', lagMs: dial * 30_000 });
      link.closed(undefined);
      expect(east()).toMatchObject({ state: 'Offline', lagMs: dial * 30_000 });
    }
  });

  it('goes on growing when a link that was silent is over', async () => {
    const link = await connect('a life', { takes: true });
    await pass(40_000);
    link.closed(undefined);
    await pass(10_000);
    expect(east()).toMatchObject({ state: 'Offline', lagMs: 50_000 });
  });

  it('is never counted from a time to come, where the calendar was put back', async () => {
    (await connect('a life', { takes: true })).closed(undefined);
    at.clock.skew(-7_200_000);
    expect(east()).toMatchObject({ state: 'Offline', since: rfc3339(at.clock.wall()), lagMs: 0 });
    await connect('a life', { takes: false });
    await pass(60_000);
    expect(east()).toMatchObject({ state: 'Stale', lagMs: 60_000 });
  });

  it('is counted from the last end before now that earlier lives of global wrote down, if there is one', async () => {
    const past = rfc3339(at.clock.wall() - 5_000);
    const future = rfc3339(at.clock.wall() + 7_200_000);
    await seenEarlier('east', [past, future]);
    await seenEarlier('west', [future]);
    expect(kds.zones()).toMatchObject([
      { zone: 'east', state: 'Offline', since: past, lagMs: 5_000 },
      { zone: 'west', state: 'Offline', since: null, lagMs: null },
    ]);
  });

  it('is nothing any more once a link has brought everything', async () => {
    (await connect('a life', { takes: false })).closed(undefined);
    await pass(60_000);
    await connect('a life', { takes: true });
    expect(east()).toMatchObject({ state: 'Online', lagMs: 0 });
  });
});

describe('a zone that is deleted, and of which another comes under its name', () => {
  const zone = { type: 'Zone', mesh: '', name: 'east' } as const;
  const mesh = { type: 'Mesh', mesh: '', name: 'payments' } as const;
  const again = async () => {
    await at.manager.put(mesh, {});
    (await connect('a life', { takes: true })).closed(undefined);
    await settled();
    expect(kds.has('east', mesh)).toBe(true);
    await at.manager.delete(zone);
    await at.manager.put(zone, {});
  };

  it('has nothing of what the first one had, and was never seen', async () => {
    await again();
    expect(kds.has('east', mesh)).toBeUndefined();
    expect(east()).toMatchObject({ state: 'Offline', since: null, lagMs: null });
  });

  it('has connections of its own alone', async () => {
    await again();
    await connect('another life', { takes: true });
    await settled();
    const insight = await at.manager.get({ ...zone, type: 'ZoneInsight' });
    expect(insight?.spec.subscriptions).toHaveLength(1);
  });
});

describe('what a zone has', () => {
  const mesh = { type: 'Mesh', mesh: '', name: 'payments' } as const;
  beforeEach(async () => {
    await at.manager.put(mesh, {});
    (await connect('a life', { takes: true })).closed(undefined);
  });

  it('is remembered while it is away, and when it comes back', async () => {
    expect(kds.has('east', mesh)).toBe(true);
    await connect('another life', { takes: false });
    expect(kds.has('east', mesh)).toBe(true);
  });

  it('is not known any more once global had to read its store anew, which may be another', async () => {
    const { revision } = await at.store.transaction(async (tx) => {
      for (let nth = 0; nth <= LOGGED; nth++)
        await tx.create({ type: 'Dataplane', mesh: 'default', name: `web-${nth}`, labels: {}, spec: {}, ...AT });
    });
    await at.view.reached(revision);
    expect(kds.has('east', mesh)).toBeUndefined();
  });

  it('is not known of one that comes back with another store', async () => {
    await connect('another life', { takes: false, storeId: 'an empty one' });
    expect(kds.has('east', mesh)).toBeUndefined();
  });
});
