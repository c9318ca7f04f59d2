import { ControlPlaneError, formatDuration, NANOS_PER_MILLISECOND, sleep, systemClock } from '@koguma/core';
import { ControlPlaneClient } from './control-plane.js';
import type { UntilOptions } from './lab.js';
import { milliseconds } from './virtual-time.js';

/** Where the API server of a control plane is, and who asks it. */
export type Address = string | { readonly url: string; readonly token?: string };

export interface ConnectOptions {
  /** `http://localhost:5681`, where `kogumactl up` has it, when left out. */
  readonly global?: Address;
  /** By name; `east` and `west` of `kogumactl up` when left out. */
  readonly zones?: Readonly<Record<string, Address>>;
}

const USUAL_GLOBAL = 'http://localhost:5681';
const USUAL_ZONES = { east: 'http://localhost:6681', west: 'http://localhost:7681' };
const USUAL_LIMIT = '30s';
const ASK_EVERY_MS = 50;

interface SyncReport {
  readonly zones: readonly {
    readonly zone: string;
    readonly state: string;
    readonly types: readonly { readonly written: number; readonly applied: number | null }[];
  }[];
}

/**
 * Takes hold of a lab that runs, on this machine or elsewhere, by its REST API. Its time is real: what is waited for takes as
 * long as it takes.
 * @throws ControlPlaneError `unavailable` that names the control plane that does not answer, or is another one
 * @example
 * const lab = await connectLab({ zones: { east: 'http://localhost:6681' } });
 * const token = await lab.zone('east').issue('dataplane', { mesh: 'default' });
 */
export async function connectLab({
  global = USUAL_GLOBAL,
  zones = USUAL_ZONES,
}: ConnectOptions = {}): Promise<ConnectedLab> {
  const lab = new ConnectedLab(
    clientOf(global),
    new Map(Object.entries(zones).map(([name, address]) => [name, clientOf(address)])),
  );
  await expectMode(lab.global, 'global', 'global');
  for (const name of lab.zoneNames) await expectMode(lab.zone(name), name, 'zone');
  return lab;
}

/** A lab in other processes, as far as its REST API goes. */
export class ConnectedLab {
  readonly global: ControlPlaneClient;
  readonly #zones: ReadonlyMap<string, ControlPlaneClient>;

  constructor(global: ControlPlaneClient, zones: ReadonlyMap<string, ControlPlaneClient>) {
    this.global = global;
    this.#zones = zones;
  }

  get zoneNames(): readonly string[] {
    return [...this.#zones.keys()];
  }

  /** @throws TypeError that names the zones that there are */
  zone(name: string): ControlPlaneClient {
    const zone = this.#zones.get(name);
    if (!zone) throw new TypeError(`this lab has no zone ${name}: it has ${this.zoneNames.join(', ')}`);
    return zone;
  }

  /** Resolves when every zone of this lab has applied all that global has. @throws as `until` */
  async synced(options: UntilOptions = {}): Promise<void> {
    let late: readonly string[] = [];
    await this.until(
      async () => {
        const { body } = await this.global.get<SyncReport>('/koguma/sync');
        late = this.zoneNames.filter((name) => !isSynced(body.zones.find(({ zone }) => zone === name)));
        return late.length === 0;
      },
      () => `${late.join(', ')} ${late.length === 1 ? 'has' : 'have'} all that global has`,
      options,
    );
  }

  /**
   * Asks again and again until something is so.
   * @returns how many milliseconds it took
   * @throws ControlPlaneError `unavailable` that says what was not so within the limit, 30 s when left out
   */
  async until(
    condition: () => boolean | Promise<boolean>,
    what: string | (() => string),
    { within = USUAL_LIMIT }: UntilOptions = {},
  ): Promise<number> {
    const [start, limit] = [systemClock.mono(), milliseconds(within)];
    const { signal } = new AbortController();
    while (!(await condition())) {
      if (systemClock.mono() - start >= limit) {
        const time = formatDuration(BigInt(Math.round(limit)) * NANOS_PER_MILLISECOND);
        throw new ControlPlaneError('unavailable', `waited ${time} until ${typeof what === 'string' ? what : what()}`);
      }
      await sleep(systemClock, ASK_EVERY_MS, signal);
    }
    return systemClock.mono() - start;
  }
}

function isSynced(row: SyncReport['zones'][number] | undefined): boolean {
  const types = row?.types ?? [];
  return (
    row?.state === 'Online' &&
    types.length > 0 &&
    types.every(({ written, applied }) => applied !== null && applied >= written)
  );
}

function clientOf(address: Address): ControlPlaneClient {
  const { url, token } = typeof address === 'string' ? { url: address, token: undefined } : address;
  return new ControlPlaneClient(() => url.replace(/\/$/, ''), { token });
}

async function expectMode(client: ControlPlaneClient, name: string, mode: 'global' | 'zone'): Promise<void> {
  const refuse = (why: string, cause?: unknown) =>
    new ControlPlaneError('unavailable', `${name} at ${client.url} ${why}`, { cause });
  const { status, body } = await client
    .get<{ mode?: string; zone?: string }>('/koguma/sync')
    .catch((error: unknown) => {
      throw refuse('does not answer: start it, or correct its address', error);
    });
  if (status !== 200) throw refuse(`answers ${status}: show it the token of an admin`);
  if (body.mode !== mode) throw refuse(`is a ${body.mode} control plane`);
  if (mode === 'zone' && body.zone !== name) throw refuse(`is zone ${body.zone}`);
}
