import type { Command } from 'commander';
import { examples, outputOption, verb } from '../command-line.js';
import type { Terminal } from '../terminal.js';

/** `timeline …`: when a revocation or a key reached whom. */
export function addTimeline(program: Command, terminal: Terminal): void {
  const timeline = verb(program, 'timeline')
    .description('show when a revocation or a key was written, sent, applied and felt, in each control plane')
    .addOption(outputOption())
    .addHelpText('after', examples('npx kogumactl timeline revocation 4a1117bc-7d9f-4c59-b309-be940edf8608'));
  const show = async (of: 'revocation' | 'key', wanted: string, command: Command) =>
    (await import('./show.js')).showTimeline(of, wanted, command, terminal);

  timeline
    .command('revocation')
    .argument('<jti>', 'the id of the revoked token')
    .description('follow the revocation of a token')
    .addHelpText('after', examples('npx kogumactl timeline revocation 4a1117bc-7d9f-4c59-b309-be940edf8608 -o json'))
    .action((jti: string, _, command: Command) => show('revocation', jti, command));

  timeline
    .command('key')
    .argument('<name>', 'the secret that holds the key, or held it')
    .description('follow a key that was written, or deleted')
    .addHelpText('after', examples('npx kogumactl timeline key zone-ingress-token-signing-key-2'))
    .action((name: string, _, command: Command) => show('key', name, command));
}
