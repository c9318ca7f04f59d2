import { beforeEach, describe, expect, it } from 'vitest';
import { stateOn } from './invariants.js';
import type { GlobalNode, ZoneNode } from './nodes.js';
import { Run } from './run.js';

const NETWORKING = { address: '10.0.0.1', inbound: [{ port: 80, tags: { 'kuma.io/service': 'web' } }] };

let run: Run;
let east: ZoneNode;
beforeEach(async () => {
  run = new Run(2, {});
  await run.start();
  east = run.zones[0] as ZoneNode;
  east.weather.delay = () => 1;
});

const write = (port: number) =>
  run.write(east, { type: 'Dataplane', mesh: 'default', name: 'web-1' }, { networking: NETWORKING, probes: { port } });
const stateOnGlobal = () => stateOn(run.globals[0] as GlobalNode, east);
const onGlobal = async () => (await run.globals[0]?.store.list('Dataplane'))?.map(({ spec }) => spec.probes);

describe('what is late on a connection that is over for the zone, and not yet for global', () => {
  it('is not taken for news when the zone has said something newer on its next one', async () => {
    await write(1);
    await run.pass(100);
    east.weather.delay = (_, lane) => (lane === 'zone-to-global' ? 5_000 : 1);
    await write(2);
    await run.pass(100);
    east.weather.delay = () => 1;
    east.weather.linger = (direction) => (direction === 'to-global' ? 8_000 : 0);
    east.network.breakAll();
    await run.pass(3_000);
    await write(3);
    await run.pass(100);
    expect(await onGlobal()).toEqual([{ port: 3 }]);
    await run.pass(10_000);
    expect(await onGlobal()).toEqual([{ port: 3 }]);
  });
});

describe('a zone that is in sync before its heartbeat has begun', () => {
  it('is shown as stale when nothing more is heard of it', async () => {
    east.weather.linger = () => 0;
    east.weather.delay = (_, lane) => (lane === 'heartbeat' ? 60_000 : 1);
    east.network.breakAll();
    await run.pass(3_000);
    expect(stateOnGlobal()).toBe('Online');
    east.weather.is('both');
    await run.pass(17_000);
    expect(stateOnGlobal()).toBe('Stale');
  });
});
