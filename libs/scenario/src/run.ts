import { rfc3339 } from '@koguma/core';
import { type Lab, type LabOptions, startLab } from '@koguma/testkit';
import type { Step } from './format.js';
import type { InvariantName } from './invariant-names.js';
import { type Breach, Watch } from './invariants.js';
import { NotAsExpected } from './not-as-expected.js';
import type { Place, ReadScenario } from './read.js';
import { Stage } from './stage.js';
import { playStep } from './steps.js';
import { Timeline, type TimelineEvent } from './timeline.js';

/** The time at which a scenario begins when it does not say: always the same, so that a seed gives one run. */
const BEGINNING = '2026-01-01T00:00:00Z';

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
  readonly seed: number;
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

/** Plays a scenario in this process, on virtual time, and watches the invariants all along. It does not throw for what goes wrong in it. */
export async function runScenario(read: ReadScenario, options: RunOptions): Promise<ScenarioOutcome> {
  const { scenario, file } = read;
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
  const first = lab.clock.now;
  const timeline = new Timeline(
    () => lab.clock.now - first,
    (event) => options.onEvent?.(event),
  );
  const run = new Run(read, new Stage(lab, timeline), options);
  try {
    await options.prepare?.(lab);
    await run.play();
  } finally {
    await lab.stop();
  }
  const { failures, steps } = run;
  return {
    name: scenario.name,
    about: scenario.about,
    file,
    seed,
    passed: failures.length === 0,
    failures,
    steps,
    timeline: timeline.events,
    nodes: ['global', ...zones],
    begins: rfc3339(first),
    labMs: Math.round(lab.clock.now - first),
    wallMs: Math.round(stopwatch() - began),
  };
}

/** One run of one scenario. */
class Run {
  readonly failures: RunFailure[] = [];
  readonly steps: StepOutcome[] = [];
  readonly #read: ReadScenario;
  readonly #stage: Stage;
  readonly #options: RunOptions;
  readonly #links = new Map<string, string>();
  readonly #proxies = new Map<string, number>();
  readonly #beginning: number;
  #place: Place = { line: 1, column: 1 };

  constructor(read: ReadScenario, stage: Stage, options: RunOptions) {
    this.#read = read;
    this.#stage = stage;
    this.#options = options;
    this.#beginning = stage.lab.clock.now;
  }

  async play(): Promise<void> {
    const { scenario } = this.#read;
    const watch = new Watch(this.#stage, (breach) => this.#breached(breach));
    const look = async () => {
      this.#follow();
      await watch.look();
    };
    const unwatch = this.#stage.lab.clock.watch(look);
    try {
      for (const [index, step] of scenario.steps.entries()) {
        if (!(await this.#playAll(step, ['steps', index]))) return;
      }
      if (scenario.sometimes?.includes('issue-while-partitioned') && !this.#stage.issuedWhilePartitioned)
        this.#fail('no zone issued a token while it was cut off that a proxy then used', 'issue-while-partitioned');
    } finally {
      unwatch();
    }
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
    const { timeline, lab } = this.#stage;
    const verb = Object.keys(step).find((key) => key !== 'note') ?? '';
    this.#place = this.#read.placeOf([...path, verb]);
    const at = lab.clock.now - this.#beginning;
    const before = this.failures.length;
    try {
      const { node, text } = await playStep(this.#stage, step);
      timeline.add(node, verb === 'expect' ? 'expected' : verb === 'fault' ? 'fault' : 'step', text);
      // What follows without time passing is looked at, too.
      await lab.clock.advance(0);
      this.#ended({ verb, text, note: step.note, passed: this.failures.length === before, at, ...this.#place });
    } catch (error) {
      const message = error instanceof NotAsExpected ? error.message : `${verb}: ${(error as Error).message}`;
      this.#fail(message, undefined);
      timeline.add('scenario', 'failed', message);
      this.#ended({ verb, text: message, note: step.note, passed: false, at, ...this.#place });
    }
    return this.failures.length === before;
  }

  #ended(step: StepOutcome): void {
    this.steps.push(step);
    this.#options.onStep?.(step);
  }

  #breached({ invariant, node, text }: Breach): void {
    const allowed = this.#read.scenario.allows?.some((one) => one.invariant === invariant);
    this.#stage.timeline.add(node, 'broken', `${invariant}${allowed ? ' (allowed here)' : ''}: ${text}`);
    if (!allowed) this.#fail(`${invariant} does not hold at ${node}: ${text}`, invariant);
  }

  #fail(message: string, invariant: RunFailure['invariant']): void {
    this.failures.push({ message, invariant, ...this.#place });
  }

  /** What links and proxies did by themselves. */
  #follow(): void {
    const { lab, timeline, tokens } = this.#stage;
    for (const name of lab.zoneNames) {
      const zone = lab.zone(name);
      const state = zone.running ? (zone.served.link?.state ?? 'stand-alone') : 'stopped';
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
      if (shown?.whileCutOff === proxy.zone && proxy.state === 'connected' && this.#stage.isCutOff(proxy.zone))
        this.#stage.issuedWhilePartitioned = true;
    }
  }
}
