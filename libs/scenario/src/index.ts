export { type Scenario, scenarioSchema } from './format.js';
export { htmlOf } from './html.js';
export { INVARIANTS, type InvariantName } from './invariant-names.js';
export { junitOf } from './junit.js';
export { type LiveLab, obstaclesTo, runLive } from './live.js';
export { type FileProblem, type Place, type ReadScenario, readScenario, UnreadableScenario } from './read.js';
export {
  type Listeners,
  type RunFailure,
  type RunOptions,
  runScenario,
  type ScenarioOutcome,
  type StepOutcome,
} from './run.js';
export { shown } from './shown.js';
export type { TimelineEvent } from './timeline.js';
