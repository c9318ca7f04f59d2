import type { Command } from 'commander';
import { ApiClient } from '../api/client.js';
import { milliseconds } from '../api/connect.js';
import type { Format, GlobalOptions } from '../command-line.js';
import { Failure } from '../failure.js';
import { askLab, type LabStatus } from '../lab/control.js';
import { dataPath } from '../lab/data-folder.js';
import type { FaultList } from '../lab/faults.js';
import { printDocument, printRows } from '../output/print.js';
import { lag } from '../sync/status.js';
import type { Terminal } from '../terminal.js';

interface Options extends GlobalOptions {
  readonly data?: string;
  readonly for?: string;
  readonly output?: Format;
}

/** What the lab knows of itself, and its door for faults. */
interface Lab {
  readonly status: LabStatus;
  readonly door: ApiClient;
}

/** @throws Failure when no lab runs there, or one without faults */
async function labOf(command: Command, { env }: Terminal): Promise<Lab> {
  const { data, apiTimeout } = command.optsWithGlobals<Options>();
  const status = await askLab(dataPath(data, env), { command: 'status', name: '' });
  if (status.faults === null)
    throw new Failure(
      'this lab takes no faults: its control planes run in one process, or one of them with KOGUMA_LAB=false',
      'Start it with neither --in-process nor that.',
    );
  return {
    status,
    door: new ApiClient(
      { name: 'lab', apiServer: { url: status.faults }, mesh: undefined },
      await milliseconds(apiTimeout),
    ),
  };
}

export async function listFaults(command: Command, terminal: Terminal): Promise<void> {
  const { output = 'table' } = command.optsWithGlobals<Options>();
  const { door } = await labOf(command, terminal);
  const list = await door.get<FaultList>('/faults');
  if (output !== 'table') return printDocument(output, list, terminal);
  const rows = [
    ...list.links.map(({ zone, fault, until }) => ({ where: `link of ${zone}`, fault, until })),
    ...list.controlPlanes.map(({ name, fault, until }) => ({ where: name, fault, until })),
    ...list.clocks.map(({ name, until, ...clock }) => ({ where: `clock of ${name}`, fault: timeOf(clock), until })),
  ];
  if (rows.length === 0) terminal.out.write('Nothing is wrong on purpose.\n');
  else
    printRows(
      [
        { heading: 'WHERE', cell: ({ where }) => where },
        { heading: 'FAULT', cell: ({ fault }) => fault },
        { heading: 'UNTIL', cell: ({ until }) => until },
      ],
      rows,
      terminal,
    );
}

export async function setLink(zone: string, fault: object, command: Command, terminal: Terminal): Promise<void> {
  const { for: ttl } = command.optsWithGlobals<Options>();
  const { door } = await labOf(command, terminal);
  await door.put(`/faults/links/${encodeURIComponent(zone)}`, { ...fault, ttl });
  const of = zone === '*' ? 'every link' : `the link of ${zone}`;
  terminal.out.write(`${of}: ${command.name()} for ${ttl}\n`);
}

export function slowLink(zone: string, command: Command, terminal: Terminal): Promise<void> {
  const { latency, jitter, bandwidth, to } = command.opts<Partial<Record<string, string>>>();
  const fault = {
    ...(latency === undefined ? {} : { latency }),
    ...(jitter === undefined ? {} : { jitter }),
    ...(bandwidth === undefined ? {} : { bandwidth: Number(bandwidth) }),
    ...(to === undefined ? {} : { direction: `to-${to}` }),
  };
  return setLink(zone, fault, command, terminal);
}

export async function setControlPlane(
  what: string,
  who: string,
  body: object,
  command: Command,
  terminal: Terminal,
): Promise<void> {
  const { for: ttl } = command.optsWithGlobals<Options>();
  const { door } = await labOf(command, terminal);
  await door.put(`/faults/control-planes/${encodeURIComponent(who)}`, {
    ...body,
    ...(ttl === undefined ? {} : { ttl }),
  });
  const done: Readonly<Record<string, string>> = {
    crash: `crashed, starts again in ${ttl}`,
    restart: 'restarted',
    wipe: 'runs with an empty store',
  };
  terminal.out.write(`${who === '*' ? 'every control plane' : who}: ${done[what]}\n`);
}

export async function resetAll(command: Command, terminal: Terminal): Promise<void> {
  const { door } = await labOf(command, terminal);
  await door.delete('/faults');
  terminal.out.write('Nothing is wrong on purpose any more.\n');
}

export async function showClocks(command: Command, terminal: Terminal): Promise<void> {
  const { status, door } = await labOf(command, terminal);
  const { clocks } = await door.get<FaultList>('/faults');
  const rows = status.controlPlanes.map(({ name }) => {
    const { offsetMs = 0, speed = 1 } = clocks.find((clock) => clock.name === name) ?? {};
    return { name, time: new Date(Date.now() + offsetMs).toISOString(), clock: timeOf({ offsetMs, speed }) };
  });
  printRows(
    [
      { heading: 'CONTROL PLANE', cell: ({ name }) => name },
      { heading: 'TIME', cell: ({ time }) => time },
      { heading: 'CLOCK', cell: ({ clock }) => clock },
    ],
    rows,
    terminal,
  );
}

export async function setClock(who: string, command: Command, terminal: Terminal): Promise<void> {
  const { offset, speed, for: ttl } = command.opts<Partial<Record<string, string>>>();
  const { door } = await labOf(command, terminal);
  await door.put(`/faults/clocks/${encodeURIComponent(who)}`, {
    ...(offset === undefined ? {} : { offset }),
    ...(speed === undefined ? {} : { speed: Number(speed) }),
    ttl,
  });
  await showClocks(command, terminal);
}

/** Asks for it all the same: the refusal says why. */
export async function freezeClock(who: string, command: Command, terminal: Terminal): Promise<void> {
  const { door } = await labOf(command, terminal);
  await door.put(`/faults/clocks/${encodeURIComponent(who)}`, { freeze: true });
}

export async function resetClock(who: string, command: Command, terminal: Terminal): Promise<void> {
  const { door } = await labOf(command, terminal);
  await door.delete(`/faults/clocks/${encodeURIComponent(who)}`);
  await showClocks(command, terminal);
}

function timeOf({ offsetMs, speed }: { readonly offsetMs: number; readonly speed: number }): string {
  const pace = speed === 1 ? '' : `, ${speed} × as fast`;
  if (offsetMs === 0) return `right${pace}`;
  return `${offsetMs > 0 ? '+' : '-'}${lag(Math.abs(offsetMs))}${pace}`;
}
