import { VirtualClock } from '@koguma/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { ZoneReport } from './gen/koguma/v1/sync.js';
import { Heart } from './heart.js';
import type { Hello, StreamIn } from './link.js';
import { end, outboxOf } from './two-ends.contract.js';

const BEAT_MS = 1_000;
const EAST: Hello = { zone: 'east', version: '1', instanceId: 'one', features: [], storeId: 'store', token: '' };

let clock: VirtualClock;
let heart: Heart;
let isConnected: boolean;

beforeEach(async () => {
  clock = new VirtualClock();
  isConnected = true;
  heart = new Heart({
    outbox: outboxOf(await end()),
    clock,
    intervalMs: BEAT_MS,
    isConnected: () => isConnected,
  });
});

const listen = (): StreamIn<ZoneReport> => {
  const stream = heart.accept(EAST, { send: () => undefined, end: () => undefined });
  stream.message(ZoneReport.fromPartial({}));
  return stream;
};
const silence = () => heart.heardFrom(EAST)?.silentMs;

describe('the heartbeat of a zone', () => {
  it('that ends while its other streams are open leaves a zone that is silent since then', () => {
    listen().closed(undefined);
    clock.moveTo(20 * BEAT_MS);
    expect(silence()).toBe(20 * BEAT_MS);
  });

  it('is forgotten with the last of its streams, whichever that is', () => {
    const stream = listen();
    stream.closed(undefined);
    isConnected = false;
    heart.left(EAST);
    expect(silence()).toBeUndefined();

    const again = listen();
    heart.left(EAST);
    expect(silence()).toBe(0);
    again.closed(undefined);
    expect(silence()).toBeUndefined();
  });

  it('that began anew is not ended by the old one, of which the news comes late', () => {
    const old = listen();
    clock.moveTo(BEAT_MS / 2);
    listen();
    isConnected = false;
    old.closed(undefined);
    expect(silence()).toBe(0);
  });
});
