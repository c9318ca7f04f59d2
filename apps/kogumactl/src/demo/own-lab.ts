import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure } from '../failure.js';
import { askLab, type LabStatus } from '../lab/control.js';
import { dataPath } from '../lab/data-folder.js';
import { checkPorts } from '../lab/ports.js';
import { type Environment, planLab } from '../lab/topology.js';
import type { Terminal } from '../terminal.js';
import type { Scene } from './stage.js';

const ZONES = ['east', 'west'];
const TRIES = 20;
const UP = 'Ctrl-C stops the lab.';

/** A scene, and how to leave it. */
export interface Rented extends Scene {
  /** Whether it runs for this demo alone. */
  readonly isOwn: boolean;
  leave(): Promise<void>;
}

/**
 * The lab that runs in a data folder, or one for this demo alone.
 * @param data as it was given
 * @param stop ends a lab that is only starting
 */
export async function rentLab(data: string | undefined, stop: AbortSignal, terminal: Terminal): Promise<Rented> {
  const folder = dataPath(data, terminal.env);
  const running = await askLab(folder, { command: 'status', name: '' }).catch((error: unknown) => {
    if (data !== undefined) throw error;
    return undefined;
  });
  if (!running) return startLab(stop, terminal);
  const env = { ...terminal.env, KOGUMA_DATA: folder };
  return { isOwn: false, terminal: { ...terminal, env }, api: addressesIn(running), leave: async () => undefined };
}

async function startLab(stop: AbortSignal, terminal: Terminal): Promise<Rented> {
  const home = fs.mkdtempSync(path.join(tmpdir(), 'koguma-demo-'));
  const data = path.join(home, 'lab');
  const env: Environment = { ...terminal.env, HOME: home, KOGUMA_DATA: data };
  const offset = await freeOffset(data);
  const program = fileURLToPath(new URL('../../bin/kogumactl.js', import.meta.url));
  const args = [program, 'up', '--data', data, '--zones', ZONES.join(','), '--port-offset', `${offset}`];
  // A group of its own: Ctrl-C reaches the demo, which then ends its lab.
  const lab = spawn(process.execPath, args, { env: { ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const ended = new Promise<void>((resolve) => lab.once('close', () => resolve()));
  const end = () => lab.kill('SIGINT');
  stop.addEventListener('abort', end, { once: true });
  const leave = async () => {
    end();
    await ended;
    fs.rmSync(home, { recursive: true, force: true });
  };
  try {
    await new Promise<void>((resolve, reject) => {
      let said = '';
      const hear = (chunk: Buffer) => {
        said += chunk;
        if (said.includes(UP)) resolve();
      };
      lab.stdout.on('data', hear);
      lab.stderr.on('data', hear);
      void ended.then(() =>
        reject(new Failure(`the lab did not start:\n${said.trim()}`, 'Try it by hand: npx kogumactl up')),
      );
    });
    const status = await askLab(data, { command: 'status', name: '' });
    return { isOwn: true, terminal: { ...terminal, env }, api: addressesIn(status), leave };
  } catch (error) {
    await leave();
    throw error;
  }
}

async function freeOffset(data: string): Promise<number> {
  for (let offset = 0; offset < TRIES * 100; offset += 100) {
    const plans = planLab({ data, zones: ZONES, memory: false, portOffset: offset, configs: new Map(), env: [] });
    if (
      await checkPorts(plans).then(
        () => true,
        () => false,
      )
    )
      return offset;
  }
  throw new Failure('no ports are free for a lab of this demo', 'Stop what uses those from 5678 on.');
}

function addressesIn({ controlPlanes, faults }: LabStatus): Map<string, string> {
  if (faults === null) throw new Failure('the lab that runs takes no faults', 'Start it with: npx kogumactl up');
  return new Map(controlPlanes.map(({ name, api }) => [name, api]));
}
