import { type Clock, type Entropy, invalid } from '@koguma/core';
import { type Dial, type KdsEndpoint, type MemoryNetwork, memoryNetwork } from '@koguma/kds';
import type { Direction, DrivenLink, LinkCondition } from './driven-lab.js';
import { type Duration, milliseconds } from './duration.js';

/** What a message takes on a good link, and how much more by chance. */
const USUAL_LATENCY_MS = 2;
const USUAL_JITTER_MS = 18;

/** The link between a zone and its global, in memory: what is sent is really written, and read at the other end. */
export class LabLink implements DrivenLink {
  /** For the zone: dials global. */
  readonly dial: Dial;
  readonly #network: MemoryNetwork;
  readonly #blocked = new Set<Direction>();
  #latencyMs = USUAL_LATENCY_MS;
  #jitterMs = USUAL_JITTER_MS;

  constructor(global: () => KdsEndpoint | undefined, clock: Clock, chance: Entropy) {
    this.#network = memoryNetwork(global, clock, {
      delay: () => this.#latencyMs + Math.floor(this.#jitterMs * chance.random()),
      blocked: (direction) => this.#blocked.has(direction),
    });
    this.dial = this.#network.dial;
  }

  get condition(): LinkCondition {
    if (this.#blocked.size > 0) return this.#blocked.size === 1 ? 'half-open' : 'cut';
    return this.#latencyMs + this.#jitterMs > USUAL_LATENCY_MS + USUAL_JITTER_MS ? 'slow' : 'up';
  }

  /** Breaks it: both ends see that at once, and nothing passes until `heal`. */
  cut(): void {
    this.#blocked.add('to-global').add('to-zone');
    this.#network.breakAll();
  }

  /** What goes in that direction does not arrive any more, and neither end is told. */
  halfOpen(direction: Direction): void {
    if (direction !== 'to-global' && direction !== 'to-zone')
      throw invalid({ field: 'direction', reason: 'must be to-global or to-zone' });
    this.#blocked.clear();
    this.#blocked.add(direction);
  }

  /** From now on each message takes `latency`, and up to `jitter` more. Order is kept. */
  slow(latency: Duration, jitter: Duration = 0): void {
    this.#latencyMs = milliseconds(latency);
    this.#jitterMs = milliseconds(jitter);
  }

  /** Resets it: both ends see that at once, and may come back. */
  flap(): void {
    this.#network.breakAll();
  }

  /** Lets everything through again, at the usual pace. What hung is reset, as keepalives would do. */
  heal(): void {
    const wasBlocked = this.#blocked.size > 0;
    this.#blocked.clear();
    this.#latencyMs = USUAL_LATENCY_MS;
    this.#jitterMs = USUAL_JITTER_MS;
    if (wasBlocked) this.#network.breakAll();
  }
}
