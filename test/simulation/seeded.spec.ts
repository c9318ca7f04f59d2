import { describe, expect, it } from 'vitest';
import { simulate } from './play.js';

describe('a seeded simulation', () => {
  it('gives the same trace for the same seed', async () => {
    const [first, second] = [await simulate(7), await simulate(7)];
    expect(first.trace.length).toBeGreaterThan(100);
    expect(second.trace).toEqual(first.trace);
  });

  it('gives another trace for another seed', async () => {
    expect((await simulate(8)).fingerprint).not.toBe((await simulate(9)).fingerprint);
  });
});
