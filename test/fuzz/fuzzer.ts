import { inspect } from 'node:util';
import fc from 'fast-check';

/** What is fuzzed: what is made up, and how it is looked at. */
export interface Fuzzer<Made = unknown> {
  readonly made: fc.Arbitrary<Made>;
  /** @throws Error that says what is wrong */
  check(made: Made): Promise<void>;
  /** What was seen so far, for people: that the fuzzing meets what it is meant to meet. */
  seen(): Readonly<Record<string, number>>;
  close(): Promise<void>;
}

export interface Failure {
  readonly seed: number;
  /** Where in that seed, after shrinking: to be played again with both. */
  readonly path: string;
  readonly counterexample: string;
  readonly error: string;
}

export interface Played {
  readonly executions: number;
  readonly failure: Failure | undefined;
}

interface Options {
  readonly seed: number;
  /** One case of that seed. */
  readonly path?: string | undefined;
  /** Asked after each batch. */
  readonly isEnough: (executions: number) => boolean;
}

/** So many cases come from one seed; the next batch has the next one. */
const BATCH = 50;
const LONGEST_EXAMPLE = 20_000;

/** Makes cases up and looks at each, until it is enough or one fails; that one is shrunk. */
export async function play<Made>(fuzzer: Fuzzer<Made>, { seed, path, isEnough }: Options): Promise<Played> {
  const property = fc.asyncProperty(fuzzer.made, (made) => fuzzer.check(made));
  let executions = 0;
  for (let batch = seed; ; batch++) {
    const again = path === undefined ? {} : { path, endOnFailure: true };
    const { failed, numRuns, counterexamplePath, counterexample, errorInstance } = await fc.check(property, {
      seed: batch,
      numRuns: path === undefined ? BATCH : 1,
      ...again,
    });
    executions += numRuns;
    if (failed) {
      const failure: Failure = {
        seed: batch,
        path: counterexamplePath ?? '0',
        counterexample: fc.stringify(counterexample?.[0]).slice(0, LONGEST_EXAMPLE),
        error: inspect(errorInstance),
      };
      return { executions, failure };
    }
    if (path !== undefined || isEnough(executions)) return { executions, failure: undefined };
  }
}
