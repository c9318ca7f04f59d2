import { describe, expect, it } from 'vitest';
import { epochSeconds, sleep } from './clock.js';
import { ShiftableClock } from './shiftable-clock.js';
import { VirtualClock } from './virtual-clock.js';

describe('VirtualClock', () => {
  it('stands still until it is moved', () => {
    const clock = new VirtualClock(5_000);
    expect([clock.wall(), clock.mono(), clock.next()]).toEqual([5_000, 0, undefined]);
    clock.moveTo(1_500);
    expect([clock.wall(), clock.mono()]).toEqual([6_500, 1_500]);
  });

  it('fires deadlines in order of time, and of setting where times are equal', () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    clock.after(20, () => fired.push(`late at ${clock.mono()}`));
    clock.after(10, () => fired.push(`first at ${clock.mono()}`));
    clock.after(10, () => fired.push(`second at ${clock.mono()}`));
    expect(clock.next()).toBe(10);
    while (clock.step());
    expect(fired).toEqual(['first at 10', 'second at 10', 'late at 20']);
  });

  it('fires one deadline a step, so that a peer may act in between', () => {
    const clock = new VirtualClock();
    const fired: number[] = [];
    clock.after(1, () => fired.push(1));
    clock.after(1, () => fired.push(2));
    expect(clock.step()).toBe(true);
    expect(fired).toEqual([1]);
  });

  it('does not step past a limit, and moves no time when it does not fire', () => {
    const clock = new VirtualClock();
    clock.after(10, () => undefined);
    expect(clock.step(9)).toBe(false);
    expect(clock.mono()).toBe(0);
    expect(clock.step(10)).toBe(true);
    expect(clock.step()).toBe(false);
  });

  it('fires what a deadline sets for now, or for before now, at the same time', () => {
    const clock = new VirtualClock();
    const fired: number[] = [];
    clock.after(10, () => clock.after(-5, () => fired.push(clock.mono())));
    while (clock.step());
    expect(fired).toEqual([10]);
  });

  it('fires what waits for a time of the wall when that shows it, however it got there', () => {
    const clock = new VirtualClock(1_000);
    const fired: string[] = [];
    clock.at(1_050, () => fired.push(`by waiting, at ${clock.mono()}`));
    clock.at(9_000, () => fired.push(`by a jump, at ${clock.mono()}`));
    clock.after(60, () => clock.skew(8_000));
    while (clock.step());
    expect(fired).toEqual(['by waiting, at 50', 'by a jump, at 60']);
  });

  it('waits longer for a time of the wall that was set back', () => {
    const clock = new VirtualClock(1_000);
    const fired: number[] = [];
    clock.at(1_100, () => fired.push(clock.mono()));
    clock.skew(-500);
    expect(clock.next()).toBe(600);
    while (clock.step());
    expect(fired).toEqual([600]);
  });

  it('fires what waits for a time that is past at once, unless it is cancelled', () => {
    const clock = new VirtualClock(1_000);
    const fired: string[] = [];
    clock.at(1, () => fired.push('kept'));
    clock.at(2, () => fired.push('cancelled'))();
    while (clock.step());
    expect([fired, clock.mono()]).toEqual([['kept'], 0]);
  });

  it('never fires what was cancelled, and cancelling again does nothing', () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    const cancel = clock.after(10, () => fired.push('cancelled'));
    clock.after(10, () => fired.push('kept'));
    cancel();
    cancel();
    while (clock.step());
    cancel();
    expect(fired).toEqual(['kept']);
  });

  it('skews wall time alone', () => {
    const clock = new VirtualClock(10_000);
    clock.after(100, () => undefined);
    clock.skew(-4_000);
    expect([clock.wall(), clock.mono(), clock.next()]).toEqual([6_000, 0, 100]);
  });

  describe('that dozes', () => {
    const HOUR = 3_600_000;
    const doze = (clock: VirtualClock, ms: number) => {
      const next = clock.doze(ms);
      while (next());
    };

    it('fires what waits in order, each at its time of the wall, while mono stands still', () => {
      const clock = new VirtualClock(0);
      const fired: string[] = [];
      const tell = (what: string) => () => fired.push(`${what} at ${clock.wall()}/${clock.mono()}`);
      clock.at(3 * HOUR, tell('third'));
      clock.after(2 * HOUR, tell('second'));
      clock.at(HOUR, tell('first'));
      clock.at(5 * HOUR, tell('later'));
      doze(clock, 4 * HOUR);
      expect(fired).toEqual([`first at ${HOUR}/0`, `second at ${2 * HOUR}/0`, `third at ${3 * HOUR}/0`]);
      expect([clock.wall(), clock.mono(), clock.next()]).toEqual([4 * HOUR, 0, HOUR]);
    });

    it('fires what comes again and again once, and lets its next time count from the end', () => {
      const clock = new VirtualClock(0);
      let ticks = 0;
      const tick = () => {
        ticks++;
        clock.after(5_000, tick);
      };
      tick();
      doze(clock, 87_600 * HOUR);
      expect([ticks, clock.next()]).toEqual([2, 5_000]);
    });

    it('fires times of the wall that are set meanwhile', () => {
      const clock = new VirtualClock(0);
      const fired: number[] = [];
      clock.at(HOUR, () => clock.at(2 * HOUR, () => fired.push(clock.wall())));
      doze(clock, 3 * HOUR);
      expect(fired).toEqual([2 * HOUR]);
    });

    it('takes what has passed off delays that do not end yet', () => {
      const clock = new VirtualClock(0);
      clock.after(24 * HOUR, () => undefined);
      doze(clock, 23 * HOUR);
      expect([clock.wall(), clock.next()]).toEqual([23 * HOUR, HOUR]);
    });

    it('fires what stands on it with a skew of its own by that wall', () => {
      const clock = new VirtualClock(0);
      const skewed = new ShiftableClock(clock);
      skewed.shift(HOUR);
      const fired: number[] = [];
      skewed.at(2 * HOUR, () => fired.push(clock.wall()));
      doze(clock, 3 * HOUR);
      expect(fired).toEqual([HOUR]);
    });
  });

  it('refuses to go back', () => {
    const clock = new VirtualClock();
    clock.moveTo(10);
    expect(() => clock.moveTo(9)).toThrow(RangeError);
  });
});

describe('sleep', () => {
  it('ends at its time', async () => {
    const clock = new VirtualClock();
    const slept = sleep(clock, 100, new AbortController().signal);
    clock.step();
    await slept;
    expect(clock.mono()).toBe(100);
  });

  it('ends at once with its signal, and leaves no deadline behind', async () => {
    const clock = new VirtualClock();
    const stopping = new AbortController();
    const slept = sleep(clock, 100, stopping.signal);
    stopping.abort();
    await slept;
    expect([clock.mono(), clock.next()]).toEqual([0, undefined]);
  });

  it('does not start with a signal that has ended', async () => {
    const clock = new VirtualClock();
    await sleep(clock, 100, AbortSignal.abort());
    expect(clock.next()).toBeUndefined();
  });
});

describe('epochSeconds', () => {
  it('rounds down, as NumericDate is written', () => {
    expect(epochSeconds(new VirtualClock(1_999))).toBe(1);
  });
});
