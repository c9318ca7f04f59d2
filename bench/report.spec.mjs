import { describe, expect, it } from 'vitest';
import { Progress } from './report.mjs';

/** How many rounds of a step are begun that is entered at `at` and whose rounds take `took` seconds in turn. */
function begun({ at = 0, took, longest = 100, isLast }) {
  let now = 0;
  const progress = new Progress({ hurryAfterMs: 300_000, endAfterMs: 500_000, now: () => now });
  now = at * 1_000;
  let count = 0;
  for (const _ of progress.rounds({ rounds: took.length, longestMs: longest * 1_000, isLast }))
    now += took[count++] * 1_000;
  return count;
}

describe('rounds of a step', () => {
  it('are all begun where there is time', () => {
    expect(begun({ took: [30, 30, 30] })).toBe(3);
  });

  it('are not begun where they would not end in the time of the step, if they take as long as the last', () => {
    expect(begun({ took: [40, 40, 40] })).toBe(2);
    expect(begun({ took: [30, 60, 10] })).toBe(2);
  });

  it('are one at least', () => {
    expect(begun({ took: [200, 10] })).toBe(1);
    expect(begun({ at: 490, took: [20, 20] })).toBe(1);
  });

  it('leave the last step its time, which has all that is left', () => {
    expect(begun({ at: 250, took: [30, 30] })).toBe(1);
    expect(begun({ at: 290, took: [100, 100], longest: 300, isLast: true })).toBe(2);
    expect(begun({ at: 310, took: [100, 100], longest: 300, isLast: true })).toBe(1);
  });
});
