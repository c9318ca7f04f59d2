import { Command, CommanderError } from 'commander';
import { addApply } from './apply/commands.js';
import { examples, sayWhereHelpIs } from './command-line.js';
import { addConfig } from './config/commands.js';
import { addDelete } from './delete/commands.js';
import { addDemo } from './demo/commands.js';
import { Failure } from './failure.js';
import { addFaults } from './faults/commands.js';
import { addGenerate } from './generate/commands.js';
import { addGet } from './get/commands.js';
import { addInspect } from './inspect/commands.js';
import { addKeys } from './keys/commands.js';
import { addLab, addUp } from './lab/commands.js';
import { addScenario } from './scenario/commands.js';
import { addSync } from './sync/commands.js';
import type { Terminal } from './terminal.js';
import { addTimeline } from './timeline/commands.js';
import { addVersion } from './version/command.js';

/** Runs one command line, and answers with its exit code: 0, 1 when it failed, 2 when it was called wrongly. */
export async function kogumactl(args: readonly string[], terminal: Terminal): Promise<number> {
  const program = commands(terminal);
  try {
    if (args.length === 0) program.outputHelp();
    else await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const { message, todo, exitCode } = Failure.from(error);
    terminal.err.write(`Error: ${message}\n${todo}\n`);
    if (terminal.env.KOGUMA_DEBUG) terminal.err.write(`${error instanceof Error ? error.stack : ''}\n`);
    return exitCode;
  }
}

// What a command does is imported when it is run: `version` and help come at once.
function commands(terminal: Terminal): Command {
  const program = new Command('kogumactl')
    .description("Runs a lab of Kuma's multizone control planes on this machine, and speaks to control planes.")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out.write(text),
      writeErr: (text) => terminal.err.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'Error: ')),
    })
    .option('--config-file <file>', 'where the control planes are kept (default: ~/.kogumactl/config)')
    .option('--no-config', 'use no file: speak to http://localhost:5681')
    .option('--context <name>', 'speak to this control plane, for this once')
    .option('-m, --mesh <name>', 'the mesh (default: what the context says, or "default")')
    .option('--api-timeout <duration>', 'how long an answer may take; 0 for as long as it takes', '1m')
    .addHelpText('after', examples('npx kogumactl up', 'npx kogumactl get zones', 'npx kogumactl lab status'));
  addUp(program, terminal);
  addLab(program, terminal);
  addConfig(program, terminal);
  addGet(program, terminal);
  addInspect(program, terminal);
  addApply(program, terminal);
  addDelete(program, terminal);
  addGenerate(program, terminal);
  addScenario(program, terminal);
  addSync(program, terminal);
  addKeys(program, terminal);
  addTimeline(program, terminal);
  addFaults(program, terminal);
  addDemo(program, terminal, kogumactl);
  addVersion(program, terminal);
  sayWhereHelpIs(program, 'npx kogumactl');
  return program;
}
