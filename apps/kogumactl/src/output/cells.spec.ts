import { describe, expect, it } from 'vitest';
import { age, ago, tagsCell } from './cells.js';

const NOW = Date.parse('2026-01-02T03:04:05Z');
const [SECOND, MINUTE, HOUR, DAY] = [1_000, 60_000, 3_600_000, 86_400_000];

describe('the age of a resource', () => {
  it.each([
    [0, '0s'],
    [12.9 * SECOND, '12s'],
    [59_999, '59s'],
    [MINUTE, '1m'],
    [59 * MINUTE + 59 * SECOND, '59m'],
    [3 * HOUR, '3h'],
    [23.9 * HOUR, '23h'],
    [9 * DAY, '9d'],
    [364 * DAY, '364d'],
    [365 * DAY, '1y'],
    [800 * DAY, '2y'],
    [-SECOND, '0s'],
    [-1_999, '0s'],
    [-2 * SECOND, 'never'],
  ])('of %d ms is %s', (ms, shown) => {
    expect(age(new Date(NOW - ms).toISOString(), NOW)).toBe(shown);
  });

  it.each(['0001-01-01T00:00:00Z', undefined, 'yesterday'])('is as old as can be when its time is %s', (time) => {
    expect(age(time, NOW)).toBe('292y');
  });
});

it('says never for what has not happened', () => {
  expect(ago(undefined, NOW)).toBe('never');
  expect(ago('2026-01-02T01:04:05Z', NOW)).toBe('2h');
});

it('shows tags in order, each value once', () => {
  const inbounds = [
    { version: 'v1', service: 'mobile' },
    { service: 'metrics', version: 'v1' },
  ];
  expect(tagsCell(inbounds)).toBe('service=metrics,mobile version=v1');
  expect(tagsCell([])).toBe('');
});
