import { ControlPlaneError } from '@koguma/core';
import type { Direction } from './driven-lab.js';

/** Whatever its user does: what is wrong on purpose ends by itself after this. */
const TTL = '1h';
/** Who is meant by all. */
export const EVERYBODY = '*';

/** What can be wrong with a link. */
export interface LinkFault {
  readonly cut?: true;
  readonly halfOpen?: Direction;
  readonly latency?: string;
  readonly jitter?: string;
}

/** What is wrong now. */
interface FaultList {
  readonly links: readonly object[];
  readonly controlPlanes: readonly object[];
  readonly clocks: readonly object[];
}

/** The door for faults and clocks of a lab that `kogumactl up` runs: port 5690. */
export class FaultDoor {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url.replace(/\/$/, '');
  }

  setLink(zone: string, fault: LinkFault): Promise<unknown> {
    return this.#call('PUT', `/links/${zone}`, { ...fault, ttl: TTL });
  }

  resetLink(zone: string): Promise<unknown> {
    return this.#call('DELETE', `/links/${zone}`);
  }

  /** Kills a control plane, which stays so; with `wipe` it loses its store. */
  crash(name: string, { wipe = false } = {}): Promise<unknown> {
    return this.#call('PUT', `/control-planes/${name}`, { crash: true, ...(wipe ? { wipe } : {}), ttl: TTL });
  }

  /** Starts one again that crashed; resolves when it serves. */
  restore(name: string): Promise<unknown> {
    return this.#call('DELETE', `/control-planes/${name}`);
  }

  /** @param offsetMs against the time of the machine */
  setClock(name: string, offsetMs: number): Promise<unknown> {
    return this.#call('PUT', `/clocks/${name}`, { offset: `${Math.round(offsetMs)}ms`, ttl: TTL });
  }

  /** Whether nothing is wrong on purpose. */
  async isQuiet(): Promise<boolean> {
    const { links, controlPlanes, clocks } = await this.#call('GET', '');
    return links.length + controlPlanes.length + clocks.length === 0;
  }

  /** Ends everything that is wrong on purpose, whoever did it; resolves when all serve again. */
  reset(): Promise<unknown> {
    return this.#call('DELETE', '');
  }

  async #call(method: string, path: string, body?: object): Promise<FaultList> {
    const url = `${this.#url}/faults${path}`;
    const sent = { method, ...(body ? { body: JSON.stringify(body) } : {}) };
    const response = await fetch(url, sent).catch((cause: unknown) => {
      throw new ControlPlaneError('unavailable', `nobody takes faults at ${this.#url}: start the lab there`, { cause });
    });
    const text = await response.text();
    if (!response.ok)
      throw new ControlPlaneError('unavailable', `${method} ${url} answers ${response.status}: ${text}`);
    return JSON.parse(text) as FaultList;
  }
}
