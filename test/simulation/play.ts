import { SeededEntropy } from '@koguma/core';
import { DECK, type Event, play } from './events.js';
import { checkConverged, checkInvariants } from './invariants.js';
import type { Plant } from './nodes.js';
import { Run } from './run.js';

const EVENTS = 60;
/** How often the next event comes before the messages of the last one have arrived. */
const AT_ONCE = 0.4;
const LONGEST_PAUSE_MS = 2_000;

/** What one run did; `failure` is the invariant that it broke. */
export interface Outcome {
  readonly seed: number;
  /** Which events of the seed's plan were played, by their numbers. */
  readonly only: readonly number[];
  readonly events: number;
  readonly checks: number;
  readonly issuedWhileCut: number;
  readonly trace: readonly string[];
  readonly fingerprint: string;
  readonly failure: string | undefined;
}

interface Options {
  /** A part of the plan; all of it when left out. */
  readonly only?: readonly number[] | undefined;
  readonly plant?: Plant | undefined;
}

/** All that a seed lets happen, decided before it does. */
export function planOf(seed: number): Event[] {
  const chance = new SeededEntropy(seed);
  return Array.from({ length: EVENTS }, () => {
    const kind = DECK[Math.floor(chance.random() * DECK.length)] ?? 'wait';
    const dice = [chance.random(), chance.random(), chance.random()] as const;
    return { kind, dice, pause: chance.random() < AT_ONCE ? 0 : chance.random() * LONGEST_PAUSE_MS };
  });
}

/** Plays a seed, or a part of its plan: after each event the invariants, and in the end that all heals. */
export async function simulate(seed: number, { only, plant = {} }: Options = {}): Promise<Outcome> {
  const run = new Run(seed, plant);
  const plan = planOf(seed);
  const played = only ?? plan.map((_, number) => number);
  let failure: string | undefined;
  try {
    await run.start();
    for (const number of played) {
      const event = plan[number];
      if (!event) throw new RangeError(`seed ${seed} has no event ${number}`);
      run.events++;
      await play(run, event);
      await run.pass(event.pause);
      await checkInvariants(run);
    }
    await checkConverged(run);
  } catch (error) {
    failure = (error as Error).message;
  }
  const { events, checks, issuedWhileCut, trace } = run;
  return { seed, only: played, events, checks, issuedWhileCut, trace, fingerprint: run.fingerprint(), failure };
}

/**
 * Leaves out of a failing run whatever it fails without, in ever smaller pieces.
 * @returns the shortest run found that still breaks the same invariant
 */
export async function shrink(failing: Outcome, plant?: Plant): Promise<Outcome> {
  let best = failing;
  for (let size = Math.ceil(best.only.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < best.only.length; ) {
      const only = best.only.filter((_, index) => index < from || index >= from + size);
      const tried = await simulate(best.seed, { only, plant });
      if (tried.failure === failing.failure) best = tried;
      else from += size;
    }
  }
  return best;
}
