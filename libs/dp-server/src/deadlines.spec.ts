import { VirtualClock } from '@koguma/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Deadlines } from './deadlines.js';

const START = 1_000_000;

function deadlines() {
  const clock = new VirtualClock(START);
  return { clock, deadlines: new Deadlines(clock), fired: [] as number[] };
}

describe('deadlines of the wall clock', () => {
  it('come in the order of their times, whatever the order in which they were set and taken back', () => {
    const one = fc.record({ at: fc.integer({ min: START, max: START + 50 }), kept: fc.boolean() });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 60 }), (all) => {
        const { clock, deadlines: under, fired } = deadlines();
        const cancels = all.map(({ at }) => under.add(at, () => fired.push(at)));
        for (const [index, { kept }] of all.entries()) if (!kept) cancels[index]?.();
        const expected = all.filter(({ kept }) => kept).map(({ at }) => at);
        expect(under.size).toBe(expected.length);
        while (clock.step());
        expect(fired).toEqual(expected.sort((a, b) => a - b));
        expect([under.size, clock.next()]).toEqual([0, undefined]);
      }),
    );
  });

  it('never come early, and come exactly on time', () => {
    const { clock, deadlines: under, fired } = deadlines();
    for (const ms of [300, 100, 200]) under.add(START + ms, () => fired.push(clock.mono()));
    while (clock.step());
    expect(fired).toEqual([100, 200, 300]);
  });

  it('come at once when time jumps over them, and wait when it is set back', () => {
    const { clock, deadlines: under, fired } = deadlines();
    under.add(START + 1_000, () => fired.push(clock.mono()));
    under.add(START + 9_000, () => fired.push(clock.mono()));
    clock.skew(-500);
    while (clock.step(1_499));
    expect(fired).toEqual([]);
    clock.moveTo(1_499);
    clock.skew(20_000);
    while (clock.step());
    expect(fired).toEqual([1_499, 1_499]);
  });

  it('have one timer, and none when there is no deadline', () => {
    const { clock, deadlines: under } = deadlines();
    const cancels = [3, 1, 2].map((ms) => under.add(START + ms, () => undefined));
    expect(clock.next()).toBe(1);
    cancels[1]?.();
    expect(clock.next()).toBe(2);
    for (const cancel of cancels) cancel();
    expect(clock.next()).toBeUndefined();
  });

  it('may be set, and taken back, by one that comes', () => {
    const { clock, deadlines: under, fired } = deadlines();
    let cancel = () => {};
    under.add(START + 10, () => {
      cancel();
      under.add(START + 15, () => fired.push(15));
    });
    cancel = under.add(START + 10, () => fired.push(10));
    while (clock.step());
    expect(fired).toEqual([15]);
  });
});
