import { describe, expect, it } from 'vitest';
import { row } from '../figures.mjs';
import { curve, line } from './curves.mjs';

const measured = (at, samples, more = {}) => row({ name: 'memory', unit: 'MB', samples, at, ...more });

describe('a curve', () => {
  it('has the medians and ranges of what was measured, in order, whether a section or a row says where', () => {
    const sections = [
      { at: { zones: 100 }, rows: [measured(undefined, [210, 190, 200])] },
      { rows: [measured({ zones: 10 }, [110]), measured({ proxies: 5 }, [50])] },
    ];
    expect(curve({ sections }, 'zones', 'memory').points).toEqual([
      { x: 10, value: 110, min: 110, max: 110 },
      { x: 100, value: 200, min: 190, max: 210 },
    ]);
  });

  it('must have been measured', () => {
    expect(() => curve({ sections: [] }, 'zones', 'memory')).toThrow(/nothing was measured of "memory" by zones/);
  });
});

describe('the line through points', () => {
  const points = [1, 10, 100, 1_000].map((x) => ({ x, value: 130 + 0.3 * x }));

  it('goes on beyond them', () => {
    const { slope, at, fits } = line(points);
    expect(slope).toBeCloseTo(0.3);
    expect(at(10_000)).toBeCloseTo(3_130);
    expect(fits).toBeCloseTo(1);
  });

  it('says how badly it fits', () => {
    expect(line(points).isLine).toBe(true);
    expect(line(points.map(({ x }, nth) => ({ x, value: nth % 2 }))).isLine).toBe(false);
  });
});
