import type { Command } from 'commander';
import { DEFAULT_MESH, type GlobalOptions } from '../command-line.js';
import { configPath, FIRST, readConfig } from '../config/config-file.js';
import { targetOf } from '../config/control-planes.js';
import { Failure } from '../failure.js';
import type { Terminal } from '../terminal.js';
import { ApiClient } from './client.js';

/** A control plane to speak to, and the mesh that is meant when a resource is in one. */
export interface Connection {
  readonly api: ApiClient;
  readonly mesh: string;
}

/** Makes ready to speak to the control plane that a command line chooses. Nothing is sent yet. */
export async function connect(command: Command, { env }: Pick<Terminal, 'env'>): Promise<Connection> {
  const { config, configFile, context, mesh, apiTimeout } = command.optsWithGlobals<GlobalOptions>();
  const target = targetOf(config ? readConfig(configPath(configFile, { env })) : FIRST, context);
  return { api: new ApiClient(target, await milliseconds(apiTimeout)), mesh: mesh ?? target.mesh ?? DEFAULT_MESH };
}

/** Reads the duration of an option, rounded up: what is not nothing must not become 0, which is for ever. */
export async function milliseconds(duration: string, option = '--api-timeout'): Promise<number> {
  const { NANOS_PER_MILLISECOND, parseDuration } = await import('@koguma/core');
  try {
    const nanos = parseDuration(duration);
    if (nanos >= 0n) return Number((nanos + NANOS_PER_MILLISECOND - 1n) / NANOS_PER_MILLISECOND);
  } catch {
    // Told below, with what is allowed.
  }
  const todo = 'Use a duration such as 30s or 1m30s; 0 waits for as long as it takes.';
  throw Failure.usage(`${option} ${JSON.stringify(duration)} is not a duration`, todo);
}
