import * as fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isAlive, LabBox } from '../../test/lab-box.js';
import { readMessage } from './child.js';
import { Supervisor } from './supervisor.js';
import { type EnvSetting, planLab } from './topology.js';

// Several processes each: on a busy machine they take their time.
vi.setConfig({ testTimeout: 60_000 });
const LONG = 50_000;

let box: LabBox;
let ends: (() => Promise<void>)[];
let changes: string[];
beforeEach(() => {
  box = new LabBox();
  ends = [];
  changes = [];
});
afterEach(async () => {
  await Promise.all(ends.map((end) => end()));
  box[Symbol.dispose]();
});

/** Runs global and east; `fakes` says which of them misbehaves. */
function run(fakes: Record<string, string> = {}) {
  const env = Object.entries(fakes).map(([name, value]): EnvSetting => ({ name, key: 'FAKE', value }));
  const plans = planLab({ data: box.data, zones: ['east'], memory: true, portOffset: 0, configs: new Map(), env });
  for (const { folder } of plans) fs.mkdirSync(folder, { recursive: true });
  const stop = new AbortController();
  const atOnce = new AbortController();
  const lab = new Supervisor({
    plans,
    programs: { global: box.program, zone: box.program },
    env: { ...process.env, KUMA_STORE_POSTGRES_HOST: 'db', OF_THE_CALLER: 'yes' },
    onChange: ({ plan, life, sync }) => changes.push(`${plan.name} ${life} ${sync ?? '-'}`),
  });
  const running = lab.run(stop.signal, atOnce.signal);
  const end = async () => {
    stop.abort();
    await running;
  };
  ends.push(end);
  const of = (name: string) => lab.status().find((child) => child.name === name)!;
  return { lab, of, end, atOnce, running, ready: (ms = LONG) => lab.ready(ms) };
}

const statesOf = (lab: Supervisor) => lab.status().map(({ state }) => state);

describe('a lab', () => {
  it('is ready when all serve and zones are in sync', async () => {
    const { lab, of, ready } = run();
    await ready();
    expect(of('global')).toMatchObject({ state: 'running', sync: null, role: 'global', api: 'http://localhost:5681' });
    expect(of('east')).toMatchObject({ state: 'running', sync: 'in-sync', role: 'zone', pid: expect.any(Number) });
    expect(lab.status().map(({ pid }) => isAlive(pid!))).toEqual([true, true]);
    expect(changes).toEqual(
      expect.arrayContaining(['global starting -', 'global running -', 'east running -', 'east running in-sync']),
    );
  });

  it('gives its processes the settings of the lab, and none from the shell', async () => {
    const { ready } = run();
    await ready();
    const { args, env } = box.given('east');
    expect(args).toEqual(['run']);
    expect(env).toMatchObject({ KUMA_MODE: 'zone', KUMA_MULTIZONE_ZONE_NAME: 'east', OF_THE_CALLER: 'yes' });
    expect(env).not.toHaveProperty('KUMA_STORE_POSTGRES_HOST');
  });

  it('ends all its processes when it is told to', async () => {
    const { lab, ready, end } = run();
    await ready();
    const pids = lab.status().map(({ pid }) => pid!);
    await end();
    expect(pids.map(isAlive)).toEqual([false, false]);
    expect(statesOf(lab)).toEqual(['stopped', 'stopped']);
    await expect(lab.start('east', 1_000)).rejects.toThrow('the lab is starting or stopping');
  });

  it('kills what does not end when asked twice', async () => {
    const { lab, ready, end, atOnce } = run({ '*': 'deaf' });
    await ready();
    const began = performance.now();
    const ended = end();
    atOnce.abort();
    await ended;
    expect(performance.now() - began).toBeLessThan(1_500);
    expect(statesOf(lab)).toEqual(['killed', 'killed']);
  });

  it('can be stopped while it starts', async () => {
    const { lab, ready, end } = run({ global: 'silent' });
    const refused = expect(ready()).rejects.toThrow('the lab is stopping');
    await end();
    await refused;
    expect(lab.status().map(({ pid }) => pid)).toEqual([null, null]);
  });
});

describe('a lab that does not get ready', () => {
  it('says at once which one died, how, and what it said last', async () => {
    const { ready } = run({ east: 'dies' });
    await expect(ready()).rejects.toMatchObject({
      message: 'zone east ended with exit code 3 before it was ready\n  the store is locked',
      todo: `Its log is ${box.data}/east/log.jsonl.`,
    });
  });

  it('finds the last words in the log when there are none on standard error', async () => {
    fs.mkdirSync(path.join(box.data, 'east'), { recursive: true });
    fs.writeFileSync(path.join(box.data, 'east/log.jsonl'), '{"msg":"of an earlier run"}\n');
    const { ready } = run({ east: 'dies-in-json' });
    await expect(ready()).rejects.toThrow('exit code 1 before it was ready\n  started\n  cannot start: no such file');
  });

  it('says what is missing when the time is over', async () => {
    const { ready } = run({ east: 'alone' });
    await vi.waitFor(() => expect(changes).toContain('east running never-met'), LONG);
    await expect(ready(20)).rejects.toMatchObject({
      message: 'not ready after 0.02 s: zone east is never-met',
      todo: `See ${box.data}/east/log.jsonl.`,
    });
  });

  it('does not let zones dial a global that does not listen', async () => {
    const { ready } = run({ global: 'silent' });
    await expect(ready(20)).rejects.toThrow('not ready after 0.02 s: global is starting, zone east is waiting');
    expect(changes).toEqual(['global starting -']);
  });

  it('starts the zones without global when that was stopped', async () => {
    const { lab, of, ready } = run({ global: 'silent' });
    await lab.kill('global');
    await ready();
    expect(of('east')).toMatchObject({ state: 'running', sync: 'in-sync' });
  });
});

describe('one control plane of a lab', () => {
  it('can be killed, and started again with the same settings', async () => {
    const { lab, of, ready } = run();
    await ready();
    const { pid: before } = of('east');
    await lab.kill('east');
    expect(isAlive(before!)).toBe(false);
    expect(of('east')).toMatchObject({ state: 'killed', pid: null, sync: null, uptimeSeconds: null });
    expect(of('global').state).toBe('running');

    const given = box.given('east');
    await lab.start('east', LONG);
    expect(of('east').state).toBe('running');
    expect(of('east').pid).not.toBe(before);
    expect(box.given('east').args).toEqual(given.args);
    expect(box.given('east').env.KUMA_MULTIZONE_ZONE_NAME).toBe('east');
    await ready();
  });

  it('can be stopped in order', async () => {
    const { lab, of, ready } = run();
    await ready();
    await lab.stop('global');
    expect(of('global')).toMatchObject({ state: 'stopped', pid: null });
    await ready();
  });

  it('is reported when it ends by itself, and the others go on', async () => {
    const { of, ready } = run();
    await ready();
    process.kill(of('global').pid!, 'SIGKILL');
    await vi.waitFor(() => expect(changes).toContain('global died -'), LONG);
    expect(of('global')).toMatchObject({ state: 'died', pid: null });
    expect(of('east').state).toBe('running');
  });

  it('does not get the Ctrl-C of the terminal that the lab runs in', async () => {
    const { of, ready } = run();
    await ready();
    // A terminal signals a whole process group, so each has one of its own.
    for (const { pid } of [of('global'), of('east')]) expect(() => process.kill(-pid!, 0)).not.toThrow();
  });

  it('refuses what makes no sense', async () => {
    const { lab, ready } = run();
    await ready();
    await expect(lab.kill('north')).rejects.toMatchObject({
      message: 'the lab has no control plane "north"',
      todo: 'Its control planes are global, east.',
    });
    await expect(lab.start('east', 1_000)).rejects.toThrow(/^zone east runs already \(pid \d+\)$/);
    await lab.kill('east');
    await expect(lab.kill('east')).rejects.toMatchObject({
      message: 'zone east does not run',
      todo: 'Start it with: npx kogumactl lab start east',
    });
    const both = [lab.start('east', LONG), lab.start('east', LONG)];
    await expect(both[1]).rejects.toThrow('runs already');
    await both[0];
  });
});

describe('the log of a control plane', () => {
  const log = () => path.join(box.data, 'east/log.jsonl');
  const put = (bytes: number) => {
    fs.mkdirSync(path.dirname(log()), { recursive: true });
    fs.writeFileSync(log(), 'x'.repeat(bytes));
  };

  it('is appended to', async () => {
    put(5);
    await run().ready();
    expect(fs.readFileSync(log(), 'utf8')).toMatch(/^xxxxx\{/);
  });

  it('is put aside beyond 10 MiB', async () => {
    put(10 * 1024 * 1024 + 1);
    fs.writeFileSync(`${log()}.1`, 'older');
    await run().ready();
    expect(fs.statSync(`${log()}.1`).size).toBe(10 * 1024 * 1024 + 1);
    expect(fs.readFileSync(log(), 'utf8')).toMatch(/^\{"level":30/);
  });
});

describe('what a control plane says to its supervisor', () => {
  it.each([
    [{ type: 'ready', name: 'east' }, { type: 'ready' }],
    [
      { type: 'state', state: 'cut-off' },
      { type: 'state', state: 'cut-off' },
    ],
    [{ type: 'state', state: 'fine' }, undefined],
    [{ type: 'state' }, undefined],
    [{ type: 'later' }, undefined],
    ['ready', undefined],
    [null, undefined],
    [[], undefined],
  ])('%j is read as %j', (sent, read) => {
    expect(readMessage(sent)).toEqual(read);
  });

  it('may be odd', async () => {
    await run({ '*': 'odd' }).ready();
  });
});
