import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { decodeToken, Relay, WiredLab } from '@koguma/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KumaZone } from '../peer/kuma-zone.js';
import { scratchFolder } from '../support/processes.js';
import { globalReport, zoneOverviews, zoneReport } from './reports.js';

const TOKEN_FILE = 'KOGUMA_MULTIZONE_ZONE_KDS_TOKEN_FILE';
const CP_TOKENS = {
  KOGUMA_MULTIZONE_GLOBAL_KDS_AUTH_TYPE: 'cpToken',
  KUMA_MULTIZONE_GLOBAL_KDS_ZONE_INSIGHT_FLUSH_INTERVAL: '5ms',
};
const REVOCATIONS = 'zone-token-revocations';

let folder: Awaited<ReturnType<typeof scratchFolder>>;
let lab: WiredLab;
const closing: (() => Promise<void> | void)[] = [];
beforeEach(async () => {
  folder = await scratchFolder();
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await lab.stop();
  await folder.remove();
});

const fileOf = (zone: string) => join(folder.path, `${zone}.token`);
const give = (zone: string, token: string) => writeFileSync(fileOf(zone), `${token}\n`);
const issue = (zone: string, scope = ['cp'], validFor = '1h') => lab.global.issue('zone', { zone, scope, validFor });

/** A global that lets only zones in that prove themselves, and zones that look for their tokens in files. */
async function guarded(zones: readonly string[]) {
  lab = new WiredLab({ zones, env: CP_TOKENS });
  await lab.global.start();
  for (const zone of zones) lab.configure(zone, { [TOKEN_FILE]: fileOf(zone) });
}
const saysWhy = (zone: string, reason: string) =>
  lab.until(
    async () => ((await zoneReport(lab.zone(zone))).reason ?? '').includes(reason),
    async () => `${zone} says ${reason}: ${(await zoneReport(lab.zone(zone))).reason}`,
  );

describe('a zone that proves itself with a zone token of scope cp', () => {
  it('is let in, and global notes that it showed one', async () => {
    await guarded(['east', 'west']);
    for (const zone of ['east', 'west']) {
      give(zone, await issue(zone));
      await lab.zone(zone).start();
    }
    await lab.synced();
    const showed = async () =>
      (await zoneOverviews(lab.global)).map(({ zoneInsight }) => zoneInsight?.subscriptions[0]?.authTokenProvided);
    await lab.until(async () => String(await showed()) === 'true,true', 'both are noted');
  });

  it('is cut off when its token is revoked, tells why, and is let in with another one without a restart', async () => {
    await guarded(['east', 'west']);
    const bad = await issue('east');
    give('east', bad);
    give('west', await issue('west'));
    await lab.zone('east').start();
    await lab.zone('west').start();
    await lab.synced();
    const { since } = await zoneReport(lab.zone('west'));

    await lab.global.revoke(REVOCATIONS, [decodeToken(bad).jti]);
    const cut = (await globalReport(lab.global)).zones.find(({ zone }) => zone === 'east');
    expect(cut?.state).toBe('Offline'); // when the write was answered, already
    await saysWhy('east', `${decodeToken(bad).jti} is on ${REVOCATIONS}`);
    const { state, reason } = await zoneReport(lab.zone('east'));
    expect(state).toBe('cut-off');
    expect(reason).toMatch(/^global does not let this zone in: .*\(UNAUTHENTICATED\)$/);
    expect(reason).not.toContain(bad);

    give('east', await issue('east'));
    await lab.synced();
    expect(await zoneReport(lab.zone('west'))).toMatchObject({ state: 'in-sync', since });
  });

  it('is cut off when the key of its token is deleted', async () => {
    await guarded(['east']);
    give('east', await issue('east'));
    await lab.zone('east').start();
    await lab.synced();
    await lab.global.putSecret('zone-token-signing-key-2', await lab.makeKey());
    await lab.synced();
    await lab.global.deleteSecret('zone-token-signing-key-1');
    await saysWhy('east', 'there is no zone signing key with kid "1" here');
    give('east', await issue('east'));
    await lab.synced();
  });

  it('is cut off when its token expires, also when time jumps', async () => {
    await guarded(['east']);
    give('east', await issue('east', ['cp'], '1h'));
    await lab.zone('east').start();
    await lab.synced();
    lab.clock.advance(3_601_000);
    await saysWhy('east', 'expired at');
    give('east', await issue('east'));
    await lab.synced();
  });
});

describe('a zone is not let in', () => {
  it.each<[string, () => Promise<string>, string]>([
    ['with the token of another zone', () => issue('west'), 'the token is for zone west'],
    [
      'with a token of another scope',
      () => issue('east', ['ingress', 'egress']),
      'the token has scope ingress, egress, not cp',
    ],
    [
      'with a token of another kind',
      () => lab.global.issue('user', { name: 'east', validFor: '1h' }),
      'the token is not good here',
    ],
    ['with something else', async () => 'Bearer', 'the token is not good here'],
  ])('%s', async (_, token, reason) => {
    await guarded(['east']);
    give('east', await token());
    await lab.zone('east').start();
    await saysWhy('east', `global does not let this zone in: ${reason}; make a zone token with scope cp`);
    expect((await zoneReport(lab.zone('east'))).state).toBe('never-met');
    expect((await lab.global.get<{ items: unknown[] }>('/zones')).body.items).toEqual([]);
    expect(await lab.zone('east').secretNames()).not.toContain('zone-ingress-token-signing-key-1');
  });

  it('without a token, as a plain Kuma, on no stream and no call', async () => {
    await guarded(['east']);
    lab.configure('east', {});
    await lab.zone('east').start();
    await saysWhy('east', 'it shows no token');
    const address = `127.0.0.1:${lab.global.served.ports.kds}`;
    const kuma = new KumaZone({ name: 'north', version: '2.14.3', address }).connect();
    closing.push(() => kuma.stop());
    const ended = (stream: string) => kuma.ends.find((end) => end.stream === stream);
    await lab.until(() => Boolean(ended('globalToZone') && ended('zoneToGlobal')), 'both streams are refused');
    for (const stream of ['globalToZone', 'zoneToGlobal'])
      expect(ended(stream)).toMatchObject({
        code: status.UNAUTHENTICATED,
        details: expect.stringContaining('it shows no token'),
      });
    expect([kuma.healthChecks, kuma.responses]).toEqual([0, []]);
  });

  it.each<[string, string | undefined, string]>([
    ['is missing', undefined, 'cannot be read (ENOENT)'],
    ['is empty', ' \n', 'is empty'],
    ['holds a key', '-----BEGIN\nPRIVATE-----', 'holds something else than a token'],
  ])('when the file of its token %s, and says so', async (_, content, why) => {
    await guarded(['east']);
    if (content !== undefined) writeFileSync(fileOf('east'), content);
    await lab.zone('east').start();
    await saysWhy('east', `${TOKEN_FILE}: got "${fileOf('east')}", which ${why}: put a zone token into it`);
    give('east', await issue('east'));
    await lab.synced();
  });
});

describe('the name of a connected zone', () => {
  const BEAT = { KOGUMA_MULTIZONE_GLOBAL_KDS_HEARTBEAT_INTERVAL: '100ms' };
  const globalSays = async () => (await globalReport(lab.global)).zones.find(({ zone }) => zone === 'east')?.state;

  it('is refused to a control plane with another store, for as long as the first is there', async () => {
    lab = new WiredLab({ zones: ['east', 'twin'], env: BEAT });
    lab.configure('twin', { KUMA_MULTIZONE_ZONE_NAME: 'east' });
    await lab.global.start();
    await lab.zone('east').start();
    await lab.until(async () => (await globalSays()) === 'Online', 'east is Online');
    await lab.zone('twin').start();
    await saysWhy('twin', 'another control plane is connected as zone east, with another store');
    expect((await zoneReport(lab.zone('east'))).state).toBe('in-sync');
    await lab.zone('east').stop();
    await lab.until(async () => (await zoneReport(lab.zone('twin'))).state === 'in-sync', 'the twin is let in');
  });

  it('goes to a zone with a new disk when the old connection is dead and nobody has noticed', async () => {
    const relay = await Relay.open();
    closing.push(() => relay.close());
    lab = new WiredLab({
      zones: ['east', 'twin'],
      env: BEAT,
      dialThrough: (zone, address) => (zone === 'east' ? relay.dial(address) : undefined),
    });
    lab.configure('twin', { KUMA_MULTIZONE_ZONE_NAME: 'east' });
    await lab.global.start();
    await lab.zone('east').start();
    await lab.until(async () => (await globalSays()) === 'Online', 'east is Online');
    relay.stall('to-global');
    await lab.zone('twin').start();
    await lab.until(async () => (await zoneReport(lab.zone('twin'))).state === 'in-sync', 'the twin is let in');
  });
});

describe('a connected zone that is deleted', () => {
  it('is cut off, and written down anew when it comes back', async () => {
    lab = new WiredLab({ zones: ['east'], env: { KUMA_STORE_UNSAFE_DELETE: 'true' } });
    await lab.start();
    const { since } = await zoneReport(lab.zone('east'));
    expect((await lab.global.call('DELETE', '/zones/east')).status).toBe(200);
    const isBack = async () => {
      const { state, since: now } = await zoneReport(lab.zone('east'));
      return state === 'in-sync' && now !== since && (await lab.global.get('/zones/east')).status === 200;
    };
    await lab.until(isBack, 'east is cut off, and comes back');
  });
});
