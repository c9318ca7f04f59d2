import { describe, expect, it } from 'vitest';
import { PLANTS, type PlantName } from './plants.js';
import { type Outcome, planOf, shrink, simulate } from './play.js';

const MOST_SEEDS = 1_000;

async function found(name: PlantName): Promise<Outcome | undefined> {
  for (let seed = 1; seed <= MOST_SEEDS; seed++) {
    const outcome = await simulate(seed, { plant: PLANTS[name] });
    if (outcome.failure !== undefined) return outcome;
  }
  return undefined;
}

describe('a fault that is put in', () => {
  it.each(Object.keys(PLANTS) as PlantName[])(
    'is found, told with the few events that it needs, and played again just so: %s',
    async (name) => {
      const failing = await found(name);
      if (!failing) return expect.fail(`${MOST_SEEDS} seeds did not find it`);
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
