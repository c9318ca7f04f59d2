import { openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { pinoLog } from '@koguma/core';
import { Failure } from '../failure.js';
import type { Terminal } from '../terminal.js';
import { writeContexts } from './contexts.js';
import { Control, type LabStatus, type Request } from './control.js';
import { Crowd } from './crowd.js';
import { DataFolder } from './data-folder.js';
import { Screen } from './screen.js';

/** The folder of the log that all share. */
const FOLDER = 'in-process';
/** A table of more would push what is said above it out of sight. */
const SHOWN = 10;
const READY_WITHIN_MS = 60_000;
const READY_WITHIN_MS_PER_ZONE = 300;

/** What such a lab is asked to be. */
export interface CrowdSettings {
  /** Absolute path of the folder that holds everything of this lab. */
  readonly data: string;
  readonly zones: readonly string[];
  /** The file that gets a context for global, as an absolute path; undefined for none. */
  readonly contexts: string | undefined;
}

/** Runs global and all zones in this process until the terminal says stop. */
export async function upInProcess({ data, zones, contexts }: CrowdSettings, terminal: Terminal): Promise<void> {
  const began = performance.now();
  const folder = DataFolder.open(data);
  const place = { name: FOLDER, folder: path.join(data, FOLDER) };
  folder.check([place]);
  const logFile = path.join(place.folder, 'log.jsonl');
  const screen = new Screen(terminal);
  const { stop } = terminal.interrupts();
  let starting = true;
  let write = (_line: string) => {};
  const crowd: Crowd = new Crowd({
    zones,
    logFile,
    log: (node) => pinoLog('warn', node, { write: (line) => write(line) }),
    onChange: () => starting && screen.count('zones are in sync', crowd.inSync, zones.length),
  });
  const control = await Control.open(folder.socketPath(), (request) => answer(crowd, data, request));
  try {
    folder.record({ pid: process.pid, socket: folder.socketPath() });
    folder.prepare([place]);
    const file = openSync(logFile, 'a', 0o600);
    write = (line) => void writeSync(file, line);
    screen.heading(`Starting global and ${zones.length} zones in this process`);
    await crowd.startAll(stop, READY_WITHIN_MS + zones.length * READY_WITHIN_MS_PER_ZONE);
    starting = false;
    if (!stop.aborted) {
      welcome(screen, crowd, (performance.now() - began) / 1000);
      if (contexts !== undefined) offerContext(screen, crowd, contexts);
      screen.line();
      screen.line('Ctrl-C stops the lab.');
    }
    await aborted(stop);
    screen.line('Stopping the lab.');
  } finally {
    await crowd.stopAll();
    folder.forget();
    await control.close();
  }
  screen.line('The lab has stopped.');
}

async function answer(crowd: Crowd, data: string, { command, name }: Request): Promise<LabStatus> {
  if (command === 'kill') {
    const todo = `Stop it with: npx kogumactl lab stop ${name}`;
    throw new Failure('no control plane of this lab is a process of its own, which could be killed', todo);
  }
  if (command === 'stop') await crowd.stop(name);
  if (command === 'start') await crowd.start(name);
  return { pid: process.pid, data, faults: null, controlPlanes: crowd.status() };
}

function welcome(screen: Screen, crowd: Crowd, seconds: number): void {
  const all = crowd.status();
  const shown = all.slice(0, SHOWN);
  screen.line();
  screen.table(shown);
  if (all.length > shown.length) screen.line(`and ${all.length - shown.length} more: npx kogumactl lab status`);
  screen.line();
  const memory = Math.round(process.memoryUsage().rss / 1e6);
  screen.line(`Ready in ${seconds.toFixed(1)} s, with ${memory} MB of memory in all. The stores are in memory too.`);
  screen.line('Zones take no tokens of users here; callers on this machine are administrators.');
}

/** Global's alone: a thousand would bury those that are there. */
function offerContext(screen: Screen, crowd: Crowd, file: string): void {
  try {
    writeContexts(file, crowd.status().slice(0, 1));
    screen.line(`The context lab-global is in ${file}: npx kogumactl --context lab-global get zones`);
  } catch (error) {
    const { message, todo } = Failure.from(error);
    screen.alarm('No context was written for global.', [message, todo]);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
