import { type Command, Option } from 'commander';
import { collect, examples, verb } from '../command-line.js';
import type { Terminal } from '../terminal.js';
import { KEY_FORMATS } from './key-formats.js';
import { addTlsCertificate } from './tls-certificate.js';

const TEN_YEARS = '87600h';

const loadTokens = () => import('./tokens.js');
const loadKeys = () => import('./keys.js');

/** `generate …`: tokens, by a control plane or without one, and keys. */
export function addGenerate(program: Command, terminal: Terminal): void {
  const generate = verb(program, 'generate')
    .description('generate tokens, keys and certificates')
    .addHelpText('after', examples('npx kogumactl generate user-token --name john --group team-a --valid-for 24h'));
  addTokens(generate, terminal);
  addKeys(generate, terminal);
  addTlsCertificate(generate, terminal);
}

function addTokens(generate: Command, terminal: Terminal): void {
  offline(generate.command('dataplane-token'))
    .description('generate a token for data plane proxies: for a mesh, and for no more than is said')
    .option('--name <name>', 'of the one dataplane that may use it')
    .option('--proxy-type <type>', 'dataplane, ingress or egress')
    .addOption(new Option('--type <type>', 'the same').hideHelp())
    .option('--tag <key=values>', 'a tag and the values that it may have, with commas (repeatable)', collect)
    .option('--workload <name>', 'the workload that may use it')
    .option('--valid-for <duration>', 'how long it is valid', TEN_YEARS)
    .addHelpText(
      'after',
      examples(
        'npx kogumactl generate dataplane-token --mesh default --valid-for 720h \\',
        '    --name dp-echo-1 --tag kuma.io/service=backend,backend-admin > /tmp/kuma-dp-echo1-token',
      ),
    )
    .action(async (_, command: Command) => (await loadTokens()).generateDataplaneToken(command, terminal));

  generate
    .command('zone-ingress-token')
    .description('generate a token for the zone ingresses of a zone')
    .requiredOption('--zone <name>', 'the zone')
    .option('--valid-for <duration>', 'how long it is valid', TEN_YEARS)
    .addHelpText('after', examples('npx kogumactl generate zone-ingress-token --zone us-east --valid-for 720h'))
    .action(async (_, command: Command) => (await loadTokens()).generateZoneIngressToken(command, terminal));

  offline(generate.command('zone-token'))
    .description('generate a token for the zone ingresses, zone egresses or the control plane of a zone')
    .requiredOption('--zone <name>', 'the zone')
    .option(
      '--scope <scopes>',
      'what it is good for, with commas: ingress, egress, cp (default: ingress,egress)',
      collect,
    )
    .requiredOption('--valid-for <duration>', 'how long it is valid')
    .addHelpText('after', examples('npx kogumactl generate zone-token --zone us-east --scope cp --valid-for 720h'))
    .action(async (_, command: Command) => (await loadTokens()).generateZoneToken(command, terminal));

  offline(generate.command('user-token'))
    .description('generate a token for a user of the API')
    .requiredOption('--name <name>', 'of the user')
    .option('--group <names>', 'groups that the user is in, with commas (repeatable)', collect)
    .requiredOption('--valid-for <duration>', 'how long it is valid')
    .addHelpText(
      'after',
      examples(
        'npx kogumactl generate user-token --name john --group team-a --valid-for 24h',
        'npx kogumactl generate user-token --name john --valid-for 24h --kid key-1 --signing-key-path key.pem',
      ),
    )
    .action(async (_, command: Command) => (await loadTokens()).generateUserToken(command, terminal));
}

function addKeys(generate: Command, terminal: Terminal): void {
  generate
    .command('signing-key')
    .description('generate a private RSA key of 2048 bits, as a secret or a file holds it')
    .addOption(new Option('--format <format>', 'how to print it').choices([...KEY_FORMATS]).default('pem-base64'))
    .addHelpText(
      'after',
      examples(
        'npx kogumactl apply -f key.yaml --var key=$(npx kogumactl generate signing-key)',
        'npx kogumactl generate signing-key --format=pem > key.pem',
      ),
    )
    .action(async (_, command: Command) => (await loadKeys()).generateSigningKey(command.opts(), terminal));

  generate
    .command('public-key')
    .description('print the public half of a signing key, as a control plane is configured with it')
    .requiredOption('--signing-key-path <file>', 'PEM of the signing key')
    .addHelpText('after', examples('npx kogumactl generate public-key --signing-key-path=key.pem > public.pem'))
    .action(async (_, command: Command) => (await loadKeys()).generatePublicKey(command.opts(), terminal));
}

/** Tokens of these kinds can be made without a control plane, by who has the key. */
function offline(command: Command): Command {
  return command
    .option('--signing-key-path <file>', 'sign with this key (PEM), without a control plane')
    .option('--kid <id>', 'by which control planes know that key');
}
