import { setMaxListeners } from 'node:events';
import type { Clock, Entropy } from '@koguma/core';
import { teller } from './events.js';
import { Failure } from './failure.js';
import type { ProxyOrder } from './order.js';
import { SimulatedProxy } from './proxy.js';

interface Parts {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly write: (text: string) => unknown;
  readonly format: 'text' | 'json';
}

/** How many knock for the first time at once: more would wait for each other at the control plane. */
const AT_THE_DOOR = 32;

/**
 * Runs proxies in this process until the signal ends, or none is left.
 * @throws Failure that tells the first of those that could not go on
 */
export async function runProxies(orders: readonly ProxyOrder[], parts: Parts, signal: AbortSignal): Promise<void> {
  const { clock, entropy, write, format } = parts;
  setMaxListeners(0, signal);
  const door = new Door(AT_THE_DOOR);
  const ended = await Promise.allSettled(
    orders.map(async (order) => {
      const name = order.type === 'dataplane' ? `${order.mesh}.${order.name}` : `.${order.name}`;
      const say = teller(name, { write, wall: () => clock.wall(), format });
      const leave = await door.enter();
      try {
        const tell: typeof say = (event, fields) => {
          say(event, fields);
          if (event !== 'bootstrapped') leave();
        };
        await new SimulatedProxy({ order, clock, entropy, tell }).run(signal);
      } finally {
        leave();
      }
    }),
  );
  const failures = ended.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []));
  const [first] = failures;
  if (!first) return;
  if (!(first instanceof Failure) || orders.length === 1) throw first;
  const what = `${failures.length} of ${orders.length} proxies could not go on; the first: ${first.message}`;
  throw new Failure(what, first.todo);
}

/** Lets some in at a time, in the order in which they came. */
class Door {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(places: number) {
    this.#free = places;
  }

  /** @returns what gives the place to the next; calling it again does nothing */
  async enter(): Promise<() => void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    let isInside = true;
    return () => {
      if (!isInside) return;
      isInside = false;
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    };
  }
}
