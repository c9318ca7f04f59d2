import type { TokenCrypto } from '@koguma/auth';
import type { Clock } from '@koguma/core';
import type { Dial, KdsEndpoint, StreamIn, StreamOut } from '@koguma/kds';
import type { ResourceStore, StoreTransaction } from '@koguma/resources';

/**
 * One life of a control plane. Each call that it makes of a port comes through here, so it can be ended before or after
 * any of them: a dead one's calls never come back, what it sends goes nowhere, and what it began in a store is undone.
 */
export class Life {
  readonly #died: () => void;
  readonly #dead: Promise<never>;
  #kill: (reason: Error) => void = () => undefined;
  #alive = true;
  #callsLeft = Number.POSITIVE_INFINITY;

  /** @param died told once, in the call in which it ended */
  constructor(died: () => void) {
    this.#died = died;
    this.#dead = new Promise((_, reject) => (this.#kill = reject));
    this.#dead.catch(() => undefined);
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Ends it at the n-th step from now: a call of a port has two, going out and coming back. */
  dieAfter(steps: number): void {
    this.#callsLeft = steps;
  }

  die(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#kill(new Error('this control plane is dead'));
    this.#died();
  }

  clock(real: Clock): Clock {
    return {
      wall: () => real.wall(),
      mono: () => real.mono(),
      after: (ms, run) => real.after(ms, () => this.#alive && run()),
      at: (wallMs, run) => real.at(wallMs, () => this.#alive && run()),
    };
  }

  crypto(real: TokenCrypto): TokenCrypto {
    return {
      ...real,
      sign: (...args) => this.#call(() => real.sign(...args)),
      verify: (...args) => this.#call(() => real.verify(...args)),
      makeKey: () => this.#call(() => real.makeKey()),
    };
  }

  store(real: ResourceStore): ResourceStore {
    const { lease } = real;
    return {
      shared: real.shared,
      lease: lease && {
        claim: (instance, forMs) => this.#call(() => lease.claim(instance, forMs)),
        release: (instance) => this.#call(() => lease.release(instance)),
      },
      get: (key) => this.#call(() => real.get(key)),
      list: (type, mesh) => this.#call(() => real.list(type, mesh)),
      since: (after) => this.#call(() => real.since(after)),
      transaction: (work, fence) =>
        this.#call(() => real.transaction((tx) => Promise.race([work(this.#transaction(tx)), this.#dead]), fence)),
      onCommit: (wake) => real.onCommit(() => this.#alive && wake()),
      // The store outlives those who use it.
      close: () => this.#call(() => Promise.resolve()),
    };
  }

  dial(real: Dial): Dial {
    return (hello) => {
      const link = real(hello);
      return {
        globalToZone: (receive) => this.#outgoing(link.globalToZone(this.#incoming(receive))),
        zoneToGlobal: (receive) => this.#outgoing(link.zoneToGlobal(this.#incoming(receive))),
        heartbeat: (receive) => this.#outgoing(link.heartbeat(this.#incoming(receive))),
        healthCheck: () => this.#call(() => link.healthCheck()),
        close: () => this.#alive && link.close(),
      };
    };
  }

  /** A stream that reaches it when it is dead is held, and goes nowhere, as by a balancer that has not noticed yet. */
  endpoint(real: KdsEndpoint): KdsEndpoint {
    const taken = <Out, In>(send: StreamOut<Out>, take: (send: StreamOut<Out>) => StreamIn<In>): StreamIn<In> =>
      this.#incoming(this.#alive ? take(this.#outgoing(send)) : NOBODY);
    return {
      globalToZone: (hello, send) => taken(send, (mine) => real.globalToZone(hello, mine)),
      zoneToGlobal: (hello, send) => taken(send, (mine) => real.zoneToGlobal(hello, mine)),
      heartbeat: (hello, send) => taken(send, (mine) => real.heartbeat(hello, mine)),
      healthCheck: (hello) => (this.#alive ? real.healthCheck(hello) : never()),
    };
  }

  #transaction(real: StoreTransaction): StoreTransaction {
    return {
      get: (key) => this.#call(() => real.get(key)),
      list: (type, mesh) => this.#call(() => real.list(type, mesh)),
      create: (draft) => this.#call(() => real.create(draft)),
      update: (resource) => this.#call(() => real.update(resource)),
      delete: (key) => this.#call(() => real.delete(key)),
      savepoint: (work) => this.#call(() => real.savepoint(work)),
    };
  }

  #outgoing<M>(real: StreamOut<M>): StreamOut<M> {
    return {
      send: (message) => this.#goesOn() && real.send(message),
      end: (error) => this.#alive && real.end(error),
    };
  }

  #incoming<M>(receive: StreamIn<M>): StreamIn<M> {
    return {
      message: (message) => this.#alive && receive.message(message),
      welcomed: (welcome) => this.#alive && receive.welcomed?.(welcome),
      closed: (reason) => this.#alive && receive.closed(reason),
    };
  }

  async #call<T>(work: () => Promise<T>): Promise<T> {
    if (!this.#goesOn()) return never();
    try {
      const value = await work();
      return this.#goesOn() ? value : await never();
    } catch (error) {
      if (!this.#goesOn()) return never();
      throw error;
    }
  }

  #goesOn(): boolean {
    if (this.#alive && --this.#callsLeft <= 0) this.die();
    return this.#alive;
  }
}

const NOBODY: StreamIn<unknown> = { message: () => undefined, closed: () => undefined };

function never(): Promise<never> {
  return new Promise(() => undefined);
}
