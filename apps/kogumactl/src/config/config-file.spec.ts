import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Failure } from '../failure.js';
import { type Configuration, configPath, FIRST, readConfig, writeConfig } from './config-file.js';

let home: string;
let file: string;
beforeEach(() => {
  home = fs.mkdtempSync(path.join(tmpdir(), 'kl-'));
  file = path.join(home, '.kogumactl', 'config');
});
afterEach(() => fs.rmSync(home, { recursive: true, force: true }));

const PROD: Configuration = {
  contexts: [{ controlPlane: 'prod', name: 'prod' }],
  controlPlanes: [
    {
      name: 'prod',
      coordinates: {
        apiServer: {
          url: 'https://cp.example:5682',
          caCertFile: '/etc/ca.pem',
          authType: 'tokens',
          authConf: { token: 'eyJ.a.b' },
          headers: [{ key: 'x-team', value: 'a' }],
          skipVerify: true,
        },
      },
    },
  ],
  currentContext: 'prod',
};

function write(text: string): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
}

function failure(): Failure {
  try {
    readConfig(file);
  } catch (error) {
    return error as Failure;
  }
  throw new Error('it was read');
}

describe('the configuration file', () => {
  it('is ~/.kogumactl/config unless another is named', () => {
    expect(configPath(undefined, { env: { HOME: home } })).toBe(file);
    expect(configPath('other', { env: { HOME: home } })).toBe(path.resolve('other'));
  });

  it('need not be there: the control plane of this machine is spoken to, and nothing is written', () => {
    expect(readConfig(file)).toBe(FIRST);
    expect(fs.existsSync(path.dirname(file))).toBe(false);
  });

  it('has the format of Kuma', () => {
    write(`
contexts:
- controlPlane: prod
  name: prod
controlPlanes:
- coordinates:
    apiServer:
      authConf: {token: eyJ.a.b}
      authType: tokens
      caCertFile: /etc/ca.pem
      headers: [{key: x-team, value: a}]
      skipVerify: true
      url: https://cp.example:5682
  name: prod
currentContext: prod
`);
    expect(readConfig(file)).toEqual(PROD);
  });

  it('is read as it was written, with what only others know', () => {
    const config = { ...PROD, future: { setting: [1] } };
    writeConfig(file, config);
    expect(readConfig(file)).toEqual(config);
  });

  it('is for its owner alone, also when it was not before, and nothing lies beside it', () => {
    write('contexts: []');
    fs.chmodSync(file, 0o644);
    writeConfig(file, PROD);
    expect(fs.statSync(file).mode & 0o777).toBe(0o600);
    expect(fs.readdirSync(path.dirname(file))).toEqual(['config']);
  });

  it('is in a folder for its owner alone when that is made', () => {
    writeConfig(file, PROD);
    expect(fs.statSync(path.dirname(file)).mode & 0o777).toBe(0o700);
  });

  it('is written whole or not at all: what was open before still shows the old one', () => {
    writeConfig(file, FIRST);
    const open = fs.openSync(file, 'r');
    writeConfig(file, PROD);
    expect(fs.readFileSync(open, 'utf8')).toContain('localhost:5681');
    fs.closeSync(open);
  });

  it('may be a link to where it is kept', () => {
    const kept = path.join(home, 'kept');
    writeConfig(kept, FIRST);
    fs.mkdirSync(path.dirname(file));
    fs.symlinkSync(kept, file);
    writeConfig(file, PROD);
    expect(fs.lstatSync(file).isSymbolicLink()).toBe(true);
    expect(readConfig(kept)).toEqual(PROD);
  });

  it('leaves nothing behind when it cannot be written', () => {
    fs.writeFileSync(path.join(home, '.kogumactl'), 'a file');
    expect(() => writeConfig(file, PROD)).toThrow(`${file} cannot be written (`);
    expect(fs.readdirSync(home)).toEqual(['.kogumactl']);
  });
});

describe('a file that cannot be used', () => {
  it.each([
    ['contexts: 7', 'contexts '],
    ['controlPlanes: [{name: a}]', 'controlPlanes.0.coordinates '],
    [
      'controlPlanes: [{name: a, coordinates: {apiServer: {url: "ftp://secret@x"}}}]',
      'controlPlanes.0.coordinates.apiServer.url must be a URL that begins with http:// or https://',
    ],
    [
      'controlPlanes: [{name: a, coordinates: {apiServer: {url: "http://x", authConf: {token: 7}}}}]',
      'controlPlanes.0.coordinates.apiServer.authConf.token must be a string',
    ],
    ['contexts:\n- {name: a\ntoken: secret', 'it is not YAML, line 3'],
    ['just words', ''],
  ])('is named with the place: %j', (text, told) => {
    write(text);
    const { message, todo } = failure();
    expect(message.startsWith(`${file} cannot be used: ${told}`), message).toBe(true);
    expect(message).not.toContain('secret');
    expect(todo).toContain('--config-file');
  });

  it('is named when it is a folder', () => {
    fs.mkdirSync(file, { recursive: true });
    expect(failure().message).toBe(`${file} cannot be read (EISDIR)`);
  });

  it('is as good as none when it is empty', () => {
    write('');
    expect(readConfig(file)).toEqual({ contexts: [], controlPlanes: [], currentContext: '' });
  });
});
