import { ControlPlaneError } from '@koguma/core';
import type { ConnectedTime } from './connected-time.js';
import { type Answer, type CallOptions, type ClientOptions, ControlPlaneClient } from './control-plane.js';
import type { DrivenNode } from './driven-lab.js';
import type { Duration } from './duration.js';
import type { FaultDoor } from './fault-door.js';
import type { Journal } from './journal.js';

interface Parts {
  readonly name: string;
  readonly url: string;
  readonly client: ClientOptions;
  /** Where proxies of a zone connect; undefined where nobody knows. */
  readonly proxies: string | undefined;
  readonly time: ConnectedTime;
  readonly door: () => FaultDoor;
  readonly journal: Journal | undefined;
}

/** A control plane in a process of its own. */
export class ConnectedNode extends ControlPlaneClient implements DrivenNode {
  readonly name: string;
  /** Where its proxies connect: `https://localhost:6678`; undefined where that was neither said nor can be told from its address. */
  readonly proxies: string | undefined;
  readonly #parts: Parts;
  #running = true;

  constructor(parts: Parts) {
    super(() => parts.url, parts.client);
    this.name = parts.name;
    this.proxies = parts.proxies;
    this.#parts = parts;
  }

  get running(): boolean {
    return this.#running;
  }

  /** @throws ControlPlaneError `unavailable` when it does not answer, or is another one */
  async expectMode(mode: 'global' | 'zone'): Promise<void> {
    const refuse = (why: string, cause?: unknown) =>
      new ControlPlaneError('unavailable', `${this.name} at ${this.url} ${why}`, { cause });
    const { status, body } = await this.get<{ mode?: string; zone?: string }>('/koguma/sync').catch(
      (error: unknown) => {
        throw refuse('does not answer: start it, or correct its address', error);
      },
    );
    if (status !== 200) throw refuse(`answers ${status}: show it the token of an admin`);
    if (body.mode !== mode) throw refuse(`is a ${body.mode} control plane`);
    if (mode === 'zone' && body.zone !== this.name) throw refuse(`is zone ${body.zone}`);
  }

  /** Resolves when it serves. */
  async start(): Promise<void> {
    if (!this.#running) await this.#parts.door().restore(this.name);
    this.#running = true;
  }

  /** As a crash does: its process is killed. */
  async stop(): Promise<void> {
    await this.#parts.door().crash(this.name);
    this.#running = false;
  }

  async wipe(): Promise<void> {
    await this.#parts.door().crash(this.name, { wipe: true });
    this.#running = false;
  }

  skew(by: Duration): Promise<void> {
    return this.#parts.time.skew(this.name, by);
  }

  /** Deletes what its user made otherwise than by writing it, such as the dataplane that came with a proxy. */
  discard(path: string): Promise<Answer> {
    return super.call('DELETE', path);
  }

  override call<B = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    options?: CallOptions,
  ): Promise<Answer<B>> {
    const { journal } = this.#parts;
    if (!journal) return super.call<B>(method, path, body, options);
    const send = (m: string, p: string, b?: unknown) => super.call(m, p, b, options);
    return journal.send(this.name, send, method, path, body) as Promise<Answer<B>>;
  }
}
