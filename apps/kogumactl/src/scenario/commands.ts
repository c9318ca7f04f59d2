import type { Command } from 'commander';
import { examples } from '../command-line.js';
import type { Terminal } from '../terminal.js';

const loadRun = () => import('./run.js');

/** `scenario …`: stories of a lab, played in this process on virtual time. */
export function addScenario(program: Command, terminal: Terminal): void {
  const scenario = program
    .command('scenario')
    .description('play stories of a lab, written as files, on virtual time')
    .addHelpText('after', examples('npx kogumactl scenario run scenarios/*.yaml'));
  scenario
    .command('run')
    .description('play scenarios, each in a lab of its own, and watch the invariants all along')
    .argument('<file...>', 'scenarios, YAML')
    .option('--seed <number>', 'what decides all that is left to chance', '1')
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
      ),
    )
    .action(async (files: string[], options) => (await loadRun()).runScenarios(files, options, terminal));
  scenario
    .command('schema')
    .description('print the JSON schema of a scenario, for editors')
    .addHelpText('after', examples('npx kogumactl scenario schema > schema.json'))
    .action(async () => (await loadRun()).printSchema(terminal));
}
