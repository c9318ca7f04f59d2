import { randomUUID } from 'node:crypto';
import { status } from '@grpc/grpc-js';
import { secretSpec } from '@koguma/auth';
import { Relay, startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { clusterId } from '../peer/items.js';
import { KumaGlobal } from '../peer/kuma-global.js';
import { KumaZone } from '../peer/kuma-zone.js';
import { inSync, labOf } from './peer-lab.js';
import { globalReport, zoneOverviews, zoneReport } from './reports.js';

const BEAT_MS = 100;
const STALE_MS = 3 * BEAT_MS;
const FAST_BEAT = { KOGUMA_MULTIZONE_GLOBAL_KDS_HEARTBEAT_INTERVAL: `${BEAT_MS}ms` };
/** So slow that no beat comes within a test but the first. */
const SLOW_BEAT = { KOGUMA_MULTIZONE_GLOBAL_KDS_HEARTBEAT_INTERVAL: '1h' };
const LIST = 'zone-ingress-token-revocations';

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function labWithRelay(env: Record<string, string>): Promise<{ lab: WiredLab; relay: Relay }> {
  const relay = await Relay.open();
  closing.push(() => relay.close());
  const lab = await startWiredLab({ zones: ['east'], env, dialThrough: (_, address) => relay.dial(address) });
  closing.push(() => lab.stop());
  return { lab, relay };
}

const onGlobal = async (lab: WiredLab) => {
  const { zones } = await globalReport(lab.global);
  return zones.find(({ zone }) => zone === 'east');
};
const inZone = (lab: WiredLab) => zoneReport(lab.zone('east'));
/** Waits until both ends say so, and answers what they said then. */
const bothSay = async (lab: WiredLab, word: string) => {
  let [global, zone] = [await onGlobal(lab), await inZone(lab)];
  await lab.until(async () => {
    [global, zone] = [await onGlobal(lab), await inZone(lab)];
    return global?.state === word && zone.status === word;
  }, `both ends say ${word}`);
  return { global, zone };
};

describe('a link between two Kogumas', () => {
  it('is Online on both ends, and each knows what the other has', async () => {
    const { lab } = await labWithRelay(FAST_BEAT);
    await lab.global.revoke(LIST, [randomUUID()]);
    await lab.synced();
    await bothSay(lab, 'Online');
    const caughtUp = async () => {
      const { types = [] } = (await onGlobal(lab)) ?? {};
      return types.length > 0 && types.every(({ reported, written }) => reported?.revision === written);
    };
    await lab.until(caughtUp, 'the zone has told what it applied');
    for (const { lagMs, written, applied } of (await inZone(lab)).types) {
      expect({ lagMs, applied }).toEqual({ lagMs: 0, applied: written });
    }
    expect((await onGlobal(lab))?.heartbeat?.heardMsAgo).toBeLessThan(5_000);
  });

  it.each(['to-zone', 'to-global'] as const)(
    'that is half-open (nothing passes %s) is Stale on both ends, more so all the time, and Online once it is mended',
    async (direction) => {
      const { lab, relay } = await labWithRelay(FAST_BEAT);
      await bothSay(lab, 'Online');
      relay.stall(direction);
      const { zone, global } = await bothSay(lab, 'Stale');
      const reason = direction === 'to-zone' ? 'nothing was heard of global' : 'global hears nothing of this zone';
      expect(zone).toMatchObject({ state: 'stale', reason });
      expect(global).toMatchObject({ reason: expect.stringMatching(/nothing was heard of the zone|is behind/) });
      expect(zone.lagMs).toBeGreaterThanOrEqual(STALE_MS - 1);
      const more = async () => ((await onGlobal(lab))?.lagMs ?? 0) > (global?.lagMs ?? 0);
      await lab.until(more, 'what global knows grows older');
      relay.mend();
      await bothSay(lab, 'Online');
    },
  );

  it('that pretends to live for too long is dialled again by the zone', async () => {
    const { lab, relay } = await labWithRelay(FAST_BEAT);
    relay.stall('to-zone');
    await lab.until(async () => (await inZone(lab)).status === 'Offline', 'the zone gives the link up');
    expect((await inZone(lab)).reason).toContain('nothing was heard of global for too long');
    relay.mend();
    await bothSay(lab, 'Online');
  });

  it('is Stale while the zone refuses something, which is named, and Online when that is mended', async () => {
    const { lab } = await labWithRelay(FAST_BEAT);
    const name = 'zone-ingress-token-signing-key-2';
    const draft = { type: 'GlobalSecret', mesh: '', name, labels: {}, creationTime: 1, modificationTime: 1 } as const;
    await lab.global.served.manager.system((tx) => tx.create({ ...draft, spec: secretSpec('not a key') }));
    const { zone, global } = await bothSay(lab, 'Stale');
    expect(global).toMatchObject({ reason: 'GlobalSecret is behind' });
    expect(zone.reason).toContain(name);
    await lab.global.deleteSecret(name);
    lab.clock.hurry(60_000); // the next offer of what was refused
    await bothSay(lab, 'Online');
  });

  it('tells how old what a zone has is when the link is gone', async () => {
    const { lab, relay } = await labWithRelay(SLOW_BEAT);
    relay.cut();
    await bothSay(lab, 'Offline');
    const first = [(await onGlobal(lab))?.lagMs ?? 0, (await inZone(lab)).lagMs ?? 0] as const;
    lab.clock.advance(60_000);
    expect((await onGlobal(lab))?.lagMs).toBeGreaterThanOrEqual(first[0] + 60_000);
    expect((await inZone(lab)).lagMs).toBeGreaterThanOrEqual(first[1] + 60_000);
  });
});

describe('a link that comes back', () => {
  it('carries only what changed meanwhile, and takes away what is gone', async () => {
    const { lab, relay } = await labWithRelay(SLOW_BEAT);
    const kept = 'a secret that stays as it is';
    await lab.global.putSecret('kept', kept, { mesh: 'default' });
    await lab.global.putSecret('gone', 'x', { mesh: 'default' });
    await lab.synced();
    relay.cut();
    await bothSay(lab, 'Offline');
    await lab.global.deleteSecret('gone', 'default');
    await lab.global.putSecret('new', 'a secret that is new', { mesh: 'default' });
    relay.forget();
    relay.mend();
    await lab.synced();
    expect(await lab.zone('east').secretNames('default')).toEqual([
      'dataplane-token-signing-key-default-1',
      'kept',
      'new',
    ]);
    expect(relay.hasCarried(Buffer.from('a secret that is new'))).toBe(true);
    expect(relay.hasCarried(Buffer.from(kept))).toBe(false);
  });

  it('makes no revision in a zone that has everything', async () => {
    const { lab } = await labWithRelay(SLOW_BEAT);
    const before = lab.zone('east').served.view.revision.n;
    await lab.global.restart();
    await lab.synced();
    expect(lab.zone('east').served.view.revision.n).toBe(before);
  });

  it('mends what was changed in the zone’s store behind its back', async () => {
    const { lab } = await labWithRelay(SLOW_BEAT);
    const key = { type: 'GlobalSecret', mesh: '', name: LIST } as const;
    const id = randomUUID();
    await lab.global.revoke(LIST, [id]);
    await lab.synced();
    await lab.zone('east').served.manager.system(async (tx) => {
      const stored = await tx.get(key);
      if (stored) await tx.update({ ...stored, spec: secretSpec('') });
    });
    await lab.zone('east').restart();
    await lab.synced();
    expect(await lab.zone('east').secretText(LIST)).toBe(id);
  });
});

describe('a global that takes the connection and does not answer', () => {
  it('is given up after a while, and dialled again', async () => {
    const global = await new KumaGlobal().start();
    closing.push(() => global.stop());
    global.isMute = true;
    global.put(clusterId(randomUUID()));
    const lab = labOf(global);
    closing.push(() => lab.zone('east').stop());
    await lab.zone('east').start();
    await lab.until(() => global.session?.requests.length === 1, 'the zone asks');
    lab.clock.hurry(60_000);
    await lab.until(() => global.sessions.length === 2, 'the zone dials again');
    expect((await inZone(lab)).reason).toBe('global accepted the connection and does not answer');
    global.isMute = false;
    global.endStreams(status.UNAVAILABLE, 'started again');
    await inSync(lab, global);
  });
});

describe('HealthCheck', () => {
  it('tells a Kuma zone how often to call, and the time of the last call is seen', async () => {
    const { lab } = await labWithRelay({ KUMA_MULTIZONE_GLOBAL_KDS_ZONE_INSIGHT_FLUSH_INTERVAL: '5ms' });
    const zone = new KumaZone({ name: 'north', version: '2.14.3', address: addressOf(lab) }).connect();
    closing.push(() => zone.stop());
    const check = async () =>
      (await zoneOverviews(lab.global)).find(({ name }) => name === 'north')?.zoneInsight?.healthCheck?.time;
    await lab.until(async () => (await check()) !== undefined, 'the call is seen');
    expect(zone.healthChecks).toBe(1);
    expect(Date.parse((await check()) ?? '')).toBeGreaterThan(Date.now() - 10_000);
  });

  it('keeps a zone that calls in time, and ends the streams of one that promised to and does not', async () => {
    const { lab } = await labWithRelay({
      KUMA_MULTIZONE_GLOBAL_KDS_ZONE_HEALTH_CHECK_POLL_INTERVAL: '100ms',
      KUMA_MULTIZONE_GLOBAL_KDS_ZONE_HEALTH_CHECK_TIMEOUT: '400ms',
    });
    const since = (await onGlobal(lab))?.since;
    // It reads whole seconds, so it takes 100 ms for no wish and calls every five minutes.
    const zone = new KumaZone({ name: 'north', version: '2.14.3', address: addressOf(lab) }).connect();
    closing.push(() => zone.stop());
    const ends = () => zone.ends.filter(({ stream }) => stream === 'globalToZone' || stream === 'zoneToGlobal');
    await lab.until(() => ends().length > 0, 'the silent zone is cut');
    expect(ends()[0]).toMatchObject({
      code: status.UNAVAILABLE,
      details: 'the zone did not say in time that it lives',
    });
    expect((await onGlobal(lab))?.since).toBe(since);
  });

  it('is called by a zone of ours as often as global says', async () => {
    const { lab, global } = await zoneOf({ seconds: 7 });
    expect(global.healthChecks).toBe(1);
    lab.clock.hurry(7_001);
    await lab.until(() => global.healthChecks === 2, 'the zone calls again');
  });

  it('that fails makes a zone of ours dial again', async () => {
    const { lab, global } = await zoneOf({ seconds: 7 });
    global.healthCheck = { code: status.INTERNAL };
    lab.clock.hurry(7_001);
    await lab.until(() => global.sessions.length > 1, 'the zone dials again');
  });

  it('that is not there is not missed', async () => {
    const { lab, global } = await zoneOf(undefined);
    lab.clock.hurry(3_600_000);
    expect({ calls: global.healthChecks, dialled: global.sessions.length }).toEqual({ calls: 1, dialled: 1 });
    expect(await inZone(lab)).toMatchObject({ status: 'Online', heartbeat: null, lagMs: 0 });
  });

  async function zoneOf(healthCheck: KumaGlobal['healthCheck']) {
    const global = await new KumaGlobal().start();
    global.healthCheck = healthCheck;
    global.put(clusterId(randomUUID()));
    closing.push(() => global.stop());
    const lab = labOf(global);
    closing.push(() => lab.zone('east').stop());
    await lab.zone('east').start();
    await inSync(lab, global);
    await lab.until(() => global.healthChecks > 0, 'the zone calls at once');
    return { lab, global };
  }
});

function addressOf(lab: WiredLab): string {
  return `127.0.0.1:${lab.global.served.ports.kds}`;
}
