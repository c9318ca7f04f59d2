import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kogumactl } from './cli.js';

let data: string;
let ran: { code: number; out: string; err: string };
beforeEach(() => {
  data = path.join(fs.mkdtempSync(path.join(tmpdir(), 'kl-')), 'data');
});
afterEach(() => fs.rmSync(path.dirname(data), { recursive: true, force: true }));

async function run(...args: string[]): Promise<void> {
  ran = { code: 0, out: '', err: '' };
  const { signal } = new AbortController();
  ran.code = await kogumactl(args, {
    out: { write: (text) => (ran.out += text) },
    err: { write: (text) => (ran.err += text) },
    env: { KOGUMA_DATA: data, HOME: path.dirname(data) },
    stdin: async function* () {},
    interrupts: () => ({ stop: signal, atOnce: signal }),
  });
}

describe('help', () => {
  it('is what comes without a command', async () => {
    await run();
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(ran.out).toContain('Usage: kogumactl');
  });

  /** Every command, by the words that are typed, as the help of the one above it tells. */
  async function commandsBelow(words: readonly string[]): Promise<string[][]> {
    await run(...words, '--help');
    const [, listed = ''] = ran.out.split('\nCommands:\n');
    const names = [...(listed.split('\n\n')[0] ?? '').matchAll(/^ {2}([a-z-]+)/gm)].map(([, name = '']) => name);
    const below: string[][] = [];
    for (const name of names) below.push([...words, name], ...(await commandsBelow([...words, name])));
    return below;
  }

  it('has an example of every command', async () => {
    const all = await commandsBelow([]);
    expect(all).toContainEqual(['lab', 'token']);
    expect(all).toContainEqual(['config', 'control-planes', 'add']);
    for (const words of [[], ...all]) {
      await run(...words, '--help');
      expect(ran).toMatchObject({ code: 0, err: '' });
      expect(ran.out.split('Example:\n')[1]).toContain(['npx kogumactl', ...words].join(' '));
    }
  });

  it('of up says what is not inherited', async () => {
    await run('up', '--help');
    expect(ran.out).toContain('KUMA_* and KOGUMA_* variables of your shell are not passed on');
  });
});

it('prints its version also when no control plane can be reached, and says so', async () => {
  await run('config', 'control-planes', 'add', '--name', 'gone', '--address', 'http://localhost:1', '--skip-check');
  await run('version');
  const err =
    'Unable to connect to control plane: the control plane "gone" at http://localhost:1 cannot be reached: nothing listens there\n';
  expect(ran).toEqual({ code: 0, out: 'Client: Koguma 0.1.0\n', err });
});

describe('a wrong call', () => {
  it.each([
    [['stauts'], "Error: unknown command 'stauts'\n(Did you mean status?)\nSee: npx kogumactl lab --help\n", 'lab'],
    [['--dat', 'x'], "Error: unknown option '--dat'\n(Did you mean --data?)\nSee: npx kogumactl up --help\n", 'up'],
    [['kill'], "Error: missing required argument 'name'\nSee: npx kogumactl lab kill --help\n", 'lab'],
    [['--zones', 'East'], 'Error: "East" cannot be the name of a zone\nUse lower-case letters', 'up'],
    [['--config', 'north=x'], 'Error: --config names "north", which is not in this lab\nThe control planes', 'up'],
    [['--env', 'A=b'], 'Error: --env "A=b" is not NAME:KEY=VALUE\nWrite it as', 'up'],
  ])('%j ends with exit code 2 and what to do', async (args, error, command) => {
    await run(command, ...args);
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err.startsWith(error), ran.err).toBe(true);
    expect(fs.existsSync(data)).toBe(false);
  });

  it('refuses too many zones with the reason', async () => {
    await run('up', '--zones', Array.from({ length: 51 }, (_, index) => `z${index}`).join(','));
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toMatch(/each is a process of its own, and zone i takes the ports/);
  });
});

it('names a configuration file that cannot be read', async () => {
  await run('up', '--config', `east=${data}/none.yaml`);
  expect(ran).toEqual({
    code: 1,
    out: '',
    err: `Error: the configuration of east, ${data}/none.yaml, cannot be read (ENOENT)\nCheck --config NAME=FILE.\n`,
  });
});

it.each(['status', 'start east', 'stop east', 'kill east', 'token east'])('lab %s needs a lab', async (command) => {
  await run('lab', ...command.split(' '));
  const err = `Error: no lab is running in ${data}\nStart one with: npx kogumactl up\n`;
  expect(ran).toEqual({ code: 1, out: '', err });
});
