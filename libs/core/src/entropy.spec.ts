import { describe, expect, it } from 'vitest';
import { systemEntropy } from './adapters/system-entropy.js';
import { jittered, SeededEntropy } from './entropy.js';

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe.each([
  ['seeded', () => new SeededEntropy(1)],
  ['system', () => systemEntropy],
])('%s entropy', (_, make) => {
  it('makes version 4 UUIDs, each another one', () => {
    const entropy = make();
    const uuids = Array.from({ length: 1_000 }, () => entropy.uuid());
    for (const uuid of uuids) expect(uuid).toMatch(UUID_V4);
    expect(new Set(uuids).size).toBe(uuids.length);
  });

  it('makes numbers from 0 up to, not including, 1, spread evenly', () => {
    const entropy = make();
    const numbers = Array.from({ length: 10_000 }, () => entropy.random());
    expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...numbers)).toBeLessThan(1);
    const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.03);
  });
});

describe('SeededEntropy', () => {
  const draw = (seed: number) => {
    const entropy = new SeededEntropy(seed);
    return [entropy.random(), entropy.uuid(), entropy.random(), entropy.uuid()];
  };

  it('repeats itself for the same seed', () => {
    expect(draw(42)).toEqual(draw(42));
  });

  it('says something else for any other seed', () => {
    const seeds = Array.from({ length: 500 }, (_, seed) => seed);
    expect(new Set(seeds.map((seed) => JSON.stringify(draw(seed)))).size).toBe(seeds.length);
  });
});

describe('jittered', () => {
  it.each([
    [0, 800],
    [0.5, 1_000],
    [1, 1_200],
  ])('spreads by a fifth either way: chance %d', (chance, ms) => {
    expect(jittered(1_000, { random: () => chance, uuid: () => '' })).toBeCloseTo(ms);
  });
});
