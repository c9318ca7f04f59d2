import { readFileSync, writeFileSync } from 'node:fs';
import {
  htmlOf,
  junitOf,
  type Listeners,
  obstaclesTo,
  type ReadScenario,
  readScenario,
  runLive,
  runScenario,
  type ScenarioOutcome,
  type StepOutcome,
  scenarioSchema,
  shown,
  UnreadableScenario,
} from '@koguma/scenario';
import { Failure } from '../failure.js';
import type { Terminal } from '../terminal.js';
import { findLab, type LiveOptions } from './live-lab.js';

interface Options extends LiveOptions {
  readonly live?: boolean;
  readonly seed?: string;
  readonly runs: string;
  readonly verbose?: boolean;
  readonly junit?: string;
  readonly json?: string;
  readonly html?: string;
}

/** Plays one scenario once. @param seed what decides all that is left to chance, where that can be decided */
type Play = (scenario: ReadScenario, seed: number, listeners: Listeners) => Promise<ScenarioOutcome>;

/** Plays every file, as often as asked for; fails when one of them did. */
export async function runScenarios(files: readonly string[], options: Options, terminal: Terminal): Promise<void> {
  const { live = false } = options;
  if (live && options.seed !== undefined)
    throw Failure.usage('--seed decides nothing on a lab that runs', 'Leave it, or --live, out.');
  const [seed, runs] = [whole('--seed', options.seed ?? '1', 0), whole('--runs', options.runs, 1)];
  const scenarios = files.map(read);
  const { play, interrupted }: Player = live ? await livePlayer(scenarios, options, terminal) : IN_PROCESS;
  const began = performance.now();
  const outcomes: ScenarioOutcome[] = [];
  for (let run = 0; run < runs; run++)
    for (const scenario of scenarios)
      if (!interrupted()) outcomes.push(await tell(scenario, seed + run, play, options, terminal));

  if (options.junit !== undefined) write(options.junit, junitOf(outcomes));
  if (options.json !== undefined) write(options.json, `${JSON.stringify({ runs: outcomes }, undefined, 2)}\n`);
  if (options.html !== undefined) write(options.html, htmlOf(outcomes));

  const failed = outcomes.filter(({ passed }) => !passed);
  const seeds = live ? 'live' : runs === 1 ? `seed ${seed}` : `seeds ${seed} to ${seed + runs - 1}`;
  const took = shown(performance.now() - began);
  terminal.out.write(`${outcomes.length - failed.length} passed, ${failed.length} failed, ${seeds}, in ${took}\n`);
  if (interrupted()) throw new Failure('interrupted', 'See that nothing is wrong any more: npx kogumactl fault list');
  const [first] = failed;
  if (!first) return;
  const how = first.seed === null ? '--live' : `--seed ${first.seed}`;
  const again = `npx kogumactl scenario run ${first.file} ${how} --verbose`;
  throw new Failure(`${failed.length} of ${outcomes.length} runs failed`, `Play one again: ${again}`);
}

/** Where scenarios are played. */
interface Player {
  readonly play: Play;
  /** Whether the user does not want any more. */
  readonly interrupted: () => boolean;
}

const IN_PROCESS: Player = {
  play: (scenario, seed, listeners) => runScenario(scenario, { seed, ...listeners }),
  interrupted: () => false,
};

/** @throws Failure when a scenario cannot be played there, before any is: with every place and reason */
async function livePlayer(scenarios: readonly ReadScenario[], options: Options, terminal: Terminal): Promise<Player> {
  const found = await findLab(options, terminal);
  const problems = scenarios.flatMap((scenario) =>
    obstaclesTo(scenario, found).map(({ line, column, message }) => `${scenario.file}:${line}:${column}: ${message}`),
  );
  if (problems.length > 0) {
    const todo = 'Nothing was played. Leave those out, or play them without --live.';
    throw Failure.usage(`a lab that runs cannot do this\n${problems.join('\n')}`, todo);
  }
  const { stop } = terminal.interrupts();
  const play: Play = async (scenario, _, listeners) =>
    runLive(scenario, await found.connect(scenario.scenario.topology.zones, stop), listeners);
  return { play, interrupted: () => stop.aborted };
}

/** The JSON schema of a scenario. */
export function printSchema(terminal: Terminal): void {
  terminal.out.write(`${JSON.stringify(scenarioSchema(), undefined, 2)}\n`);
}

async function tell(
  scenario: ReadScenario,
  seed: number,
  play: Play,
  { verbose = false }: Options,
  { out }: Terminal,
): Promise<ScenarioOutcome> {
  if (verbose) out.write(`       ${scenario.scenario.name}: ${scenario.scenario.about}\n`);
  const onStep = ({ at, text, passed, line }: StepOutcome) => {
    if (verbose) out.write(`${passed ? '  ·    ' : '  ✗    '}${shown(at).padStart(9)}  ${text} (line ${line})\n`);
  };
  const outcome = await play(scenario, seed, { stopwatch: () => performance.now(), onStep });
  const { name, passed, steps, labMs, wallMs, failures, file } = outcome;
  const told = `${steps.length} steps, ${shown(labMs)} of the lab in ${shown(wallMs)}`;
  out.write(`${passed ? 'ok     ' : 'FAILED '}${name.padEnd(42)} ${told}\n`);
  for (const { line, column, message } of failures) out.write(`       ${file}:${line}:${column}: ${message}\n`);
  return outcome;
}

function read(file: string): ReadScenario {
  let source: string;
  try {
    source = readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw Failure.usage(`${file} cannot be read (${code})`, 'Name files of scenarios, such as scenarios/*.yaml.');
  }
  try {
    return readScenario(source, file);
  } catch (error) {
    if (!(error instanceof UnreadableScenario)) throw error;
    throw Failure.usage(
      error.message,
      'Correct the file; npx kogumactl scenario schema prints what editors check it with.',
    );
  }
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Failure(`${file} cannot be written (${code})`, 'Name a file in a folder that is there.');
  }
}

function whole(option: string, text: string, least: number): number {
  const number = Number(text);
  if (/^\d{1,9}$/.test(text) && number >= least) return number;
  throw Failure.usage(`${option} ${text} is not a whole number`, `Use one from ${least} on.`);
}
