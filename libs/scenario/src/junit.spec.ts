import { describe, expect, it } from 'vitest';
import { junitOf } from './junit.js';
import type { RunFailure, ScenarioOutcome } from './run.js';

const STEP = { verb: 'expect', note: undefined, at: 0, column: 5 };

function outcome(seed: number | null, failures: readonly RunFailure[], isStepOk: boolean): ScenarioOutcome {
  return {
    ...{ name: 'story', about: '', file: 'story.yaml', seed, failures, timeline: [], nodes: [], begins: '' },
    passed: failures.length === 0,
    steps: [{ ...STEP, line: 4, text: 'it is so', passed: isStepOk }],
    ...{ labMs: 0, wallMs: 0 },
  };
}
const failure = (message: string, line: number, invariant?: RunFailure['invariant']): RunFailure => ({
  ...{ message, invariant, line, column: 5 },
});

describe('JUnit of a run', () => {
  it('has a case for each step, and one for the invariants', () => {
    const xml = junitOf([outcome(1, [], true)]);
    expect(xml).toContain('<testsuite name="story (seed 1)" tests="2" failures="0"');
    expect([...xml.matchAll(/name="(4: it is so|invariants)"/g)]).toHaveLength(2);
  });

  it('fails the step that failed, or the invariant that broke at it', () => {
    const step = junitOf([outcome(1, [failure('it is not so', 4)], false)]);
    expect(step.match(/<failure /g)).toHaveLength(1);
    const broken = junitOf([outcome(1, [failure('it leaks', 4, 'user-key-stays-home')], true)]);
    expect(broken).toMatch(/name="invariants"[^>]*><failure message="it leaks">/);
    for (const xml of [step, broken]) expect(xml).toContain('tests="2" failures="1"');
  });

  it('says of a lab that runs nothing of invariants, and fails for one that is not left as it was', () => {
    const xml = junitOf([outcome(null, [failure('after it: could not be put back', 4)], true)]);
    expect(xml).toContain('<testsuite name="story (live)" tests="2" failures="1"');
    expect(xml).toMatch(/name="lab"[^>]*><failure message="after it: could not be put back">/);
    expect(xml).not.toContain('invariants');
  });
});
