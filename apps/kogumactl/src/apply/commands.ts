import type { Command } from 'commander';
import { collect, dryRunOption, examples, verb } from '../command-line.js';
import type { Terminal } from '../terminal.js';

const NOTES = `
FILE holds YAML or JSON, one or many documents: resources of Kuma in the universal layout (type, mesh, name and so
on), or Kubernetes Secrets of the types system.kuma.io/secret and system.kuma.io/global-secret.`;

/** `apply`: writes resources, new ones and others. */
export function addApply(program: Command, terminal: Terminal): void {
  verb(program, 'apply')
    .description('create or update resources')
    .requiredOption('-f, --file <file>', 'a file, a folder, an http(s) address, or - for what is piped in')
    .option('-v, --var <name=value>', 'fills in {{ name }} (repeatable)', collect)
    .addOption(dryRunOption('prints what would be sent (client), or asks the control plane what would happen (server)'))
    .addHelpText('after', NOTES)
    .addHelpText(
      'after',
      examples(
        'npx kogumactl apply -f mesh.yaml',
        'npx kogumactl apply -f key.yaml --var key=$(npx kogumactl generate signing-key)',
        'npx kogumactl get global-secret NAME -o yaml | npx kogumactl apply --context lab-east -f -',
      ),
    )
    .action(async (_, command: Command) => (await import('./action.js')).apply(command, terminal));
}
