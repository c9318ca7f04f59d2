import { describe, expect, it } from 'vitest';
import { readClockOrder, readControlPlaneOrder, readLinkOrder } from './fault-spec.js';

describe('an order for a link', () => {
  it('acts on both directions, or on the one that is named', () => {
    const slow = { latency: '200ms', jitter: '50ms', bandwidth: 1_000 };
    const lane = { stalled: false, latencyMs: 200, jitterMs: 50, bytesPerSecond: 1_000, drop: 0 };
    expect(readLinkOrder(slow).wire.lanes).toEqual({ there: lane, back: lane });
    const { wire, told, ttlMs } = readLinkOrder({ ...slow, direction: 'to-zone', ttl: '30s' });
    expect(wire.lanes).toMatchObject({ there: { latencyMs: 0, bytesPerSecond: 0 }, back: lane });
    expect([told, ttlMs]).toEqual(['latency 200ms, jitter 50ms, bandwidth 1000 bytes/s, to-zone', 30_000]);
  });

  it('stalls one direction of a half-open link, and lasts five minutes unless it says more', () => {
    const { wire, ttlMs } = readLinkOrder({ halfOpen: 'to-global' });
    expect(wire).toMatchObject({ cut: false, lanes: { there: { stalled: true }, back: { stalled: false } } });
    expect(ttlMs).toBe(300_000);
  });

  it.each<[object, string]>([
    [{}, 'must have one of cut, halfOpen'],
    [{ cut: 'yes' }, 'cut: must be true'],
    [{ halfOpen: 'up' }, 'halfOpen: must be to-zone or to-global'],
    [{ latency: '2h' }, 'latency: must be a duration up to 1h'],
    [{ latency: 200 }, 'latency: must be a duration'],
    [{ bandwidth: 0 }, 'bandwidth: must be 1 or more'],
    [{ drop: 2 }, 'drop: must be at most 1'],
    [{ flap: { up: '1s' } }, 'flap.down: must be a duration'],
    [{ cut: true, ttl: '0s' }, 'ttl: must be a duration up to 24h'],
    [{ cut: true, zone: 'east' }, 'zone: is not known here'],
  ])('%j is refused with the field and what is allowed', (body, message) => {
    expect(() => readLinkOrder(body)).toThrow(message);
  });
});

describe('an order for a control plane, or a clock', () => {
  it('is read, or refused with the field', () => {
    const order = (body: object) => readControlPlaneOrder({ ...body, ttl: '10s' });
    expect(order({ crash: true })).toEqual({ what: 'crash', wipes: false, ttlMs: 10_000 });
    expect(order({ restart: true })).toEqual({ what: 'restart', wipes: false, ttlMs: 10_000 });
    expect(order({ wipe: true })).toEqual({ what: 'restart', wipes: true, ttlMs: 10_000 });
    expect(order({ crash: true, wipe: true })).toEqual({ what: 'crash', wipes: true, ttlMs: 10_000 });
    for (const none of [{}, { restart: true, wipe: true }, { crash: true, restart: true }])
      expect(() => order(none)).toThrow('must have one of crash, restart, wipe, or crash and wipe');
    expect(readClockOrder({ offset: '-90s', speed: 2 })).toMatchObject({ offsetMs: -90_000, speed: 2 });
    expect(() => readClockOrder({})).toThrow('must have offset, speed, or both');
    expect(() => readClockOrder({ speed: 0 })).toThrow('speed: a running lab cannot be frozen');
    expect(() => readClockOrder({ freeze: true })).toThrow('freeze: a running lab cannot be frozen');
  });
});
