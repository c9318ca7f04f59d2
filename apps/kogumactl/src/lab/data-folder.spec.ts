import * as fs from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataFolder, dataPath, readRecord } from './data-folder.js';
import { planLab } from './topology.js';

let root: string;
let dir: string;
beforeEach(() => {
  root = fs.mkdtempSync(path.join(tmpdir(), 'kl-'));
  dir = path.join(root, 'data');
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

const plansOf = (...zones: string[]) =>
  planLab({ data: dir, zones, memory: false, portOffset: 0, configs: new Map(), env: [] });
const write = (file: string) => {
  fs.mkdirSync(path.dirname(path.join(dir, file)), { recursive: true });
  fs.writeFileSync(path.join(dir, file), 'mine');
};
const modeOf = (file: string) => (fs.statSync(path.join(dir, file)).mode & 0o777).toString(8);

it('is what the option says, else the environment, else a folder at home', () => {
  expect(dataPath('a', { KOGUMA_DATA: '/b' })).toBe(path.resolve('a'));
  expect(dataPath(undefined, { KOGUMA_DATA: '/b' })).toBe('/b');
  expect(dataPath(undefined, { KOGUMA_DATA: '' })).toBe(path.join(homedir(), '.koguma'));
});

it('refuses a path that is no folder', () => {
  fs.writeFileSync(dir, '');
  expect(() => DataFolder.open(dir)).toThrow(`${dir} cannot be the lab's data folder: it, or what it is in, is a file`);
  expect(() => DataFolder.open(path.join(dir, 'below'))).toThrow('is a file');
});

describe('what is in it', () => {
  it('is for its owner only', () => {
    const folder = DataFolder.open(dir);
    folder.prepare(plansOf('east'));
    folder.record({ pid: 1, socket: '/s' });
    expect(['.', 'global', 'east', 'lab.json'].map(modeOf)).toEqual(['700', '700', '700', '600']);
  });

  it('stays when a lab starts there again', () => {
    DataFolder.open(dir).prepare(plansOf('east'));
    write('east/store.db');
    DataFolder.open(dir).prepare(plansOf('east', 'west'));
    expect(fs.readFileSync(path.join(dir, 'east/store.db'), 'utf8')).toBe('mine');
  });

  it('is wiped as far as labs have made it, zones of earlier labs included', () => {
    DataFolder.open(dir).prepare(plansOf('east'));
    DataFolder.open(dir).prepare(plansOf('west'));
    for (const file of ['east/store.db', 'west/log.jsonl', 'notes.txt', 'photos/cat.jpg']) write(file);
    expect(DataFolder.open(dir).wipe()).toEqual(['global', 'east', 'west']);
    expect(fs.readdirSync(dir).sort()).toEqual(['.koguma-lab', 'notes.txt', 'photos']);
  });

  it('is left alone when no lab made it', () => {
    write('east/thesis.txt');
    const folder = DataFolder.open(dir);
    const message = `${path.join(dir, 'east')} was not made by a lab, so it is left alone`;
    expect(() => folder.check(plansOf('east'))).toThrow(message);
    expect(() => folder.prepare(plansOf('east'))).toThrow(message);
    expect(folder.wipe()).toEqual([]);
    expect(fs.readdirSync(dir)).toEqual(['east']);
    expect(() => folder.check(plansOf('west'))).not.toThrow();
  });

  it('is not wiped beyond the folder, whatever a marker says', () => {
    const outside = path.join(root, 'outside');
    fs.mkdirSync(outside);
    fs.writeFileSync(path.join(outside, 'file'), 'mine');
    write('x');
    fs.symlinkSync(outside, path.join(dir, 'link'));
    const folders = ['../outside', '..', '.', '/', '', 7, null, 'link'];
    fs.writeFileSync(path.join(dir, '.koguma-lab'), JSON.stringify({ folders }));
    expect(DataFolder.open(dir).wipe()).toEqual(['link']);
    expect(fs.readFileSync(path.join(outside, 'file'), 'utf8')).toBe('mine');
    expect(fs.readdirSync(dir).sort()).toEqual(['.koguma-lab', 'x']);
  });
});

describe('the record of a running lab', () => {
  it('is read back, and forgotten', () => {
    const folder = DataFolder.open(dir);
    expect(readRecord(dir)).toBeUndefined();
    folder.record({ pid: 12, socket: '/s' });
    expect(readRecord(dir)).toEqual({ pid: 12, socket: '/s' });
    folder.forget();
    expect(readRecord(dir)).toBeUndefined();
  });

  it.each(['', 'null', '[]', '{"pid":"1","socket":"/s"}', '{"pid":1}'])('counts as none when it holds %j', (text) => {
    DataFolder.open(dir);
    fs.writeFileSync(path.join(dir, 'lab.json'), text);
    expect(readRecord(dir)).toBeUndefined();
  });
});

describe('the path of the socket', () => {
  const long = () => DataFolder.open(path.join(dir, 'x'.repeat(100)));

  it('is inside the folder, unless it would be too long', () => {
    expect(DataFolder.open(dir).socketPath(root)).toBe(path.join(dir, 'lab.sock'));
    const short = long().socketPath(root);
    expect(Buffer.byteLength(short)).toBeLessThanOrEqual(100);
    expect(fs.statSync(path.dirname(short)).mode & 0o777).toBe(0o700);
    expect(long().socketPath(root)).toBe(short);
  });

  it('is not in a folder that others can write to', () => {
    fs.chmodSync(path.dirname(long().socketPath(root)), 0o777);
    expect(() => long().socketPath(root)).toThrow('is open to other users');
  });
});
