import type { Command } from 'commander';
import { collect, examples, outputOption, verb } from '../command-line.js';
import type { Terminal } from '../terminal.js';

const load = () => import('./actions.js');

/** `inspect …`: shows how what connects is connected. */
export function addInspect(program: Command, terminal: Terminal): void {
  const inspect = verb(program, 'inspect')
    .description('show how zones and proxies are connected')
    .addOption(outputOption())
    .addHelpText('after', examples('npx kogumactl inspect zones'));

  inspect
    .command('zones')
    .description('show the zones, as their global control plane sees them')
    .addHelpText('after', examples('npx kogumactl inspect zones'))
    .action(async (_, command: Command) => (await load()).inspectZones(command, terminal));

  inspect
    .command('dataplanes')
    .description('show the data plane proxies of a mesh')
    .option('--tag <key=value>', 'only those with this tag (repeatable)', collect)
    .option('--gateway', 'only gateways')
    .addHelpText('after', examples('npx kogumactl inspect dataplanes --mesh default --tag kuma.io/service=backend'))
    .action(async (_, command: Command) => (await load()).inspectDataplanes(command, terminal));

  inspect
    .command('zone-ingresses')
    .alias('zoneingresses')
    .description('show the zone ingresses')
    .addHelpText('after', examples('npx kogumactl inspect zone-ingresses'))
    .action(async (_, command: Command) => (await load()).inspectZoneProxies('ZoneIngress', command, terminal));

  inspect
    .command('zoneegresses')
    .alias('zone-egresses')
    .description('show the zone egresses')
    .addHelpText('after', examples('npx kogumactl inspect zoneegresses'))
    .action(async (_, command: Command) => (await load()).inspectZoneProxies('ZoneEgress', command, terminal));

  inspect
    .command('meshes')
    .description('show what is in the meshes')
    .addHelpText('after', examples('npx kogumactl inspect meshes'))
    .action(async (_, command: Command) => (await load()).inspectMeshes(command, terminal));
}
