import { escaped } from './escaped.js';
import type { RunFailure, ScenarioOutcome } from './run.js';
import { runOf } from './shown.js';

/**
 * The outcomes as JUnit XML, as CI systems read it: a suite for each run, a case for each step, and one for the invariants; on a
 * lab that runs, where none are watched, it is for the lab, which must take the scenario and be left as it was.
 * Times are real ones, in seconds, and all in the suite: steps take none.
 */
export function junitOf(outcomes: readonly ScenarioOutcome[]): string {
  const failed = outcomes.filter(({ passed }) => !passed).length;
  const cases = outcomes.reduce((sum, { steps }) => sum + steps.length + 1, 0);
  const time = outcomes.reduce((sum, { wallMs }) => sum + wallMs, 0);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="koguma" tests="${cases}" failures="${failuresOf(outcomes)}" time="${seconds(time)}">`,
    ...outcomes.flatMap(suiteOf),
    '</testsuites>',
    `<!-- ${outcomes.length} runs, ${failed} failed -->`,
    '',
  ].join('\n');
}

function suiteOf(outcome: ScenarioOutcome): string[] {
  const { name, file, steps, wallMs, failures } = outcome;
  const suite = `${name} (${runOf(outcome)})`;
  const broken = failures.filter((failure) => !isOfStep(outcome, failure));
  const last = outcome.seed === null ? 'lab' : 'invariants';
  const rows = steps.map(({ text, line, passed, verb }) => {
    const title = escaped(`${line}: ${passed ? text : verb}`);
    const head = `    <testcase classname="${escaped(name)}" name="${title}" file="${escaped(file)}" line="${line}" time="0"`;
    if (passed || isBrokenAt(outcome, line)) return `${head}/>`;
    return `${head}><failure message="${escaped(text)}">${escaped(`${file}:${line}: ${text}`)}</failure></testcase>`;
  });
  const besides = `    <testcase classname="${escaped(name)}" name="${last}" file="${escaped(file)}" time="0"`;
  const failure = broken.map(
    ({ message, line }) => `<failure message="${escaped(message)}">${escaped(`${file}:${line}: ${message}`)}</failure>`,
  );
  const errors = failuresOf([outcome]);
  return [
    `  <testsuite name="${escaped(suite)}" tests="${steps.length + 1}" failures="${errors}" time="${seconds(wallMs)}">`,
    ...rows,
    failure.length === 0 ? `${besides}/>` : `${besides}>${failure.join('')}</testcase>`,
    '  </testsuite>',
  ];
}

/** Cases that failed: steps, and the one besides them. */
function failuresOf(outcomes: readonly ScenarioOutcome[]): number {
  return outcomes.reduce((sum, outcome) => {
    const steps = outcome.steps.filter(({ passed, line }) => !passed && !isBrokenAt(outcome, line)).length;
    return sum + steps + (outcome.failures.every((failure) => isOfStep(outcome, failure)) ? 0 : 1);
  }, 0);
}

/** Whether a step tells it. */
function isOfStep({ steps }: ScenarioOutcome, { invariant, line }: RunFailure): boolean {
  return invariant === undefined && steps.some((step) => !step.passed && step.line === line);
}

/** A step in which only an invariant broke did not fail itself. */
function isBrokenAt({ failures }: ScenarioOutcome, line: number): boolean {
  const here = failures.filter((failure) => failure.line === line);
  return here.length > 0 && here.every(({ invariant }) => invariant !== undefined);
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(3);
}
