import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { milliseconds } from '../api/connect.js';
import type { GlobalOptions } from '../command-line.js';
import { Failure } from '../failure.js';
import { secretIn } from '../lab/token.js';
import type { Terminal } from '../terminal.js';
import { checkControlPlane } from './check-control-plane.js';
import { type ApiServer, configPath, readConfig, writeConfig } from './config-file.js';
import { switchedTo, withControlPlane } from './control-planes.js';

/** What `config control-planes from-docker` was given. */
export interface FromDockerOptions extends GlobalOptions {
  readonly project?: string;
}

interface Container {
  readonly id: string;
  /** Of the control plane, by its label. */
  readonly name: string;
  /** Of the composition that it belongs to. */
  readonly project: string;
  readonly isStarting: boolean;
}

const NAME_LABEL = 'koguma.control-plane';
const PROJECT_LABEL = 'com.docker.compose.project';
const HTTPS_PORT = 5682;
const CA_FILE = '/etc/koguma/ca.crt';
const PREFIX = 'docker-';
const POLL_MS = 500;

/**
 * Writes a context for each control plane that runs in a container with the label `koguma.control-plane`, with its
 * address on this machine, its authority and its admin token: a caller from outside of a container is nobody there
 * without one. Who may ask the engine may have all of that anyway.
 * @throws Failure, before anything is written
 */
export async function addFromDocker(options: FromDockerOptions, terminal: Terminal): Promise<void> {
  const file = configPath(options.configFile, terminal);
  const timeoutMs = await milliseconds(options.apiTimeout);
  const containers = await startedContainers(options.project, timeoutMs, terminal);
  const found = await Promise.all(containers.map((container) => inspect(container, path.dirname(file), terminal)));
  for (const { name, authority, apiServer } of found) {
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    fs.writeFileSync(apiServer.caCertFile, authority);
    await checkControlPlane({ name, apiServer, mesh: undefined }, timeoutMs, terminal);
  }
  const all = found.reduce(
    (config, { name, apiServer }) => withControlPlane(config, name, apiServer),
    readConfig(file),
  );
  const [first] = found;
  writeConfig(file, first ? switchedTo(all, first.name) : all);
  for (const { name } of found) terminal.out.write(`added Control Plane "${name}"\n`);
  if (first) terminal.out.write(`switched active Control Plane to "${first.name}"\n`);
}

/** Those that are just starting are waited for, so that this can be typed right after `docker-compose up -d`. */
async function startedContainers(
  project: string | undefined,
  timeoutMs: number,
  terminal: Terminal,
): Promise<Container[]> {
  const began = performance.now();
  for (;;) {
    const containers = await containersOf(project, terminal);
    const starting = containers.filter(({ isStarting }) => isStarting).map(({ name }) => name);
    if (starting.length === 0) return containers;
    if (timeoutMs > 0 && performance.now() - began > timeoutMs) {
      throw new Failure(`not ready yet: ${starting.join(', ')}`, 'See why: docker-compose logs');
    }
    await sleep(POLL_MS);
  }
}

/** Those of one composition, by their names. */
async function containersOf(project: string | undefined, terminal: Terminal): Promise<Container[]> {
  const format = ['{{.ID}}', `{{.Label "${NAME_LABEL}"}}`, `{{.Label "${PROJECT_LABEL}"}}`, '{{.Status}}'].join('\t');
  const filters = [NAME_LABEL, ...(project === undefined ? [] : [`${PROJECT_LABEL}=${project}`])];
  const listed = await docker(
    ['ps', '--format', format, ...filters.flatMap((label) => ['--filter', `label=${label}`])],
    terminal,
  );
  const containers = listed
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Container => {
      const [id = '', name = '', of = '', status = ''] = line.split('\t');
      return { id, name, project: of, isStarting: status.includes('health: starting') };
    })
    .sort((one, other) => (one.name < other.name ? -1 : 1));
  const projects = [...new Set(containers.map((one) => one.project))].sort();
  if (projects.length === 1) return containers;
  if (projects.length === 0)
    throw new Failure('no control plane runs in a container here', 'Start them: docker-compose up -d');
  throw new Failure(`several compositions run here: ${projects.join(', ')}`, 'Choose one with --project NAME.');
}

async function inspect({ id, name }: Container, folder: string, terminal: Terminal) {
  const [address, authority, token] = await Promise.all([
    docker(['port', id, `${HTTPS_PORT}/tcp`], terminal),
    docker(['exec', id, 'cat', CA_FILE], terminal),
    docker(
      ['exec', id, 'kogumactl', '--no-config', 'get', 'global-secret', 'admin-user-token', '-o', 'json'],
      terminal,
    ),
  ]);
  const apiServer = {
    url: `https://${address.split('\n', 1)[0]}`,
    caCertFile: path.join(folder, `${PREFIX}${name}.crt`),
    authType: 'tokens',
    authConf: { token: secretIn(token) },
  } satisfies ApiServer;
  return { name: `${PREFIX}${name}`, authority, apiServer };
}

async function docker(args: readonly string[], { env }: Pick<Terminal, 'env'>): Promise<string> {
  try {
    return (await promisify(execFile)('docker', args, { env: { ...env } })).stdout;
  } catch (error) {
    const { code, stderr = '' } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT') throw new Failure('there is no docker here', 'Install it, or put it on the PATH.');
    const said = stderr.trim().split('\n', 1)[0] || `exit code ${String(code)}`;
    throw new Failure(`docker ${args.slice(0, 2).join(' ')}: ${said}`, 'Is the composition up? See: docker-compose ps');
  }
}
