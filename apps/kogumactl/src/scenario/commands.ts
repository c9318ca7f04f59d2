import type { Command } from 'commander';
import { examples } from '../command-line.js';
import { Failure } from '../failure.js';
import type { Terminal } from '../terminal.js';

/** What plays scenarios is a kit for tests, which an image of the control planes does without. */
const loadRun = () =>
  import('./run.js').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    const todo =
      'Play them from a clone, or where it was installed with npm; with --live --context NAME they are played on control planes elsewhere, such as these.';
    throw new Failure('scenarios cannot be played here: @koguma/testkit is not installed', todo);
  });

/** `scenario …`: stories of a lab, played in this process on virtual time. */
export function addScenario(program: Command, terminal: Terminal): void {
  const scenario = program
    .command('scenario')
    .description('play stories of a lab, written as files')
    .addHelpText('after', examples('npx kogumactl scenario run scenarios/*.yaml'));
  scenario
    .command('run')
    .description(
      'play scenarios: each in a lab of its own on virtual time, where invariants are watched, or on one that runs',
    )
    .argument('<file...>', 'scenarios, YAML')
    .option('--live', 'play them on the lab that runs, on real time')
    .option('--data <dir>', "with --live: the lab's data folder (default: $KOGUMA_DATA, or ~/.koguma)")
    .option('--seed <number>', 'what decides all that is left to chance (default: 1)')
    .option('--runs <number>', 'how often, each time with the next seed', '1')
    .option('-v, --verbose', 'print each step')
    .option('--junit <file>', 'write the outcome as JUnit XML')
    .option('--json <file>', 'write all that happened as JSON')
    .option('--html <file>', 'write a page that shows the runs and their timelines')
    .addHelpText(
      'after',
      examples(
        'npx kogumactl scenario run scenarios/*.yaml --junit junit.xml --html report.html',
        'npx kogumactl scenario run scenarios/secret-flap-on-reconnect.yaml --verbose --seed 7',
        'npx kogumactl scenario run scenarios/revoke-during-partition-then-heal.yaml --live',
      ),
    )
    .action(async (files: string[], _, command: Command) =>
      (await loadRun()).runScenarios(files, command.optsWithGlobals(), terminal),
    );
  scenario
    .command('schema')
    .description('print the JSON schema of a scenario, for editors')
    .addHelpText('after', examples('npx kogumactl scenario schema > schema.json'))
    .action(async () => (await loadRun()).printSchema(terminal));
}
