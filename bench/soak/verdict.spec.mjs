import { describe, expect, it } from 'vitest';
import { growth, judge, trend } from './verdict.mjs';

const MINUTES = 30;
/** What a process held every ten seconds: 60 MB and as much garbage as comes together within three minutes, and a leak. */
const sawtooth = (mbAnHour) =>
  Array.from({ length: MINUTES * 6 }, (_, nth) => {
    const at = nth * 10;
    const mb = 60 + ((at % 180) / 180) * 30 + (mbAnHour * at) / 3_600;
    return { at, rss: mb, heap: mb };
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
    expect(trend(points)).toBeCloseTo(3);
  });
});

describe('the growth of memory', () => {
  it('is none where only garbage comes and goes', () => {
    expect(Math.abs(growth(sawtooth(0), 'heap').perHour)).toBeLessThan(6);
  });

  it('is found under the garbage', () => {
    const { perHour } = growth(sawtooth(40), 'heap');
    expect(perHour).toBeGreaterThan(34);
    expect(perHour).toBeLessThan(46);
  });

  it('is not told of a short time', () => {
    expect(growth(sawtooth(40).slice(0, 6 * 6), 'heap')).not.toHaveProperty('perHour');
  });
});

describe('a soak', () => {
  it('is good when all is flat, closed, in sync and taken away', () => {
    expect(faults({})).toEqual([]);
  });

  it.each([
    ['memory that grows', { samples: { global: sawtooth(40) } }, ['rss of global', 'heap of global']],
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
