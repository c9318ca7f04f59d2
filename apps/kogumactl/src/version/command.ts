import type { Command } from 'commander';
import { examples, verb } from '../command-line.js';
import { Failure } from '../failure.js';
import type { Terminal } from '../terminal.js';
import { clientVersion } from './client-version.js';

interface Index {
  readonly tagline?: string;
  readonly product?: string;
  readonly version?: string;
}

/** `version`: of kogumactl, and of the control plane that it speaks to. */
export function addVersion(program: Command, terminal: Terminal): void {
  verb(program, 'version')
    .description('print the versions of kogumactl and of the control plane')
    .option('-a, --detailed', 'print all that the control plane says of itself')
    .addHelpText('after', examples('npx kogumactl version', 'npx kogumactl version --detailed'))
    .action(async ({ detailed }: { detailed?: boolean }, command: Command) => {
      terminal.out.write(`Client: Koguma ${clientVersion()}\n`);
      try {
        const { connect } = await import('../api/connect.js');
        const { api } = await connect(command, terminal);
        const index = await api.get<Index>('/');
        const { tagline, product, version } = index;
        terminal.out.write(
          detailed ? `Server: ${JSON.stringify(index, undefined, 2)}\n` : `Server: ${product ?? tagline} ${version}\n`,
        );
      } catch (error) {
        // As with kumactl, that is no failure: the version that was asked for is told.
        if (!(error instanceof Failure) || error.exitCode === 2) throw error;
        terminal.err.write(`Unable to connect to control plane: ${error.message}\n`);
      }
    });
}
