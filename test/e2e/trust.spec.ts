import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { decodeToken } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT, scratchFolder } from '../support/processes.js';

const FOLDERS = ['authority', 'global', 'east', 'east-proxies', 'west'];

let folder: Awaited<ReturnType<typeof scratchFolder>>;
beforeAll(async () => {
  folder = await scratchFolder();
  for (const name of FOLDERS) mkdirSync(join(folder.path, name));
});
afterAll(() => folder.remove());

const trust = () =>
  execFileSync(process.execPath, [`${ROOT}/docker/koguma-trust`, 'east', 'west'], {
    cwd: folder.path,
    encoding: 'utf8',
  });
const read = (file: string) => readFileSync(join(folder.path, file), 'utf8');
const modeOf = (name: string) => (statSync(join(folder.path, name)).mode & 0o777).toString(8);

describe('the trust of a composition', () => {
  it('is made for each part: what is its own, and whom to believe', () => {
    trust();
    const files = Object.fromEntries(FOLDERS.map((name) => [name, readdirSync(join(folder.path, name)).sort()]));
    const zone = ['ca.crt', 'cp.token', 'tls.crt', 'tls.key'];
    expect(files).toEqual({
      authority: ['ca.crt', 'ca.key', 'zones.key'],
      global: ['ca.crt', 'global.yaml', 'tls.crt', 'tls.key', 'zones.pem'],
      ...{ east: zone, west: zone, 'east-proxies': ['ca.crt'] },
    });
    for (const name of ['global', 'east', 'west'])
      execFileSync('openssl', ['verify', '-CAfile', `${name}/ca.crt`, `${name}/tls.crt`], { cwd: folder.path });
    expect(decodeToken(read('east/cp.token'))).toMatchObject({
      header: { kid: 'composition' },
      claims: { Zone: 'east', Scope: ['cp'] },
    });
  });

  it('is for its owner and the group, and the authority for its owner alone', () => {
    const modes = ['authority', 'global', 'east', 'east-proxies', 'east/tls.key', 'east/cp.token'].map(modeOf);
    expect(modes).toEqual(['700', '750', '750', '770', '640', '640']);
  });

  it('stays as it is, but for what was taken away', () => {
    const before = [read('west/cp.token'), read('east/tls.crt')];
    rmSync(join(folder.path, 'east/tls.crt'));
    expect(trust().trim()).toBe('made east/tls.crt for east');
    expect(read('west/cp.token')).toBe(before[0]);
    expect(read('east/tls.crt')).not.toBe(before[1]);
  });
});
