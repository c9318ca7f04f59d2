import { describe, expect, it } from 'vitest';
import { INVARIANTS } from './invariant-names.js';
import { PLANTS, type PlantName } from './plants.js';
import { type Outcome, planOf, shrink, simulate } from './play.js';

const MOST_SEEDS = 200;
const NAMES = Object.keys(PLANTS) as PlantName[];

/** The first seed in which it breaks what it is there to break; it may break other things too. */
async function found(name: PlantName): Promise<Outcome> {
  const named = `broken: ${INVARIANTS[PLANTS[name].breaks]} (`;
  for (let seed = 1; seed <= MOST_SEEDS; seed++) {
    const outcome = await simulate(seed, { plant: PLANTS[name] });
    if (outcome.failure?.startsWith(named)) return outcome;
  }
  return expect.fail(`${MOST_SEEDS} seeds did not find it`);
}

describe('a fault that is put in', () => {
  it.each(NAMES)('is found, and what it breaks is named: %s', async (name) => {
    const { seed, failure } = await found(name);
    console.log(`${name}: seed ${seed}: ${failure}`);
  });

  it('is there for each invariant', () => {
    expect(new Set(NAMES.map((name) => PLANTS[name].breaks))).toEqual(new Set(Object.keys(INVARIANTS)));
  });

  it.each(['early-first-response', 'unsynced-commits'] as const)(
    'is told with the few events that it needs, and played again just so: %s',
    async (name) => {
      const failing = await found(name);
      const shortest = await shrink(failing, PLANTS[name]);
      expect(shortest.failure).toBe(failing.failure);
      expect(shortest.only.length).toBeLessThan(planOf(failing.seed).length / 2);
      const again = await simulate(failing.seed, { only: shortest.only, plant: PLANTS[name] });
      expect({ failure: again.failure, trace: again.trace }).toEqual({
        failure: shortest.failure,
        trace: shortest.trace,
      });
      console.log(`${name}: seed ${failing.seed}, ${shortest.only.length} events: ${shortest.failure}`);
    },
  );
});
