import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ControlPlaneError } from '@koguma/core';
import type { LiveLab } from '@koguma/scenario';
import { type Address, type ConnectedLab, ControlPlaneClient, connectLab } from '@koguma/testkit';
import type { GlobalOptions } from '../command-line.js';
import { type ApiServer, configPath, FIRST, readConfig } from '../config/config-file.js';
import { targetOf } from '../config/control-planes.js';
import { Failure } from '../failure.js';
import { askLab, type LabStatus } from '../lab/control.js';
import { dataPath } from '../lab/data-folder.js';
import type { Terminal } from '../terminal.js';

export interface LiveOptions extends GlobalOptions {
  readonly data?: string;
}

/** Where everything of a lab that runs is. */
interface Whereabouts {
  readonly global: Address;
  /** By name. */
  readonly zones: Readonly<Record<string, Address>>;
  readonly faults: string | undefined;
  readonly authority: string | undefined;
}

/** A lab that runs, to play scenarios on. */
export class FoundLab implements LiveLab {
  readonly #at: Whereabouts;

  constructor(at: Whereabouts) {
    this.#at = at;
  }

  get zones(): readonly string[] {
    return Object.keys(this.#at.zones);
  }

  get faults(): boolean {
    return this.#at.faults !== undefined;
  }

  /** Takes hold of global and of those zones. @throws Failure when they do not answer, or something is wrong on purpose already */
  async connect(zones: readonly string[], signal: AbortSignal): Promise<ConnectedLab> {
    const chosen = Object.entries(this.#at.zones).filter(([name]) => zones.includes(name));
    try {
      return await connectLab({ ...this.#at, zones: Object.fromEntries(chosen), putsBack: true, signal });
    } catch (error) {
      if (!(error instanceof ControlPlaneError)) throw error;
      throw new Failure(error.message, 'See how the lab is: npx kogumactl lab status, npx kogumactl fault list');
    }
  }
}

/** The lab that runs in a data folder; with `--context`, the one whose contexts are named alike: `docker-global-1`, `docker-east`. */
export async function findLab(options: LiveOptions, terminal: Terminal): Promise<FoundLab> {
  if (options.context !== undefined) return labOfContexts(options, terminal);
  return labOfFolder(await askLab(dataPath(options.data, terminal.env), { command: 'status', name: '' }));
}

function labOfFolder({ data, faults, controlPlanes }: LabStatus): FoundLab {
  if (faults === null) {
    const why = 'its control planes run in one process, or one of them with KOGUMA_LAB=false';
    throw new Failure(`no scenario can be played on the lab that runs: ${why}`, 'Start it with: npx kogumactl up');
  }
  const zones = controlPlanes.filter(({ role }) => role === 'zone').map(({ name, api }) => [name, api] as const);
  const global = controlPlanes.find(({ role }) => role === 'global')?.api ?? '';
  const authority = readFileSync(path.join(data, 'global', 'ca.crt'), 'utf8');
  return new FoundLab({ global, zones: Object.fromEntries(zones), faults, authority });
}

/** Each context whose name begins as that of the chosen one is asked what it is. */
async function labOfContexts({ config, configFile, context }: LiveOptions, terminal: Terminal): Promise<FoundLab> {
  const all = config ? readConfig(configPath(configFile, terminal)) : FIRST;
  const chosen = targetOf(all, context);
  const prefix = chosen.name.slice(0, chosen.name.indexOf('-') + 1);
  const names = all.contexts.map(({ name }) => name).filter((name) => prefix !== '' && name.startsWith(prefix));
  const alike = prefix === '' ? [chosen] : names.map((name) => targetOf(all, name));
  const authority = chosen.apiServer.caCertFile && readFileSync(chosen.apiServer.caCertFile, 'utf8');
  const found = await Promise.all(
    alike.map(async ({ apiServer }) => ({ address: addressOf(apiServer), ...(await roleOf(apiServer, authority)) })),
  );
  const global = found.find(({ mode }) => mode === 'global');
  const zones = found.flatMap(({ zone, address }) => (zone === undefined ? [] : [[zone, address] as const]));
  if (!global || zones.length === 0) {
    const asked = alike.map(({ name }) => name).join(', ');
    const todo = 'Add them: npx kogumactl config control-planes from-docker. Or start a lab: npx kogumactl up';
    throw new Failure(`no lab was found by the contexts ${asked}: a global and its zones must be among them`, todo);
  }
  return new FoundLab({ global: global.address, zones: Object.fromEntries(zones), faults: undefined, authority });
}

function addressOf({ url, authConf }: ApiServer): Exclude<Address, string> {
  return { url, token: authConf?.token };
}

async function roleOf(server: ApiServer, authority: string | undefined): Promise<{ mode?: string; zone?: string }> {
  const { url, token } = addressOf(server);
  const client = new ControlPlaneClient(() => url, {
    token,
    authority: url.startsWith('https:') ? authority : undefined,
  });
  const answer = await client.get<{ mode?: string; zone?: string }>('/koguma/sync').catch(() => undefined);
  return answer?.status === 200 ? answer.body : {};
}
