import path from 'node:path';
import { stringify } from 'yaml';
import { milliseconds } from '../api/connect.js';
import { type GlobalOptions, pairs } from '../command-line.js';
import { Failure } from '../failure.js';
import { table } from '../output/table.js';
import type { Terminal } from '../terminal.js';
import { checkControlPlane } from './check-control-plane.js';
import { type ApiServer, type Configuration, configPath, isHttpUrl, readConfig, writeConfig } from './config-file.js';
import { switchedTo, withControlPlane, withoutControlPlane } from './control-planes.js';

/** What `config control-planes add` was given. */
export interface AddOptions extends GlobalOptions {
  readonly name: string;
  readonly address: string;
  readonly overwrite?: boolean;
  readonly skipCheck?: boolean;
  readonly skipVerify?: boolean;
  readonly caCertFile?: string;
  readonly clientCertFile?: string;
  readonly clientKeyFile?: string;
  readonly headers?: readonly string[];
  readonly authType?: string;
  readonly authConf?: readonly string[];
}

export interface NameOptions extends GlobalOptions {
  readonly name: string;
}

const MASK = '*****';

export async function addControlPlane(options: AddOptions, terminal: Terminal): Promise<void> {
  const { name, overwrite, skipCheck, apiTimeout } = options;
  const apiServer = apiServerOf(options);
  if (!overwrite && current(options, terminal).controlPlanes.some((one) => one.name === name)) {
    throw new Failure(`Control Plane with name "${name}" already exists`, 'Replace it with --overwrite.');
  }
  if (!skipCheck) {
    await checkControlPlane({ name, apiServer, mesh: undefined }, await milliseconds(apiTimeout), terminal);
  }
  change(options, terminal, (config) => switchedTo(withControlPlane(config, name, apiServer), name));
  terminal.out.write(`added Control Plane "${name}"\nswitched active Control Plane to "${name}"\n`);
}

export function listControlPlanes(options: GlobalOptions, terminal: Terminal): void {
  const { controlPlanes, contexts, currentContext } = current(options, terminal);
  const active = contexts.find(({ name }) => name === currentContext)?.controlPlane;
  const rows = controlPlanes.map(({ name, coordinates }) => [
    name === active ? '*' : '',
    name,
    coordinates.apiServer.url,
  ]);
  for (const line of table(['ACTIVE', 'NAME', 'ADDRESS'], rows)) terminal.out.write(`${line}\n`);
}

export function removeControlPlane(options: NameOptions, terminal: Terminal): void {
  const before = current(options, terminal).currentContext;
  const { currentContext } = change(options, terminal, (config) => withoutControlPlane(config, options.name));
  terminal.out.write(`removed Control Plane "${options.name}"\n`);
  if (currentContext === before) return;
  terminal.out.write(
    currentContext === '' ? 'no Control Plane is active\n' : `switched active Control Plane to "${currentContext}"\n`,
  );
}

export function switchControlPlane(options: NameOptions, terminal: Terminal): void {
  change(options, terminal, (config) => switchedTo(config, options.name));
  terminal.out.write(`switched active Control Plane to "${options.name}"\n`);
}

/** @param raw shows tokens and headers in the clear */
export function viewConfig(options: GlobalOptions & { readonly raw?: boolean }, terminal: Terminal): void {
  const config = current(options, terminal);
  terminal.out.write(stringify(options.raw ? config : masked(config), { lineWidth: 0 }));
}

function current({ config, configFile }: GlobalOptions, terminal: Terminal): Configuration {
  if (config) return readConfig(configPath(configFile, terminal));
  const todo = 'Leave --no-config out, or choose another file with --config-file.';
  throw Failure.usage('this command works with the configuration file', todo);
}

function change(
  options: GlobalOptions,
  terminal: Terminal,
  edit: (config: Configuration) => Configuration,
): Configuration {
  const config = edit(current(options, terminal));
  writeConfig(configPath(options.configFile, terminal), config);
  return config;
}

/** Certificate files are kept by their absolute paths, so that they are found from every folder. */
function apiServerOf(options: AddOptions): ApiServer {
  const { address, authType, caCertFile, clientCertFile, clientKeyFile, skipVerify } = options;
  if (!isHttpUrl(address)) {
    throw Failure.usage(`--address ${JSON.stringify(address)} is not a URL`, 'Write it as https://localhost:5682.');
  }
  if ((clientCertFile === undefined) !== (clientKeyFile === undefined)) {
    throw Failure.usage('a client certificate and its key belong together', 'Give both files, or none.');
  }
  const headers = Object.entries(pairs('--headers', options.headers)).map(([key, value]) => ({ key, value }));
  return {
    url: address,
    ...(caCertFile ? { caCertFile: path.resolve(caCertFile) } : {}),
    ...(clientCertFile && clientKeyFile
      ? { clientCertFile: path.resolve(clientCertFile), clientKeyFile: path.resolve(clientKeyFile) }
      : {}),
    ...(headers.length > 0 ? { headers } : {}),
    ...(authType ? { authType, authConf: authConfOf(authType, options.authConf) } : {}),
    ...(skipVerify ? { skipVerify } : {}),
  };
}

function authConfOf(authType: string, written: readonly string[] | undefined): Record<string, string> {
  if (authType !== 'tokens') {
    throw Failure.usage(`authentication plugin of type "${authType}" is not found`, 'Use --auth-type=tokens.');
  }
  const token = pairs('--auth-conf', written).token?.trim();
  if (token) return { token };
  throw Failure.usage('--auth-conf is not valid: there is no token', 'Give it as --auth-conf token=TOKEN.');
}

function masked(config: Configuration): Configuration {
  return {
    ...config,
    controlPlanes: config.controlPlanes.map(({ coordinates: { apiServer, ...coordinates }, ...controlPlane }) => {
      const { headers, authConf } = apiServer;
      const hidden = {
        ...(headers ? { headers: headers.map((header) => ({ ...header, value: MASK })) } : {}),
        ...(authConf ? { authConf: Object.fromEntries(Object.keys(authConf).map((key) => [key, MASK])) } : {}),
      };
      return { ...controlPlane, coordinates: { ...coordinates, apiServer: { ...apiServer, ...hidden } } };
    }),
  };
}
