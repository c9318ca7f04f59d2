import * as fs from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { freePortOffset, isAlive, LabBox, type Running } from '../../test/lab-box.js';
import { readConfig, writeConfig } from '../config/config-file.js';
import { targetOf } from '../config/control-planes.js';
import type { LabStatus } from './control.js';
import { shellWord } from './up.js';

// Several processes each: on a busy machine they take their time.
vi.setConfig({ testTimeout: 60_000 });

let box: LabBox;
let offset: number;
beforeEach(async () => {
  box = new LabBox();
  box.install();
  offset = await freePortOffset();
});
afterEach(() => box[Symbol.dispose]());

const up = (...args: string[]) => box.run('up', '--port-offset', `${offset}`, '--env', '*:FAKE_HTTP=1', ...args);
const ready = (lab: Running) => lab.prints('Ctrl-C stops the lab.');

async function lab(...args: string[]): Promise<{ code: unknown; text: string }> {
  const running = box.run('lab', ...args);
  return { code: await running.end(), text: running.text };
}
const status = async () => JSON.parse((await lab('status', '-o', 'json')).text) as LabStatus;
const pidsOf = ({ controlPlanes }: LabStatus) => controlPlanes.map(({ pid }) => pid!);

describe('kogumactl up', () => {
  it('runs a lab until Ctrl-C, and other terminals work with it', async () => {
    const running = up('--env', '*:FAKE=slow');
    await ready(running);
    const east = 6681 + offset;
    expect(running.text).toContain(`curl -X POST http://localhost:${east}/tokens/zone-ingress`);
    expect(running.text).toContain(`npx kogumactl lab kill global --data ${box.data} `);
    expect(running.text).toMatch(/Ready in \d+\.\d s\./);
    expect(running.text).not.toContain('\x1b');

    const before = await status();
    expect(before).toMatchObject({ pid: running.child.pid, data: box.data });
    expect(before.controlPlanes.map(({ name, state, sync }) => `${name} ${state} ${sync}`)).toEqual([
      'global running null',
      'east running in-sync',
      'west running in-sync',
    ]);
    expect(await lab('token', 'east')).toEqual({ code: 0, text: 'token-of-zone\n' });
    expect(await lab('kill', 'north')).toEqual({
      code: 1,
      text: 'Error: the lab has no control plane "north"\nIts control planes are global, east, west.\n',
    });
    expect(await lab('kill', 'global')).toEqual({ code: 0, text: 'global is killed.\n' });
    await running.prints('global was killed.');
    expect((await lab('token', 'global')).text).toMatch(
      /^Error: global does not run \(it is killed\)\nStart it with: /,
    );
    expect((await lab('start', 'global')).text).toMatch(/^global is running \(pid \d+\)\.\n$/);
    expect((await lab('status')).text).toMatch(
      /^NAME .*\nglobal +running +- +\d+ +\d+s +http.*log\.jsonl\neast +running +in-sync/,
    );

    const pids = pidsOf(await status());
    running.child.kill('SIGINT');
    // Once more at once, as package runners do it: that is no second Ctrl-C. The lab takes its time to stop, or this would
    // find a program that is gone already.
    running.child.kill('SIGINT');
    expect(await running.end()).toBe(0);
    expect(running.text).toMatch(/Stopping the lab\.\nThe lab has stopped\.\n$/);
    expect(pids.map(isAlive)).toEqual([false, false, false]);
    expect(fs.readdirSync(box.data).sort()).toEqual(['.koguma-lab', 'east', 'global', 'west']);
    expect((await lab('status')).code).toBe(1);
  });

  it('ends even when a control plane does not want to, and says which', async () => {
    const running = up('--zones', 'east', '--env', 'east:FAKE=deaf');
    await ready(running);
    const pids = pidsOf(await status());
    const began = performance.now();
    running.child.kill('SIGINT');
    expect(await running.end()).toBe(0);
    // 1.5 s of grace, and some for a busy machine.
    expect(performance.now() - began).toBeLessThan(3_000);
    expect(running.text).toContain('zone east had to be killed: it did not stop in time.');
    expect(running.text).not.toContain('global had to be killed');
    expect(pids.map(isAlive)).toEqual([false, false]);
  });

  it('tells at once of a control plane that ends by itself', async () => {
    const running = up('--zones', 'east');
    await ready(running);
    process.kill(pidsOf(await status())[1]!, 'SIGKILL');
    await running.prints('zone east ended unexpectedly with signal SIGKILL.');
    await running.prints('Start it again with: npx kogumactl lab start east');
    expect((await status()).controlPlanes.map(({ state }) => state)).toEqual(['running', 'died']);
    expect((await lab('start', 'east')).code).toBe(0);
    running.child.kill('SIGHUP');
    expect(await running.end()).toBe(0);
  });

  it('leaves no process behind when it is killed, and nothing in the way of the next lab', async () => {
    const running = up('--zones', 'east');
    await ready(running);
    const pids = pidsOf(await status());
    running.child.kill('SIGKILL');
    expect(await running.end()).toBe('SIGKILL');
    await vi.waitFor(() => expect(pids.map(isAlive)).toEqual([false, false]), 20_000);
    expect(fs.existsSync(path.join(box.data, 'lab.sock'))).toBe(true);
    expect((await lab('status')).text).toContain(`Error: no lab is running in ${box.data}`);

    const next = up('--zones', 'east');
    await ready(next);
    next.child.kill('SIGTERM');
    expect(await next.end()).toBe(0);
  });

  it('refuses a second lab in the same folder', async () => {
    const first = up('--zones', 'east');
    await ready(first);
    const second = up('--zones', 'east', '--fresh');
    expect(await second.end()).toBe(1);
    expect(second.text).toContain(`Error: a lab is running in ${box.data} (pid ${first.child.pid})\nStop it with`);
    expect((await status()).controlPlanes.map(({ state }) => state)).toEqual(['running', 'running']);
  });

  it('starts and wipes nothing when a port is in use', async () => {
    fs.mkdirSync(path.join(box.data, 'east'), { recursive: true });
    fs.writeFileSync(path.join(box.data, 'east/store.db'), 'kept');
    fs.writeFileSync(path.join(box.data, '.koguma-lab'), '{"folders":["east"]}');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(6681 + offset, '127.0.0.1', resolve));
    const running = up('--fresh');
    expect(await running.end()).toBe(1);
    server.close();
    expect(running.text).toMatch(`Error: port ${6681 + offset} is in use, and zone east needs it for its API\nStop`);
    expect(fs.readFileSync(path.join(box.data, 'east/store.db'), 'utf8')).toBe('kept');
    expect(fs.readdirSync(box.data).sort()).toEqual(['.koguma-lab', 'east']);
  });

  it('begins with nothing when asked to', async () => {
    fs.mkdirSync(path.join(box.data, 'old'), { recursive: true });
    fs.writeFileSync(path.join(box.data, '.koguma-lab'), '{"folders":["old"]}');
    const running = up('--zones', 'east', '--fresh');
    await ready(running);
    expect(fs.existsSync(path.join(box.data, 'old'))).toBe(false);
  });

  it('writes a context for each control plane, and leaves what else is in the file', async () => {
    const file = path.join(box.home, '.kogumactl/config');
    const prod = { name: 'prod', coordinates: { apiServer: { url: 'https://cp.example' } } };
    const eastApi = `http://localhost:${6681 + offset}`;
    const mine = { url: eastApi, authType: 'tokens', authConf: { token: 'mine' } };
    writeConfig(file, {
      contexts: [{ name: 'prod', controlPlane: 'prod' }],
      controlPlanes: [prod, { name: 'lab-east', coordinates: { apiServer: mine } }],
      currentContext: 'prod',
    });
    const running = up('--zones', 'east');
    await ready(running);
    expect(readConfig(file)).toMatchObject({
      controlPlanes: [
        prod,
        { name: 'lab-east', coordinates: { apiServer: mine } },
        { name: 'lab-global', coordinates: { apiServer: { url: `http://localhost:${5681 + offset}` } } },
      ],
      currentContext: 'prod',
    });
    expect(running.text).toContain(`Contexts lab-global, lab-east are in ${file}:\n`);
    expect(running.text).toContain(`  kumactl --config-file ${file} get zones `);
  });

  it('makes its global the one that is spoken to when nobody has chosen yet', async () => {
    const file = path.join(box.home, 'other');
    await ready(up('--zones', 'east', '--config-file', file));
    expect(targetOf(readConfig(file), undefined).name).toBe('lab-global');
    expect(fs.existsSync(path.join(box.home, '.kogumactl'))).toBe(false);
  });

  it('writes no contexts when it is told not to, and runs on when it cannot', async () => {
    const running = up('--zones', 'east', '--no-config');
    await ready(running);
    expect(fs.existsSync(box.home)).toBe(false);
    expect(running.text).not.toContain('Contexts');
    running.child.kill('SIGTERM');
    await running.end();

    fs.writeFileSync(box.home, 'a file');
    const other = up('--zones', 'east');
    await ready(other);
    expect(other.text).toContain('No contexts were written for the control planes.\n  ');
    expect((await status()).controlPlanes).toHaveLength(2);
  });

  it('ends with what a control plane said that could not start, and ends the others', async () => {
    const running = up('--env', 'west:FAKE=dies');
    expect(await running.end()).toBe(1);
    expect(running.text).toContain(
      'Error: zone west ended with exit code 3 before it was ready\n  the store is locked\n',
    );
    expect(fs.existsSync(path.join(box.data, 'lab.sock'))).toBe(false);
  });
});

it('quotes for a shell what has to be quoted', () => {
  expect(['/tmp/a-b_1.c', '/my lab', "it's", ''].map(shellWord)).toEqual([
    '/tmp/a-b_1.c',
    "'/my lab'",
    "'it'\\''s'",
    "''",
  ]);
});
