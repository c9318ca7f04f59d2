import { secretSpec } from '@koguma/auth';
import type { Draft } from '@koguma/resources';
import { decodeToken, startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { globalReport, zoneReport } from './reports.js';

const MIB = 1024 * 1024;
const MESH = 'default';
const SIGNING_KEY = 'dataplane-token-signing-key-default-1';
const OURS = ['dataplane-token-revocations-default', SIGNING_KEY];

/** Past the rules for people, which would refuse it: as an older store, or one with another limit, would have it. */
async function store(lab: WiredLab, mesh: string, sizes: Readonly<Record<string, number>>): Promise<void> {
  const home = mesh === '' ? ({ type: 'GlobalSecret', mesh } as const) : ({ type: 'Secret', mesh } as const);
  const labels = { 'kuma.io/kds-sync': 'enabled' };
  await lab.global.served.manager.system(async (tx) => {
    for (const [name, size] of Object.entries(sizes)) {
      const spec = secretSpec('x'.repeat(size));
      await tx.create({ ...home, name, spec, labels, creationTime: 1, modificationTime: 1 } satisfies Draft);
    }
  });
}

const remove = (lab: WiredLab, type: 'Secret' | 'GlobalSecret', mesh: string, name: string) =>
  lab.global.served.manager.system((tx) => tx.delete({ type, mesh, name }));

/** What global says of a type in its row of a zone. */
async function lastError(lab: WiredLab, type: string, zone = 'east'): Promise<string | null | undefined> {
  const row = (await globalReport(lab.global)).zones.find((one) => one.zone === zone);
  return row?.types.find((one) => one.type === type)?.lastError;
}

const tooLarge = (resource: string, type: string) =>
  `${resource} is not sent: all ${type} resources together are larger than the 10485760 bytes that can be sent of a type`;

describe('a store that holds more of a type than one message takes', () => {
  let lab: WiredLab;
  let since: string;
  beforeAll(async () => {
    lab = await startWiredLab({ zones: ['east', 'late'] });
    await lab.zone('late').stop();
    ({ since } = await zoneReport(lab.zone('east')));
    await store(lab, MESH, { big: 4 * MIB, bigger: 7 * MIB, small: 10 });
    await store(lab, '', { huge: 11 * MIB, tiny: 10 });
    await lab.global.createMesh('after');
    await lab.synced();
  });
  afterAll(() => lab.stop());

  const expectTheRest = async (zone: string) => {
    const names = await lab.zone(zone).secretNames(MESH);
    expect(names.sort()).toEqual(['big', SIGNING_KEY, 'small']);
    const global = await lab.zone(zone).secretNames();
    expect([global.includes('tiny'), global.includes('huge')]).toEqual([true, false]);
    expect(await lab.zone(zone).secretNames('after')).toEqual(['dataplane-token-signing-key-after-1']);
    const token = await lab.zone(zone).issue('dataplane', { mesh: MESH });
    expect(await lab.global.verify(token, 'dataplane', MESH)).toMatchObject({ accepted: true });
  };

  it('keeps back the biggest, and a zone that is there gets the rest of that type and all of the others', async () => {
    await expectTheRest('east');
  });

  it('does the same for a zone that comes later', async () => {
    await lab.zone('late').start();
    await lab.synced();
    await expectTheRest('late');
  });

  it('never broke the stream of the zone that was there', async () => {
    expect(await zoneReport(lab.zone('east'))).toMatchObject({ state: 'in-sync', since });
  });

  it('names what is kept back, type by type', async () => {
    for (const zone of ['east', 'late']) {
      expect(await lastError(lab, 'Secret', zone)).toBe(tooLarge(`Secret "bigger" in mesh "${MESH}"`, 'Secret'));
      expect(await lastError(lab, 'GlobalSecret', zone)).toBe(tooLarge('GlobalSecret "huge"', 'GlobalSecret'));
      expect(await lastError(lab, 'Mesh', zone)).toBeNull();
    }
  });

  it.each([{ mesh: MESH }, {}])('goes on: a revocation is written and is in every zone, %j', async (where) => {
    const token = await lab.zone('east').issue('dataplane', { mesh: MESH });
    await lab.global.putSecret(`dataplane-token-revocations-${MESH}`, decodeToken(token).jti, where);
    await lab.synced();
    for (const zone of ['east', 'late'])
      expect(await lab.zone(zone).verify(token, 'dataplane', MESH)).toMatchObject({ reason: 'revoked' });
  });

  it('takes no write that would not reach zones, or would push out what they have', async () => {
    const put = async (path: string, size: number) => {
      const data = Buffer.from('x'.repeat(size)).toString('base64');
      return (await lab.global.call('PUT', path, { data, labels: { 'kuma.io/kds-sync': 'enabled' } })).status;
    };
    expect(await put('/global-secrets/another', 11 * MIB)).toBe(400);
    expect(await put(`/meshes/${MESH}/secrets/another`, 6.5 * MIB)).toBe(400);
    expect(await put(`/meshes/${MESH}/secrets/another`, MIB)).toBe(201);
    await lab.synced();
    expect(await lab.zone('late').secretNames(MESH)).toEqual(expect.arrayContaining(['another', 'big']));
    await lab.global.deleteSecret('another', MESH);
  });

  it('sends what it kept back when there is room for it', async () => {
    await remove(lab, 'Secret', MESH, 'big');
    await remove(lab, 'GlobalSecret', '', 'huge');
    await lab.synced();
    for (const zone of ['east', 'late']) {
      expect((await lab.zone(zone).secretNames(MESH)).sort()).toEqual(['bigger', ...OURS, 'small']);
      expect([await lastError(lab, 'Secret', zone), await lastError(lab, 'GlobalSecret', zone)]).toEqual([null, null]);
    }
    expect(await zoneReport(lab.zone('east'))).toMatchObject({ state: 'in-sync', since });
  });
});
