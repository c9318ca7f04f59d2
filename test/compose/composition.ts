import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ROOT, run } from '../support/processes.js';
import { ContainerClient } from './container-client.js';

/** Variables that move the published ports of a control plane, by the name of its service. */
const PORTS = {
  'global-1': 'KOGUMA_GLOBAL_1_PORTS',
  'global-2': 'KOGUMA_GLOBAL_2_PORTS',
  global: 'KOGUMA_GLOBAL_PORTS',
  east: 'KOGUMA_EAST_PORTS',
  west: 'KOGUMA_WEST_PORTS',
} as const;
const PUBLISHED = [78, 80, 82];

/** The context that `kogumactl config control-planes from-docker` has written for a control plane. */
interface Context {
  readonly url: string;
  readonly caCertFile: string;
  readonly authConf: { readonly token: string };
}

/** Real containers of one compose file, under a project name of their own, on ports that are free. */
export class Composition {
  readonly #file: string;
  readonly #project: string;
  readonly #config: string;
  readonly #env: Record<string, string>;
  readonly #compose: readonly [string, ...string[]];

  private constructor(file: string, project: string, config: string, env: Record<string, string>) {
    this.#file = file;
    this.#project = project;
    this.#config = config;
    this.#env = { ...env, COMPOSE_PROJECT_NAME: project };
    this.#compose = has('docker-compose', 'version') ? ['docker-compose'] : ['docker', 'compose'];
  }

  /** @param folder where `kogumactl` keeps the contexts */
  static async of(file: string, project: string, folder: string): Promise<Composition> {
    const env: Record<string, string> = {};
    for (const variable of Object.values(PORTS)) env[variable] = await freeHundred(Object.values(env));
    return new Composition(file, project, join(folder, 'config'), env);
  }

  /** Ends with an error that shows what was said. */
  async compose(...args: string[]): Promise<string> {
    const [command, ...words] = this.#compose;
    return must(command, [...words, '-f', join(ROOT, this.#file), ...args], this.#env);
  }

  docker(...args: string[]): Promise<string> {
    return must('docker', args, this.#env);
  }

  /** The container of a service, running or not. */
  async container(service: string): Promise<string> {
    const [id] = await this.containers(`com.docker.compose.service=${service}`);
    if (id === undefined) throw new Error(`${service} has no container`);
    return id;
  }

  /** All, or those with a label too. */
  async containers(label?: string): Promise<string[]> {
    const labels = [`com.docker.compose.project=${this.#project}`, ...(label === undefined ? [] : [label])];
    const filters = labels.flatMap((one) => ['--filter', `label=${one}`]);
    return (await this.docker('ps', '-a', '-q', ...filters)).split('\n').filter((id) => id !== '');
  }

  /** What the engine knows of a container. */
  async inspect<T>(container: string, format: string): Promise<T> {
    return JSON.parse(await this.docker('inspect', container, '--format', `{{json ${format}}}`)) as T;
  }

  /** `NETWORK` as the engine calls it. */
  network(name: string): string {
    return `${this.#project}_${name}`;
  }

  /** `kogumactl` on this machine, with a configuration of its own. */
  kogumactl(...args: string[]): Promise<string> {
    const program = join(ROOT, 'apps/kogumactl/bin/kogumactl.js');
    return must(process.execPath, [program, '--config-file', this.#config, ...args], this.#env);
  }

  /** A context for each control plane, as the README has it made. */
  configure(): Promise<string> {
    return this.kogumactl('config', 'control-planes', 'from-docker', '--project', this.#project);
  }

  /** A control plane as an administrator on this machine reaches it. */
  client(name: string): ContainerClient {
    const config = parse(readFileSync(this.#config, 'utf8')) as {
      controlPlanes: { name: string; coordinates: { apiServer: Context } }[];
    };
    const found = config.controlPlanes.find((one) => one.name === `docker-${name}`);
    if (!found) throw new Error(`there is no context of ${name}`);
    const { url, caCertFile, authConf } = found.coordinates.apiServer;
    return new ContainerClient(url, readFileSync(caCertFile, 'utf8'), authConf.token);
  }

  /** With everything that it had. */
  async down(): Promise<void> {
    await this.compose('down', '-v', '--remove-orphans', '-t', '5');
  }
}

async function must(command: string, args: readonly string[], env: Record<string, string>): Promise<string> {
  const { code, output } = await run(command, args, env);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output}`);
  return output;
}

function has(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The first digits of ports that nobody listens on: 215 for 21578, 21580 and 21582. */
async function freeHundred(taken: readonly string[]): Promise<string> {
  for (let digits = 200; digits < 320; digits++) {
    const ports = PUBLISHED.map((last) => digits * 100 + last);
    if (!taken.includes(String(digits)) && (await Promise.all(ports.map(isFree))).every(Boolean)) return String(digits);
  }
  throw new Error('no ports are free');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
