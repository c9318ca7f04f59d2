import * as fs from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Failure } from '../failure.js';
import { askLab, Control, type LabStatus, type Request } from './control.js';

let dir: string;
let socket: string;
let open: Control[];
let asked: Request[];
beforeEach(() => {
  dir = fs.mkdtempSync(path.join(tmpdir(), 'kl-'));
  socket = path.join(dir, 'lab.sock');
  open = [];
  asked = [];
  fs.writeFileSync(path.join(dir, 'lab.json'), JSON.stringify({ pid: 7, socket }));
});
afterEach(async () => {
  await Promise.all(open.map((control) => control.close()));
  fs.rmSync(dir, { recursive: true, force: true });
});

async function serve(answer?: (request: Request) => Promise<LabStatus>): Promise<void> {
  const status = async (request: Request) => {
    asked.push(request);
    return { pid: 7, data: dir, faults: null, controlPlanes: [] };
  };
  open.push(await Control.open(socket, answer ?? status));
}

/** A socket's file without its process, as kill -9 leaves it. */
async function leaveSocketBehind(): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(`${socket}.new`, resolve));
  fs.renameSync(`${socket}.new`, socket);
  await new Promise((resolve) => server.close(resolve));
  expect(fs.statSync(socket).isSocket()).toBe(true);
}

describe('the control socket', () => {
  it('carries a request and the status after it, for the owner only', async () => {
    await serve();
    expect(fs.statSync(socket).mode & 0o777).toBe(0o600);
    const status = await askLab(dir, { command: 'kill', name: 'east' });
    expect(status).toEqual({ pid: 7, data: dir, faults: null, controlPlanes: [] });
    expect(asked).toEqual([{ command: 'kill', name: 'east' }]);
  });

  it('carries a refusal', async () => {
    await serve(() => Promise.reject(new Failure('zone east does not run', 'Start it.')));
    const refusal = { message: 'zone east does not run', todo: 'Start it.', exitCode: 1 };
    await expect(askLab(dir, { command: 'kill', name: 'east' })).rejects.toMatchObject(refusal);
  });

  it('carries many requests at a time', async () => {
    await serve();
    const names = Array.from({ length: 50 }, (_, index) => `z${index}`);
    await Promise.all(names.map((name) => askLab(dir, { command: 'start', name })));
    expect(asked.map(({ name }) => name).sort()).toEqual(names.sort());
  });

  it.each([
    'not json',
    'null',
    '7',
    '{"command":"reboot","name":"east"}',
    '{"command":"kill"}',
    '{"command":["kill"],"name":"east"}',
    'x'.repeat(10_000),
  ])('refuses %.40s', async (line) => {
    await serve();
    const client = connect(socket).setEncoding('utf8');
    client.end(`${line}\nand more`);
    let reply = '';
    for await (const chunk of client) reply += chunk as string;
    expect(JSON.parse(reply)).toHaveProperty('failed.todo');
    expect(asked).toEqual([]);
  });

  it('ends with the connections that are open', async () => {
    await serve();
    const idle = connect(socket);
    const ended = new Promise((resolve) => idle.once('close', resolve));
    await new Promise((resolve) => idle.once('connect', resolve));
    await open.pop()?.close();
    await ended;
    expect(fs.existsSync(socket)).toBe(false);
  });
});

describe('a lab that does not run', () => {
  const none = { message: expect.stringMatching(/^no lab is running in /), todo: 'Start one with: npx kogumactl up' };

  it('is told from one that does', async () => {
    await expect(askLab(dir, { command: 'status', name: '' })).rejects.toMatchObject(none);
    fs.rmSync(path.join(dir, 'lab.json'));
    await expect(askLab(dir, { command: 'status', name: '' })).rejects.toMatchObject(none);
  });

  it('may have left its socket behind', async () => {
    await leaveSocketBehind();
    await expect(askLab(dir, { command: 'status', name: '' })).rejects.toMatchObject(none);
    await serve();
    await expect(askLab(dir, { command: 'status', name: '' })).resolves.toMatchObject({ pid: 7 });
  });
});

describe('a data folder', () => {
  it('has one lab at a time', async () => {
    await serve();
    await expect(serve()).rejects.toMatchObject({ message: `a lab is running in ${dir} (pid 7)` });
    await expect(askLab(dir, { command: 'status', name: '' })).resolves.toMatchObject({ pid: 7 });
  });

  it('has one lab when several find a dead one at the same time', async () => {
    await leaveSocketBehind();
    const tries = await Promise.allSettled(Array.from({ length: 5 }, () => serve()));
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(askLab(dir, { command: 'status', name: '' })).resolves.toMatchObject({ pid: 7 });
    expect(fs.readdirSync(dir).sort()).toEqual(['lab.json', 'lab.sock']);
  });

  it('keeps a file that only has the name of the socket', async () => {
    fs.writeFileSync(socket, 'mine');
    await expect(serve()).rejects.toThrow('is not a socket');
    expect(fs.readFileSync(socket, 'utf8')).toBe('mine');
  });
});
