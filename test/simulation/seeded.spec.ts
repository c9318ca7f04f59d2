import { describe, expect, it } from 'vitest';
import { runSeed } from './run-seed.js';

describe('a seeded simulation', () => {
  it('gives the same trace for the same seed', async () => {
    const [first, second] = [await runSeed(7), await runSeed(7)];
    expect(first.trace.length).toBeGreaterThan(100);
    expect(second.trace).toEqual(first.trace);
  });

  it('gives another trace for another seed', async () => {
    expect((await runSeed(8)).fingerprint()).not.toBe((await runSeed(9)).fingerprint());
  });

  it('keeps its promises through writes, rotations, revocations, cuts and restarts, whatever the seed', async () => {
    let issuedWhileCut = 0;
    for (let seed = 100; seed < 400; seed++) issuedWhileCut += (await runSeed(seed)).issuedWhileCut;
    expect(
      issuedWhileCut,
      'a zone that was cut off issued a token, and the check of another proxy there accepted it',
    ).toBeGreaterThan(0);
  });
});
