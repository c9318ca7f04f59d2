import { type Clock, ControlPlaneError, type Entropy, sleep } from '@koguma/core';
import { dialAds, Follower } from '@koguma/dp-server';
import { fetchInstructions, type Instructions } from './bootstrap.js';
import type { Tell } from './events.js';
import { Failure } from './failure.js';
import type { ProxyOrder } from './order.js';
import { readToken } from './token.js';

interface Parts {
  readonly order: ProxyOrder;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly tell: Tell;
}

/** From one failure to the next it waits twice as long, up to the longest, and less by chance. */
const SHORTEST_WAIT_MS = 1_000;
/** Refused with a token that will be the same the next time: there is no hurry. */
const HOPELESS_WAIT_MS = 5_000;
const LONGEST_WAIT_MS = 30_000;
/** A stream that lasted this long was a good one. */
const GOOD_STREAM_MS = 10_000;
/** As kuma-dp: who has no bootstrap after this gives up. */
const BOOTSTRAP_PATIENCE_MS = 5 * 60_000;

/** One proxy: asks once how to live, and then lives so until the signal ends. */
export class SimulatedProxy {
  readonly #parts: Parts;
  #failures = 0;
  #lastToken: string | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** @throws Failure when it cannot go on */
  async run(signal: AbortSignal): Promise<void> {
    const instructions = await this.#bootstrap(signal);
    while (instructions && !signal.aborted) {
      const since = this.#parts.clock.mono();
      const reason = await this.#live(instructions, signal);
      if (signal.aborted) break;
      if (this.#parts.clock.mono() - since >= GOOD_STREAM_MS) this.#failures = 0;
      const isRefused = reason.code === 'unauthenticated' || reason.code === 'access_denied';
      const shortest = isRefused && 'token' in instructions.credential ? HOPELESS_WAIT_MS : SHORTEST_WAIT_MS;
      await this.#wait(isRefused ? 'refused' : 'disconnected', reason, signal, shortest);
    }
    this.#parts.tell('stopped', {});
  }

  async #bootstrap(signal: AbortSignal): Promise<Instructions | undefined> {
    const { order, clock, tell } = this.#parts;
    const deadline = clock.mono() + BOOTSTRAP_PATIENCE_MS;
    while (!signal.aborted) {
      try {
        const instructions = await fetchInstructions(order, readToken(order.token));
        const { host, port } = instructions.address;
        this.#failures = 0;
        tell('bootstrapped', {
          controlPlane: `${host}:${port}`,
          token: 'path' in instructions.credential ? 'file' : 'once',
        });
        return instructions;
      } catch (error) {
        if (!(error instanceof ControlPlaneError)) throw error;
        if (clock.mono() > deadline) throw new Failure(error.message, 'Start the control plane, then the proxy again.');
        await this.#wait('no-bootstrap', error, signal);
      }
    }
    return undefined;
  }

  /** One stream, from its beginning to its end. */
  #live({ node, address, credential }: Instructions, signal: AbortSignal): Promise<ControlPlaneError> {
    const { tell } = this.#parts;
    let token: string;
    try {
      token = 'path' in credential ? readToken({ path: credential.path }) : credential.token;
    } catch (error) {
      // Somebody writes the file just now, or has spoilt it: it may be good the next time.
      return Promise.resolve(new ControlPlaneError('unavailable', (error as Failure).message));
    }
    if (this.#lastToken !== undefined && this.#lastToken !== token) tell('token-reloaded', {});
    this.#lastToken = token;

    return new Promise((resolve) => {
      let told = '';
      const call = dialAds(address, token, {
        message: (response) => {
          follower.take(response);
          if (!follower.isComplete) return;
          const { lds: listeners, cds: clusters } = follower.holdings;
          const holds = `${listeners}/${clusters}`;
          if (holds !== told) tell(told === '' ? 'connected' : 'configured', { listeners, clusters });
          told = holds;
        },
        closed: (reason) => {
          signal.removeEventListener('abort', stop);
          resolve(reason);
        },
      });
      const follower = new Follower(node, (request) => call.send(request));
      const stop = () => call.end();
      signal.addEventListener('abort', stop, { once: true });
      follower.start();
    });
  }

  /** Full jitter: of many that lost one control plane, no two come back together. */
  async #wait(
    event: 'no-bootstrap' | 'refused' | 'disconnected',
    { message }: Error,
    signal: AbortSignal,
    shortest = SHORTEST_WAIT_MS,
  ): Promise<void> {
    const { clock, entropy, tell } = this.#parts;
    const longest = Math.min(LONGEST_WAIT_MS, shortest * 2 ** Math.min(this.#failures++, 16));
    const retryInMs = Math.round(longest * entropy.random());
    tell(event, { reason: message, retryInMs });
    await sleep(clock, retryInMs, signal);
  }
}
