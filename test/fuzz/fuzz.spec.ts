import { afterEach, describe, expect, it } from 'vitest';
import { type Fuzzer, play } from './fuzzer.js';
import { FUZZERS } from './fuzzers.js';

let fuzzer: Fuzzer<never>;
afterEach(() => fuzzer.close());

describe('a short fuzz of', () => {
  it.each([
    ['token', 500, ['accepted', 'refused']],
    ['kds', 150, ['status 0', 'status 13', 'applied', 'refused']],
    ['rest', 50, ['2xx', '4xx', 'resources']],
  ] as const)('%s, always the same, finds nothing, and meets what it is meant to meet', async (name, least, kinds) => {
    fuzzer = (await FUZZERS[name]()) as Fuzzer<never>;
    const { executions, failure } = await play(fuzzer, { seed: 1, isEnough: (executions) => executions >= least });
    expect(failure).toBeUndefined();
    const seen = fuzzer.seen();
    console.log(`${name}: ${executions} executions, ${JSON.stringify(seen)}`);
    for (const kind of kinds) expect(seen[kind], kind).toBeGreaterThan(0);
  });
});
