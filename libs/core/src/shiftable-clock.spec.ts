import { describe, expect, it } from 'vitest';
import { systemClock } from './adapters/system-clock.js';
import { ShiftableClock } from './shiftable-clock.js';
import { VirtualClock } from './virtual-clock.js';

const HOUR = 3_600_000;

function clocks() {
  const beneath = new VirtualClock(1_000_000);
  const clock = new ShiftableClock(beneath);
  const fired: string[] = [];
  const ring = (name: string) => () => fired.push(`${name} at ${clock.wall()}`);
  const pass = (ms: number) => {
    const until = beneath.mono() + ms;
    while (beneath.step(until));
    beneath.moveTo(until);
  };
  return { beneath, clock, fired, ring, pass };
}

describe('a clock that can be shifted', () => {
  it('shows the time beneath until it is moved', () => {
    const { clock, pass } = clocks();
    pass(500);
    expect([clock.wall(), clock.mono(), clock.offset, clock.speed]).toEqual([1_000_500, 500, 0, 1]);
  });

  it('moves the wall, forwards and back, and nothing else', () => {
    const { clock, fired, ring, pass } = clocks();
    clock.after(100, ring('a delay'));
    clock.shift(HOUR);
    expect([clock.wall(), clock.mono(), clock.offset]).toEqual([1_000_000 + HOUR, 0, HOUR]);
    pass(99);
    expect(fired).toEqual([]);
    clock.shift(-2 * HOUR);
    pass(1);
    expect([clock.offset, fired]).toEqual([-HOUR, [`a delay at ${1_000_100 - HOUR}`]]);
  });

  it('runs what waits for times that a shift passes by, soonest first', () => {
    const { clock, fired, ring, pass } = clocks();
    clock.at(1_003_000, ring('third'));
    clock.at(1_001_000, ring('first'));
    clock.at(1_002_000, ring('second'));
    clock.shift(HOUR);
    pass(0);
    expect(fired.map((line) => line.split(' ', 1)[0])).toEqual(['first', 'second', 'third']);
  });

  it('waits longer for a time that was moved away', () => {
    const { clock, fired, ring, pass } = clocks();
    clock.at(1_000_100, ring('alarm'));
    clock.shift(-50);
    pass(149);
    expect(fired).toEqual([]);
    pass(1);
    expect(fired).toEqual(['alarm at 1000100']);
  });

  it('passes faster, and what waits for a time of its wall comes sooner', () => {
    const { clock, fired, ring, pass } = clocks();
    clock.at(1_000_000 + HOUR, ring('alarm'));
    clock.pace(3_600);
    clock.after(2_000, ring('delay'));
    pass(999);
    expect(fired).toEqual([]);
    pass(1_001);
    expect(fired).toEqual([`alarm at ${1_000_000 + HOUR}`, `delay at ${1_000_000 + 2 * HOUR}`]);
  });

  it('keeps its time when its speed changes', () => {
    const { clock, pass } = clocks();
    clock.pace(10);
    pass(100);
    clock.pace(0.5);
    expect(clock.wall()).toBe(1_001_000);
    pass(100);
    expect([clock.wall(), clock.speed]).toEqual([1_001_050, 0.5]);
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('refuses a speed of %s, and says why', (speed) => {
    const { clock } = clocks();
    expect(() => clock.pace(speed)).toThrow(/speed: must be a number above 0: the sockets and delays of what runs/);
    expect(clock.speed).toBe(1);
  });

  it('refuses to be moved to no time', () => {
    expect(() => clocks().clock.shift(Number.NaN)).toThrow(/offset/);
  });

  it('never runs what was cancelled, also not after a shift', () => {
    const { clock, fired, ring, pass } = clocks();
    const cancel = clock.at(1_000_100, ring('cancelled'));
    clock.shift(50);
    cancel();
    cancel();
    clock.shift(HOUR);
    pass(HOUR);
    expect(fired).toEqual([]);
  });

  it('lets what it runs set new alarms, and shift it', () => {
    const { clock, fired, ring, pass } = clocks();
    clock.at(1_000_010, () => {
      clock.at(1_000_020, ring('next'));
      clock.shift(HOUR);
    });
    pass(10);
    expect(fired).toEqual([`next at ${1_000_010 + HOUR}`]);
  });

  it('is skewed on its own where several stand on one', () => {
    const { beneath, clock, pass } = clocks();
    const other = new ShiftableClock(beneath);
    clock.shift(-HOUR);
    pass(5);
    expect([clock.wall(), other.wall()]).toEqual([1_000_005 - HOUR, 1_000_005]);
  });

  it('moves the time of a process that runs', async () => {
    const clock = new ShiftableClock(systemClock);
    const rung = new Promise<number>((resolve) => {
      clock.at(systemClock.wall() + HOUR, () => resolve(clock.wall()));
    });
    clock.shift(HOUR);
    expect(await rung).toBeGreaterThanOrEqual(systemClock.wall() + HOUR - 1_000);
  });
});
