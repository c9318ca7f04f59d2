import type { Direction, DrivenLink, LinkCondition } from './driven-lab.js';
import { type Duration, milliseconds } from './duration.js';
import type { FaultDoor, LinkFault } from './fault-door.js';

/** The link of a zone in a lab that runs: a wire of its supervisor. */
export class ConnectedLink implements DrivenLink {
  readonly #zone: string;
  readonly #door: () => FaultDoor;
  #condition: LinkCondition = 'up';
  #fault: LinkFault | undefined;

  constructor(zone: string, door: () => FaultDoor) {
    this.#zone = zone;
    this.#door = door;
  }

  get condition(): LinkCondition {
    return this.#condition;
  }

  cut(): Promise<void> {
    return this.#set('cut', { cut: true });
  }

  halfOpen(direction: Direction): Promise<void> {
    return this.#set('half-open', { halfOpen: direction });
  }

  slow(latency: Duration, jitter: Duration = 0): Promise<void> {
    const [ms, more] = [milliseconds(latency), milliseconds(jitter)];
    return this.#set('slow', { latency: `${ms}ms`, ...(more > 0 ? { jitter: `${more}ms` } : {}) });
  }

  /** Breaks its connections once; what else is wrong with it stays. */
  async flap(): Promise<void> {
    const [condition, fault] = [this.#condition, this.#fault];
    await this.cut();
    if (fault) await this.#set(condition, fault);
    else await this.heal();
  }

  async heal(): Promise<void> {
    await this.#door().resetLink(this.#zone);
    this.#condition = 'up';
    this.#fault = undefined;
  }

  async #set(condition: LinkCondition, fault: LinkFault): Promise<void> {
    await this.#door().setLink(this.#zone, fault);
    this.#condition = condition;
    this.#fault = fault;
  }
}
