import { parseRfc3339, rfc3339, systemEntropy } from '@koguma/core';
import type { ConnectedLab } from '@koguma/testkit';
import type { Step } from './format.js';
import type { FileProblem, ReadScenario } from './read.js';
import { relocated } from './relocated.js';
import { BEGINNING, type Listeners, Run, type ScenarioOutcome } from './run.js';

/** A lab that runs, as far as a scenario cares. */
export interface LiveLab {
  readonly zones: readonly string[];
  /** Whether it takes faults and other times. */
  readonly faults: boolean;
}

const NEEDS_FAULTS = ['fault', 'heal', 'start', 'advance', 'set'] as const;

/**
 * What of a scenario a lab that runs cannot do: every place with its step and the reason, and none when it can be played
 * there.
 */
export function obstaclesTo({ scenario, placeOf }: ReadScenario, lab: LiveLab): FileProblem[] {
  const { zones, env = {}, nodes = {} } = scenario.topology;
  const at = (path: readonly PropertyKey[], why: string) => ({ ...placeOf(path), message: `${written(path)}: ${why}` });
  const settings = 'a lab that runs keeps the settings that it was started with';
  return [
    ...zones.flatMap((zone, index) =>
      lab.zones.includes(zone)
        ? []
        : [at(['topology', 'zones', index], `this lab has no zone ${zone}: it has ${lab.zones.join(', ')}`)],
    ),
    ...Object.keys(env).map((name) => at(['topology', 'env', name], settings)),
    ...Object.keys(nodes).map((name) => at(['topology', 'nodes', name], settings)),
    ...scenario.steps.flatMap((step, index) => [
      ...againstStep(step, lab).map(([verb, why]) => at(['steps', index, verb], why)),
      ...(step.repeat?.steps ?? []).flatMap((inner, inside) =>
        againstStep(inner, lab).map(([verb, why]) => at(['steps', index, 'repeat', 'steps', inside, verb], why)),
      ),
    ]),
  ];
}

function againstStep(step: Step, { faults }: LiveLab): [verb: string, why: string][] {
  const verb = NEEDS_FAULTS.find((one) => step[one] !== undefined);
  if (verb !== undefined && !faults)
    return [[verb, 'this lab takes no faults and no other time: nobody supervises its processes']];
  if (step.fault?.wipe === 'global')
    return [['fault', 'global cannot be wiped here: it would be another one then, which every zone refuses']];
  return [];
}

/** `steps[3].fault`. */
function written(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index > 0 ? '.' : ''}${String(part)}`))
    .join('');
}

/**
 * Plays a scenario on a lab that runs, in a mesh of its own, on real time. Whatever becomes of it, the lab is left as it
 * was. Invariants are not watched: that takes the inside of control planes. It does not throw for what goes wrong in it.
 * @param lab with the zones of the scenario, and `putsBack`; left when it returns
 */
export async function runLive(read: ReadScenario, lab: ConnectedLab, options: Listeners): Promise<ScenarioOutcome> {
  const began = options.stopwatch();
  const own = `live-${systemEntropy.uuid().slice(0, 8)}`;
  const begins = parseRfc3339(read.scenario.starts ?? BEGINNING) ?? 0;
  const moved = { ...read, scenario: relocated(read.scenario, own) };
  const trouble = await preparing(lab, own);
  // Times in the file count from the one at which it begins; the lab has its own calendar.
  const run: Run = new Run(moved, lab, options, (time) => time - begins + run.first);
  if (trouble === undefined) await run.play().catch((error: Error) => run.fail(error.message));
  else run.fail(`before the first step: ${trouble}`);
  const { labMs } = run.outcome();
  await lab.leave().catch((error: Error) => run.fail(`after it: ${error.message}`));
  const wallMs = Math.round(options.stopwatch() - began);
  return { ...run.outcome(), labMs, seed: null, begins: rfc3339(run.first), wallMs };
}

/** @returns why it could not be prepared */
function preparing(lab: ConnectedLab, mesh: string): Promise<string | undefined> {
  return lab.global
    .createMesh(mesh)
    .then(() => lab.synced())
    .then(
      () => undefined,
      (error: Error) => error.message,
    );
}
