import { rfc3339 } from '@koguma/core';
import { type DrivenLab, type Lab, type LabOptions, startLab } from '@koguma/testkit';
import type { Step } from './format.js';
import type { InvariantName } from './invariant-names.js';
import { type Breach, Watch } from './invariants.js';
import { NotAsExpected } from './not-as-expected.js';
import type { Place, ReadScenario } from './read.js';
import { Stage } from './stage.js';
import { playStep } from './steps.js';
import { Timeline, type TimelineEvent } from './timeline.js';

/** The time at which a scenario begins when it does not say: always the same, so that a seed gives one run. */
export const BEGINNING = '2026-01-01T00:00:00Z';

/** What became of one step. */
export interface StepOutcome extends Place {
  /** Its verb, as the file has it: `issue`. */
  readonly verb: string;
  readonly text: string;
  readonly note: string | undefined;
  readonly passed: boolean;
  /** When it began, in ms of the lab's time since the beginning. */
  readonly at: number;
}

/** Why a run failed, and where in its file. */
export interface RunFailure extends Place {
  readonly message: string;
  /** The invariant that was broken, if that is why. */
  readonly invariant: InvariantName | 'issue-while-partitioned' | undefined;
}

export interface ScenarioOutcome {
  readonly name: string;
  readonly about: string;
  readonly file: string;
  /** Null on a lab that runs: it has chances of its own. */
  readonly seed: number | null;
  readonly passed: boolean;
  readonly failures: readonly RunFailure[];
  readonly steps: readonly StepOutcome[];
  readonly timeline: readonly TimelineEvent[];
  readonly nodes: readonly string[];
  /** RFC 3339. */
  readonly begins: string;
  /** How much time of the lab it took, in ms. */
  readonly labMs: number;
  /** How much real time it took, in ms. */
  readonly wallMs: number;
}

export interface RunOptions {
  /** Decides all that is left to chance; 1 when left out. */
  readonly seed?: number;
  /** Real time, in ms, to measure with. */
  readonly stopwatch: () => number;
  /** Told of everything as it happens. */
  readonly onEvent?: (event: TimelineEvent) => void;
  /** Told of each step that was played. */
  readonly onStep?: (step: StepOutcome) => void;
  /** Over what the scenario says of its lab. */
  readonly lab?: Pick<LabOptions, 'log' | 'openStore' | 'env'>;
  /** Called with the lab when it has started, before the first step: for faults that are put in on purpose. */
  readonly prepare?: (lab: Lab) => Promise<void>;
}

/** What is told of a run as it happens. */
export type Listeners = Pick<RunOptions, 'stopwatch' | 'onEvent' | 'onStep'>;

/** Plays a scenario in this process, on virtual time, and watches the invariants all along. It does not throw for what goes wrong in it. */
export async function runScenario(read: ReadScenario, options: RunOptions): Promise<ScenarioOutcome> {
  const { scenario } = read;
  const { seed = 1, stopwatch } = options;
  const began = stopwatch();
  const { zones, env, nodes } = scenario.topology;
  const begins = scenario.starts ?? BEGINNING;
  const lab = await startLab({
    ...options.lab,
    zones,
    seed,
    time: begins,
    env: { ...env, ...options.lab?.env },
    nodes,
  });
  const run = new Run(read, lab, options);
  try {
    await options.prepare?.(lab);
    await run.play((breached) => new Watch(run.stage, lab, breached));
  } finally {
    await lab.stop();
  }
  return { ...run.outcome(), seed, begins: rfc3339(run.first), wallMs: Math.round(stopwatch() - began) };
}

/** One run of one scenario, on a lab that can be driven. */
export class Run {
  readonly stage: Stage;
  /** What the calendar of the lab showed when it began. */
  readonly first: number;
  readonly #failures: RunFailure[] = [];
  readonly #steps: StepOutcome[] = [];
  readonly #read: ReadScenario;
  readonly #options: Listeners;
  readonly #links = new Map<string, string>();
  readonly #proxies = new Map<string, number>();
  #place: Place = { line: 1, column: 1 };

  constructor(read: ReadScenario, lab: DrivenLab, options: Listeners, calendar?: Stage['calendar']) {
    this.#read = read;
    this.#options = options;
    this.first = lab.clock.now;
    const timeline = new Timeline(
      () => lab.clock.now - this.first,
      (event) => options.onEvent?.(event),
    );
    this.stage = new Stage(lab, timeline, calendar);
  }

  /** @param watched makes what watches the invariants; nothing does when it is left out */
  async play(watched?: (breached: (breach: Breach) => void) => Watch): Promise<void> {
    const { scenario } = this.#read;
    const watch = watched?.((breach) => this.#breached(breach));
    const look = async () => {
      await this.#follow();
      await watch?.look();
    };
    const unwatch = this.stage.lab.clock.watch(look);
    try {
      for (const [index, step] of scenario.steps.entries()) {
        if (!(await this.#playAll(step, ['steps', index]))) return;
      }
      if (scenario.sometimes?.includes('issue-while-partitioned') && !this.stage.issuedWhilePartitioned)
        this.fail('no zone issued a token while it was cut off that a proxy then used', 'issue-while-partitioned');
    } finally {
      unwatch();
    }
  }

  /** What became of it, but for what only who started it knows. */
  outcome(): Omit<ScenarioOutcome, 'seed' | 'begins' | 'wallMs'> {
    const { scenario, file } = this.#read;
    const { name, about, topology } = scenario;
    const [failures, steps] = [this.#failures, this.#steps];
    return {
      ...{ name, about, file, failures, steps },
      passed: failures.length === 0,
      timeline: this.stage.timeline.events,
      nodes: ['global', ...topology.zones],
      labMs: Math.round(this.stage.lab.clock.now - this.first),
    };
  }

  /** It failed, at the step that is being played. */
  fail(message: string, invariant?: RunFailure['invariant']): void {
    this.#failures.push({ message, invariant, ...this.#place });
  }

  async #playAll(step: Step, path: readonly PropertyKey[]): Promise<boolean> {
    const { repeat, ...once } = step;
    if (!repeat) return this.#playOne(once, path);
    for (let round = 0; round < repeat.times; round++) {
      for (const [index, inner] of repeat.steps.entries())
        if (!(await this.#playOne(inner, [...path, 'repeat', 'steps', index]))) return false;
    }
    return true;
  }

  async #playOne(step: Step, path: readonly PropertyKey[]): Promise<boolean> {
    const { timeline, lab } = this.stage;
    const verb = Object.keys(step).find((key) => key !== 'note') ?? '';
    this.#place = this.#read.placeOf([...path, verb]);
    const at = lab.clock.now - this.first;
    const before = this.#failures.length;
    try {
      const { node, text } = await playStep(this.stage, step);
      timeline.add(node, verb === 'expect' ? 'expected' : verb === 'fault' ? 'fault' : 'step', text);
      // What follows without time passing is looked at, too.
      await lab.clock.advance(0);
      this.#ended({ verb, text, note: step.note, passed: this.#failures.length === before, at, ...this.#place });
    } catch (error) {
      const message = error instanceof NotAsExpected ? error.message : `${verb}: ${(error as Error).message}`;
      this.fail(message);
      timeline.add('scenario', 'failed', message);
      this.#ended({ verb, text: message, note: step.note, passed: false, at, ...this.#place });
    }
    return this.#failures.length === before;
  }

  #ended(step: StepOutcome): void {
    this.#steps.push(step);
    this.#options.onStep?.(step);
  }

  #breached({ invariant, node, text }: Breach): void {
    const allowed = this.#read.scenario.allows?.some((one) => one.invariant === invariant);
    this.stage.timeline.add(node, 'broken', `${invariant}${allowed ? ' (allowed here)' : ''}: ${text}`);
    if (!allowed) this.fail(`${invariant} does not hold at ${node}: ${text}`, invariant);
  }

  /** What links and proxies did by themselves. */
  async #follow(): Promise<void> {
    const { lab, timeline, tokens } = this.stage;
    for (const name of lab.zoneNames) {
      const state = await lab.linkState(name);
      const before = this.#links.get(name);
      this.#links.set(name, state);
      if (before !== undefined && before !== state) timeline.add(name, 'link', `link: ${before} → ${state}`);
    }
    for (const proxy of lab.proxies) {
      const seen = this.#proxies.get(proxy.name) ?? 0;
      this.#proxies.set(proxy.name, proxy.events.length);
      for (const { event, reason } of proxy.events.slice(seen))
        timeline.add(proxy.zone, 'proxy', `${proxy.name}: ${event}${reason === undefined ? '' : ` (${reason})`}`);
      const shown = [...tokens.values()].find(({ token }) => token === proxy.token);
      if (shown?.whileCutOff === proxy.zone && proxy.state === 'connected' && this.stage.isCutOff(proxy.zone))
        this.stage.issuedWhilePartitioned = true;
    }
  }
}
