import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ConnectedTime } from './connected-time.js';
import { FaultDoor } from './fault-door.js';

const HOUR_MS = 3_600_000;

/** What a supervisor was told, as `east 5m`. */
let told: [name: string, offset: string][] = [];
const server = createServer((request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => (body += chunk.toString()));
  request.on('end', () => {
    const { offset } = JSON.parse(body) as { offset: string };
    told.push([(request.url ?? '').replace('/faults/clocks/', ''), offset]);
    response.end('{"links":[],"controlPlanes":[],"clocks":[]}');
  });
});
let door: FaultDoor;
beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  door = new FaultDoor(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
});
beforeEach(() => {
  told = [];
});
afterAll(() => server.close());

const time = (signal = new AbortController().signal) => new ConnectedTime(() => door, signal);

describe('the time of a lab that runs', () => {
  it('is moved for all control planes, and for those whose clocks are wrong by as much', async () => {
    const moved = time();
    const before = moved.now;
    await moved.advance('1h');
    await moved.skew('east', '-5m');
    await moved.advance('1h');
    expect(told).toEqual([
      ['*', `${HOUR_MS}ms`],
      ['east', `${HOUR_MS - 300_000}ms`],
      ['*', `${2 * HOUR_MS}ms`],
      ['east', `${2 * HOUR_MS - 300_000}ms`],
    ]);
    expect(moved.now - before).toBeGreaterThanOrEqual(2 * HOUR_MS);
    expect(moved.clock.wall() - moved.now).toBeLessThan(1_000);
  });

  it('is set to an earlier time, too', async () => {
    const moved = time();
    await moved.set(moved.now - HOUR_MS);
    expect(told).toEqual([['*', expect.stringMatching(/^-36000\d\dms$/)]]);
  });

  it('passes by itself for what is short: nobody is told anything', async () => {
    const moved = time();
    const before = moved.passed;
    await moved.advance('5ms');
    expect(moved.passed - before).toBeGreaterThanOrEqual(5);
    expect(told).toEqual([]);
  });

  it('says how long something took, or that it was not so in time, or that it was interrupted', async () => {
    let asked = 0;
    expect(await time().passUntil(() => ++asked > 1, 1_000)).toBeGreaterThan(0);
    expect(await time().passUntil(() => false, 5)).toBe(undefined);
    await expect(time(AbortSignal.abort()).passUntil(() => false, 1_000)).rejects.toThrow('interrupted');
  });

  it('is not moved by what is no duration, or a negative one', async () => {
    await expect(time().advance('-1h')).rejects.toThrow('cannot be negative');
    await expect(time().advance('soon')).rejects.toThrow('write it as 721h');
    await expect(time().set('tomorrow')).rejects.toThrow('RFC 3339');
    expect(told).toEqual([]);
  });
});
