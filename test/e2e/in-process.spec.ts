import { ControlPlaneClient } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Program, ROOT, run, scratchFolder } from '../support/processes.js';

const KOGUMACTL = `${ROOT}/apps/kogumactl/bin/kogumactl.js`;
const ZONES = 60;

let data: string;
let remove: () => Promise<void>;
let lab: Program;

const kogumactl = (...args: string[]) => run(process.execPath, [KOGUMACTL, ...args, '--data', data]);
const lookedUp = async (name: string) => {
  const { output } = await kogumactl('lab', 'status', '-o', 'json');
  const { controlPlanes } = JSON.parse(output) as {
    controlPlanes: { name: string; api: string; state: string; sync: string | null; pid: number | null }[];
  };
  const found = controlPlanes.find((one) => one.name === name);
  if (!found) throw new TypeError(`no ${name} in ${output}`);
  return found;
};
const client = async (name: string) => {
  const { api } = await lookedUp(name);
  return new ControlPlaneClient(() => api);
};

beforeAll(async () => {
  ({ path: data, remove } = await scratchFolder());
  const args = ['up', '--zones', String(ZONES), '--in-process', '--no-config', '--data', data];
  lab = new Program(process.execPath, [KOGUMACTL, ...args]);
  await lab.says('Ctrl-C stops the lab.');
});
afterAll(async () => {
  await lab.end('SIGKILL');
  await remove();
});

describe('very many zones in one process', () => {
  it('start with their count on plain lines, and are told with their ports', async () => {
    expect(lab.output).toContain(`Starting global and ${ZONES} zones in this process\n`);
    expect(lab.output).toContain(`  ${ZONES} of ${ZONES} zones are in sync\n`);
    expect(lab.output.split('\n').filter((line) => line.includes(' zones are in sync')).length).toBeLessThan(13);
    expect(lab.output).toContain(`and ${ZONES + 1 - 10} more: npx kogumactl lab status`);
    expect(await lookedUp('zone-60')).toMatchObject({ state: 'running', sync: 'in-sync', pid: lab.pid });
  });

  it('have real links: a token of one is good in another, until it is revoked on global', async () => {
    const [global, first, last] = [await client('global'), await client('zone-1'), await client('zone-60')];
    const token = await first.issue('dataplane', { name: 'web-1', mesh: 'default' });
    expect(await last.verify(token, 'dataplane', 'default')).toMatchObject({ accepted: true });
    const { jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { jti: string };
    await global.putSecret('dataplane-token-revocations-default', jti, { mesh: 'default' });
    const refused = async () => !(await last.verify(token, 'dataplane', 'default')).accepted;
    await expect.poll(refused, { interval: 10 }).toBe(true);
  });

  it('stop and start one by one, with what they had and where they were', async () => {
    const before = await lookedUp('zone-7');
    expect(await kogumactl('lab', 'stop', 'zone-7')).toMatchObject({ code: 0, output: 'zone-7 is stopped.\n' });
    await expect(fetch(before.api)).rejects.toThrow('fetch failed');
    expect(await kogumactl('lab', 'start', 'zone-7')).toMatchObject({ code: 0 });
    await expect.poll(async () => (await lookedUp('zone-7')).sync).toBe('in-sync');
    expect(await lookedUp('zone-7')).toMatchObject({ api: before.api, state: 'running' });
  });

  it('go on without global, which comes back to them', async () => {
    await kogumactl('lab', 'stop', 'global');
    const zone = await client('zone-2');
    await zone.issue('dataplane', { name: 'web-2', mesh: 'default' });
    await expect.poll(async () => (await lookedUp('zone-2')).sync).toBe('cut-off');
    await kogumactl('lab', 'start', 'global');
    await expect.poll(async () => (await lookedUp('zone-2')).sync, { timeout: 20_000 }).toBe('in-sync');
  });

  it('are no processes that could be killed', async () => {
    expect(await kogumactl('lab', 'kill', 'zone-8')).toMatchObject({
      code: 1,
      output: expect.stringContaining('no control plane of this lab is a process of its own, which could be killed'),
    });
  });

  it('end in order, in a second', async () => {
    const { code, ms } = await lab.end('SIGINT');
    expect({ code, last: lab.output.trim().split('\n').at(-1) }).toEqual({ code: 0, last: 'The lab has stopped.' });
    console.log(`${ZONES} zones and global stopped in ${Math.round(ms)} ms`);
  });
});
