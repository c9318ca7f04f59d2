import type { Command } from 'commander';
import { examples, outputOption } from '../command-line.js';
import type { Terminal } from '../terminal.js';

const load = () => import('./actions.js');

/** `fault …` and `clock …`: breaks the lab of another terminal, for as long as is said. */
export function addFaults(program: Command, terminal: Terminal): void {
  addFault(program, terminal);
  addClock(program, terminal);
}

function addFault(program: Command, terminal: Terminal): void {
  const fault = program
    .command('fault')
    .description('break the links and control planes of a lab on purpose')
    .addHelpText('after', examples('npx kogumactl fault cut east --for 30s', 'npx kogumactl fault reset'));

  forLab(fault.command('list'))
    .description('show what is wrong on purpose, and until when')
    .addOption(outputOption())
    .addHelpText('after', examples('npx kogumactl fault list'))
    .action(async (_, command: Command) => (await load()).listFaults(command, terminal));

  const onLink = (name: string, description: string, example: string) =>
    lasting(forLab(fault.command(name)))
      .argument('<zone>', 'whose link to global, or * for all')
      .description(description)
      .addHelpText('after', examples(`npx kogumactl fault ${name} ${example}`));

  onLink('cut', 'break the connections of a zone to global, and let none through', 'east --for 30s').action(
    async (zone: string, _, command: Command) => (await load()).setLink(zone, { cut: true }, command, terminal),
  );

  onLink('half-open', 'let nothing arrive in one direction, which neither side sees', 'east --to zone')
    .option('--to <side>', 'the direction in which nothing arrives: zone or global', 'zone')
    .action(async (zone: string, { to }: { to: string }, command: Command) =>
      (await load()).setLink(zone, { halfOpen: `to-${to}` }, command, terminal),
    );

  onLink('slow', 'delay what a link carries, or narrow it', 'east --latency 200ms --jitter 50ms')
    .option('--latency <duration>', 'how much later everything arrives')
    .option('--jitter <duration>', 'up to so much more, differently each time')
    .option('--bandwidth <bytes>', 'bytes that pass in a second')
    .option('--to <side>', 'only in the direction of: zone or global')
    .action(async (zone: string, _, command: Command) => (await load()).slowLink(zone, command, terminal));

  onLink('drop', 'lose a part of what a link carries, which breaks its connections', 'east --chance 0.05')
    .requiredOption('--chance <n>', 'how likely a chunk is lost, up to 1')
    .action(async (zone: string, { chance }: { chance: string }, command: Command) =>
      (await load()).setLink(zone, { drop: Number(chance) }, command, terminal),
    );

  onLink('flap', 'cut a link again and again', 'east --up 5s --down 2s')
    .option('--up <duration>', 'for how long it is whole', '5s')
    .option('--down <duration>', 'for how long it is cut', '5s')
    .action(async (zone: string, { up, down }: { up: string; down: string }, command: Command) =>
      (await load()).setLink(zone, { flap: { up, down } }, command, terminal),
    );

  const onControlPlane = (name: 'crash' | 'restart' | 'wipe', description: string) =>
    forLab(fault.command(name))
      .argument('<name>', 'the control plane: global, the name of a zone, or * for all')
      .description(description)
      .addHelpText('after', examples(`npx kogumactl fault ${name} east`));
  const act = (name: string, body: object) => async (who: string, _: object, command: Command) =>
    (await load()).setControlPlane(name, who, body, command, terminal);
  lasting(onControlPlane('crash', 'kill a control plane, and start it again when the time is over')).action(
    act('crash', { crash: true }),
  );
  onControlPlane('restart', 'end a control plane in order, and start it again').action(
    act('restart', { restart: true }),
  );
  onControlPlane('wipe', 'start a control plane again with an empty store').action(act('wipe', { wipe: true }));

  forLab(fault.command('reset'))
    .description('end every fault, and set the clocks right')
    .addHelpText('after', examples('npx kogumactl fault reset'))
    .action(async (_, command: Command) => (await load()).resetAll(command, terminal));
}

function addClock(program: Command, terminal: Terminal): void {
  const clock = program
    .command('clock')
    .description('move the time of control planes of a lab')
    .addHelpText('after', examples('npx kogumactl clock set east --offset 1h', 'npx kogumactl clock reset'));
  const named = (name: string, description: string, example: string) =>
    forLab(clock.command(name))
      .argument('[name]', 'the control plane: global, or the name of a zone (default: all)', '*')
      .description(description)
      .addHelpText('after', examples(`npx kogumactl clock ${name} ${example}`));

  forLab(clock.command('show'))
    .description('show the time of each control plane')
    .addHelpText('after', examples('npx kogumactl clock show'))
    .action(async (_, command: Command) => (await load()).showClocks(command, terminal));

  lasting(named('set', 'set how far ahead a clock is, and how fast it runs', 'east --offset -10m --speed 2'))
    .option('--offset <duration>', 'how far ahead of the machine; behind when negative')
    .option('--speed <n>', 'how many of its seconds pass in one')
    .action(async (who: string, _, command: Command) => (await load()).setClock(who, command, terminal));

  named('freeze', 'say why the clock of a running lab cannot be stopped', '').action(
    async (who: string, _, command: Command) => (await load()).freezeClock(who, command, terminal),
  );

  named('reset', 'set clocks right', 'east').action(async (who: string, _, command: Command) =>
    (await load()).resetClock(who, command, terminal),
  );
}

function forLab(command: Command): Command {
  return command.option('--data <dir>', "the lab's data folder (default: $KOGUMA_DATA, or ~/.koguma)");
}

function lasting(command: Command): Command {
  return command.option('--for <duration>', 'ends by itself after this', '5m');
}
