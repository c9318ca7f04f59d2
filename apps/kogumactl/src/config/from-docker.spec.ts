import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kogumactl } from '../cli.js';

let home: string;
beforeEach(() => {
  home = fs.mkdtempSync(path.join(tmpdir(), 'kl-'));
});
afterEach(() => fs.rmSync(home, { recursive: true, force: true }));

describe('config control-planes from-docker', () => {
  it('says so where there is no docker, and writes nothing', async () => {
    const { signal } = new AbortController();
    let said = '';
    const code = await kogumactl(['config', 'control-planes', 'from-docker'], {
      out: { write: (text) => (said += text) },
      err: { write: (text) => (said += text) },
      env: { HOME: home, PATH: home },
      stdin: async function* () {},
      interrupts: () => ({ stop: signal, atOnce: signal }),
    });
    expect([code, said]).toEqual([1, 'Error: there is no docker here\nInstall it, or put it on the PATH.\n']);
    expect(fs.readdirSync(home)).toEqual([]);
  });
});
