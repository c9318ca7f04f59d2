import { describe, expect, it } from 'vitest';
import { row } from '../figures.mjs';
import { atTenThousand, thatEnds } from './ten-thousand.mjs';

const COUNTS = [1, 10, 100, 1_000];
const NAMES = {
  'memory of global, all idle': 'MB',
  'CPU of global for a change and zone': 'µs',
  'bytes from global for a change and zone': 'KB',
  'PUT on global to applied, of all zones, median': 'ms',
  'PUT on global to applied, of all zones, p99': 'ms',
  'all zones started and in sync': 's',
  'global was killed: all in sync again': 's',
  'bytes to a zone that comes back': 'KB',
  'bytes to it without resume': 'KB',
};

/** Everything grows by one for each zone, but for CPU at rest. */
function results(idle) {
  const sections = COUNTS.map((zones, index) => ({
    at: { zones },
    rows: [
      ...Object.entries(NAMES).map(([name, unit]) => row({ name, unit, samples: [100 + zones] })),
      row({ name: 'CPU of global in 1 s, all idle', unit: 'ms', samples: [idle[index]] }),
    ],
  }));
  return { sections };
}

const rowOf = (idle, name) => atTenThousand(results(idle)).rows.find(([of]) => of === name);
const endOf = (idle, what) => thatEnds(results(idle)).find((one) => one.what === what);

describe('ten thousand zones', () => {
  it('are where the line leads on which all points lie', () => {
    expect(rowOf([1, 1, 1, 1], 'memory of global, all idle').slice(2)).toEqual([
      '10,100 MB',
      'the line through what was measured',
    ]);
    expect(endOf([1, 1, 1, 1], 'global fits into 2 GB')).toMatchObject({ zones: 1_900 });
  });

  it('cost as many times one of the most where there is no line', () => {
    const bent = [8, 16, 62, 50];
    expect(rowOf(bent, 'CPU of global in 1 s, all idle').slice(1)).toEqual([
      '50.0 ms',
      '500.0 ms',
      'what one zone costs with 1,000',
    ]);
    expect(endOf(bent, 'one core carries them idle')).toMatchObject({
      zones: 20_000,
      by: 'what one zone costs with 1,000',
    });
  });
});
