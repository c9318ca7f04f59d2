import { MemoryStore } from '@koguma/resources';
import { startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandLine } from '../support/command-line.js';

let lab: WiredLab;
let user: CommandLine;
beforeAll(async () => {
  lab = await startWiredLab();
  user = await CommandLine.with({ global: lab.global.url, east: lab.zone('east').url });
});
afterAll(async () => {
  await user.remove();
  await lab.stop();
});

/** The cells of each row by their headings. */
async function inspect(...args: string[]): Promise<Record<string, string>[]> {
  const [headings = '', ...rows] = (await user.ok('inspect', ...args)).trimEnd().split('\n');
  const starts = [...headings.matchAll(/(?<=^| {3})\S/g)].map(({ index }) => index);
  const cells = (row: string) => starts.map((start, at) => row.slice(start, starts[at + 1]).trim());
  return rows.map((row) => Object.fromEntries(cells(headings).map((heading, at) => [heading, cells(row)[at] ?? ''])));
}

const statuses = async () => (await inspect('zones')).map(({ NAME, STATUS }) => `${NAME} ${STATUS}`);

describe('kogumactl inspect', () => {
  it('zones shows which are connected, and with what', async () => {
    expect(await inspect('zones')).toMatchObject([
      { NAME: 'east', STATUS: 'Online', 'ZONE-CP VERSION': '0.1.0-preview', BACKEND: 'sqlite' },
      { NAME: 'west', STATUS: 'Online', 'TOTAL ERRORS': '0' },
    ]);
    await lab.zone('west').stop();
    await lab.until(async () => (await statuses()).includes('west Offline'), 'west is offline');
    expect(await statuses()).toEqual(['east Online', 'west Offline']);
    await lab.zone('west').start();
    await lab.until(async () => (await statuses()).includes('west Online'), 'west is back');
  });

  it('dataplanes shows those of a mesh, and by tag', async () => {
    const put = (name: string, service: string) =>
      lab.zone('east').call('PUT', `/meshes/default/dataplanes/${name}`, {
        networking: { address: '10.0.0.1', inbound: [{ port: 80, tags: { 'kuma.io/service': service } }] },
      });
    await put('web-1', 'web');
    await put('db-1', 'db');
    const dataplanes = await inspect('dataplanes', '--context', 'east');
    expect(dataplanes.map(({ MESH, NAME, TAGS, STATUS }) => [MESH, NAME, TAGS, STATUS])).toEqual([
      ['default', 'db-1', 'kuma.io/service=db', 'Offline'],
      ['default', 'web-1', 'kuma.io/service=web', 'Offline'],
    ]);
  });

  it('zone-ingresses and zoneegresses show those of the zone', async () => {
    await lab.zone('east').call('PUT', '/zone-ingresses/ing-1', { networking: { address: '10.0.0.2', port: 10001 } });
    await lab.zone('east').call('PUT', '/zoneegresses/egr-1', { networking: { address: '10.0.0.3', port: 10002 } });
    const never = { STATUS: 'Offline', 'LAST CONNECTED AGO': 'never', 'TOTAL UPDATES': '0' };
    expect(await inspect('zone-ingresses', '--context', 'east')).toMatchObject([{ NAME: 'ing-1', ...never }]);
    expect(await inspect('zoneegresses', '--context', 'east')).toMatchObject([{ NAME: 'egr-1', ...never }]);
  });

  it('meshes shows how many dataplanes of each are connected', async () => {
    await lab.global.createMesh('payments');
    const counts = Object.fromEntries((await inspect('meshes')).map(({ MESH, DATAPLANES }) => [MESH, DATAPLANES]));
    expect(counts).toMatchObject({ default: expect.stringMatching(/^0\/\d$/) as string, payments: '0/0' });
    expect(await inspect('meshes')).toMatchObject([
      { MESH: 'default', 'VIRTUAL OUTBOUNDS': '0' },
      { MESH: 'payments' },
    ]);
  });

  it('shows as JSON what the API answers', async () => {
    const { items } = (await lab.global.get('/zones/_overview')).body as { items: { name: string }[] };
    const shown = JSON.parse(await user.ok('inspect', 'zones', '-o', 'json')) as { total: number; items: object[] };
    expect(shown).toMatchObject({
      total: 2,
      items: items.map(({ name }) => ({ type: 'ZoneOverview', name })),
      next: null,
    });
  });

  it('shows all that there are, also when they are more than a page', async () => {
    const store = new MemoryStore('epoch');
    const drafts = Array.from({ length: 1_001 }, (_, index) => ({
      type: 'Zone' as const,
      mesh: '',
      name: `zone-${index}`,
    }));
    const meta = { spec: {}, labels: {}, creationTime: 0, modificationTime: 0 };
    await store.transaction(async (tx) => {
      for (const draft of drafts) await tx.create({ ...draft, ...meta });
    });
    const large = await startWiredLab({ zones: [], openStore: () => Promise.resolve(store) });
    await user.ok('config', 'control-planes', 'add', '--name', 'large', '--address', large.global.url);
    expect(await inspect('zones', '--context', 'large')).toHaveLength(1_001);
    await large.stop();
  });
});
