import type { Direction, DrivenLink, LinkCondition } from './driven-lab.js';
import { type Duration, milliseconds } from './duration.js';
import type { FaultDoor, LinkFault } from './fault-door.js';

type Door = Pick<FaultDoor, 'setLink' | 'resetLink'>;

/** The link of a zone in a lab that runs: a wire of its supervisor. */
export class ConnectedLink implements DrivenLink {
  readonly #zone: string;
  readonly #door: () => Door;
  #blocked: Pick<LinkFault, 'cut' | 'halfOpen'> = {};
  #pace: Pick<LinkFault, 'latency' | 'jitter'> = {};

  constructor(zone: string, door: () => Door) {
    this.#zone = zone;
    this.#door = door;
  }

  get condition(): LinkCondition {
    if (this.#blocked.cut) return 'cut';
    if (this.#blocked.halfOpen) return 'half-open';
    return this.#pace.latency === undefined ? 'up' : 'slow';
  }

  cut(): Promise<void> {
    return this.#set({ cut: true }, this.#pace);
  }

  halfOpen(direction: Direction): Promise<void> {
    return this.#set({ halfOpen: direction }, this.#pace);
  }

  slow(latency: Duration, jitter: Duration = 0): Promise<void> {
    const [ms, more] = [milliseconds(latency), milliseconds(jitter)];
    return this.#set(this.#blocked, { latency: `${ms}ms`, ...(more > 0 ? { jitter: `${more}ms` } : {}) });
  }

  /** Breaks its connections once; what else is wrong with it stays. */
  async flap(): Promise<void> {
    const [condition, blocked] = [this.condition, this.#blocked];
    await this.cut();
    if (condition === 'up') await this.heal();
    else await this.#set(blocked, this.#pace);
  }

  async heal(): Promise<void> {
    await this.#door().resetLink(this.#zone);
    this.#blocked = {};
    this.#pace = {};
  }

  /** A wire has one fault at a time, of several parts. */
  async #set(blocked: LinkFault, pace: LinkFault): Promise<void> {
    await this.#door().setLink(this.#zone, { ...blocked, ...pace });
    this.#blocked = blocked;
    this.#pace = pace;
  }
}
