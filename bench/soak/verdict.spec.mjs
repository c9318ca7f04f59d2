import { describe, expect, it } from 'vitest';
import { growth, judge, trend } from './verdict.mjs';

const MINUTES = 30;
/** What a process held every ten seconds: 60 MB and as much garbage as comes together within three minutes, and a leak. */
const sawtooth = (mbAnHour) =>
  Array.from({ length: MINUTES * 6 }, (_, nth) => {
    const at = nth * 10;
    const mb = 60 + ((at % 180) / 180) * 30 + (mbAnHour * at) / 3_600;
    return { at, rss: mb, ...(nth % 6 === 5 && { alive: 60 + (mbAnHour * at) / 3_600 }) };
  });
const calm = {
  samples: { global: sawtooth(0) },
  before: { global: { files: 30, handles: 8 } },
  after: { global: { files: 30, handles: 7 } },
  failures: [],
  errors: [],
  sync: [{ zone: 'east', behind: [] }],
  leftOver: [],
};
const faults = (change) =>
  judge({ ...calm, ...change })
    .filter(({ good }) => good === false)
    .map(({ what }) => what);

describe('a trend', () => {
  it('is the slope, whatever a quarter of the samples say', () => {
    const points = Array.from({ length: 20 }, (_, x) => [x, x % 5 === 0 ? 1_000 : 3 * x]);
    expect(trend(points).slope).toBeCloseTo(3);
  });
});

describe('the growth of memory', () => {
  it('is none where only garbage comes and goes', () => {
    const { slope, low, high } = growth(sawtooth(0), 'rss');
    expect(Math.abs(slope)).toBeLessThan(6);
    expect(low).toBeLessThanOrEqual(0);
    expect(high).toBeGreaterThanOrEqual(0);
  });

  it('is found under the garbage', () => {
    const { slope, low, high } = growth(sawtooth(60), 'rss');
    expect(slope).toBeGreaterThan(50);
    expect(slope).toBeLessThan(70);
    expect(low).toBeLessThan(slope);
    expect(high).toBeGreaterThan(slope);
  });

  it('is exact in what is alive', () => {
    const { slope, low, high } = growth(sawtooth(20), 'alive');
    for (const each of [slope, low, high]) expect(each).toBeCloseTo(20);
  });

  it('is not told of a short time', () => {
    expect(growth(sawtooth(60).slice(0, 6 * 6), 'rss')).not.toHaveProperty('slope');
  });
});

describe('a soak', () => {
  it('is good when all is flat, closed, in sync and taken away', () => {
    expect(faults({})).toEqual([]);
  });

  it.each([
    ['memory that grows', { samples: { global: sawtooth(60) } }, ['rss of global', 'alive of global']],
    ['a file that stays open', { after: { global: { files: 31, handles: 8 } } }, ['files of global']],
    ['a handle that stays', { after: { global: { files: 30, handles: 9 } } }, ['handles of global']],
    ['a deed that failed', { failures: [{}] }, ['deeds']],
    ['an error in a log', { errors: ['global: cannot'] }, ['logs']],
    ['a zone that is behind', { sync: [{ zone: 'east', behind: ['Secret'] }] }, ['sync']],
    ['something that is left', { leftOver: ['mesh-1'] }, ['what was made']],
  ])('is not good with %s', (_, change, what) => {
    expect(faults(change)).toEqual(what);
  });
});
