import { type Clock, ControlPlaneError } from '@koguma/core';
import { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery.js';
import type { Dial, KdsEndpoint, StreamIn, StreamOut } from './link.js';

/** What a network between two control planes in one process does to bytes. */
export interface Weather {
  /** Milliseconds until the next message arrives; asked for each message. Order is kept. */
  delay(): number;
  /** True when nothing passes in that direction; the sender does not notice. */
  blocked(direction: 'to-global' | 'to-zone'): boolean;
  /** Sees the bytes of every message that crosses. */
  tap?(direction: 'to-global' | 'to-zone', bytes: Uint8Array): void;
}

export interface MemoryNetwork {
  readonly dial: Dial;
  /** Breaks every connection: both ends see it at once, as with a reset. */
  breakAll(): void;
}

interface Codec<M> {
  encode(message: M): Uint8Array;
  decode(bytes: Uint8Array): M;
}

const requests: Codec<DeltaDiscoveryRequest> = {
  encode: (message) => DeltaDiscoveryRequest.encode(message).finish(),
  decode: (bytes) => DeltaDiscoveryRequest.decode(bytes),
};
const responses: Codec<DeltaDiscoveryResponse> = {
  encode: (message) => DeltaDiscoveryResponse.encode(message).finish(),
  decode: (bytes) => DeltaDiscoveryResponse.decode(bytes),
};
const written: Codec<Uint8Array> = { encode: (bytes) => bytes, decode: (bytes) => bytes };

/**
 * A link without sockets: messages are really written and read again, and travel on the given clock, so that tests
 * and simulations decide what arrives, and when. `endpoint` answers undefined while global is down.
 */
export function memoryNetwork(endpoint: () => KdsEndpoint | undefined, clock: Clock, weather: Weather): MemoryNetwork {
  const open = new Set<Pipe<never, never>>();
  const connect = <Up, Down>(
    up: [Codec<Up>, Codec<Up>],
    down: [Codec<Down>, Codec<Down>],
    accept: (global: KdsEndpoint, send: StreamOut<Down>) => StreamIn<Up>,
    zone: StreamIn<Down>,
  ) => {
    const pipe = new Pipe<Up, Down>(clock, weather, up, down, zone, () => open.delete(pipe as Pipe<never, never>));
    open.add(pipe as Pipe<never, never>);
    clock.after(weather.delay(), () => {
      const global = weather.blocked('to-global') ? undefined : endpoint();
      if (!global) return pipe.reset('global cannot be reached');
      try {
        pipe.arrive(accept(global, pipe.fromGlobal));
      } catch (error) {
        pipe.reset((error as Error).message);
      }
    });
    return pipe.fromZone;
  };
  return {
    dial: (hello) => {
      const streams: StreamOut<never>[] = [];
      const keep = <M>(stream: StreamOut<M>) => {
        streams.push(stream as StreamOut<never>);
        return stream;
      };
      return {
        globalToZone: (zone) =>
          keep(
            connect(
              [requests, requests],
              [written, responses] as never,
              (global, send) => global.globalToZone(hello, send as never),
              zone,
            ),
          ),
        zoneToGlobal: (zone) =>
          keep(
            connect(
              [responses, responses],
              [requests, requests],
              (global, send) => global.zoneToGlobal(hello, send),
              zone,
            ),
          ),
        close: () => {
          for (const stream of streams) stream.end();
        },
      };
    },
    breakAll: () => {
      for (const pipe of [...open]) pipe.reset('the connection was reset');
    },
  };
}

/** One stream in both directions. */
class Pipe<Up, Down> {
  readonly fromZone: StreamOut<Up>;
  readonly fromGlobal: StreamOut<Down>;
  #global: StreamIn<Up> | undefined;
  #early: Up[] = [];
  #over = false;

  constructor(
    clock: Clock,
    weather: Weather,
    up: [Codec<Up>, Codec<Up>],
    down: [Codec<Down>, Codec<Down>],
    private readonly zone: StreamIn<Down>,
    private readonly onOver: () => void,
  ) {
    const lane = <M>(
      direction: 'to-global' | 'to-zone',
      [write, read]: [Codec<M>, Codec<M>],
      deliver: (message: M) => void,
    ) => {
      let free = 0;
      return (message: M) => {
        const bytes = write.encode(message);
        weather.tap?.(direction, bytes);
        free = Math.max(free, clock.mono() + weather.delay());
        clock.after(free - clock.mono(), () => {
          if (!this.#over && !weather.blocked(direction)) deliver(read.decode(bytes));
        });
      };
    };
    const toGlobal = lane<Up>('to-global', up, (message) =>
      this.#global ? this.#global.message(message) : this.#early.push(message),
    );
    const toZone = lane<Down>('to-zone', down, (message) => this.zone.message(message));
    this.fromZone = { send: (message) => this.#over || toGlobal(message), end: () => this.#end('zone') };
    this.fromGlobal = { send: (message) => this.#over || toZone(message), end: (error) => this.#end('global', error) };
  }

  /** Global accepted the stream: what came before goes to it now. */
  arrive(global: StreamIn<Up>): void {
    if (this.#over) return global.closed(undefined);
    this.#global = global;
    for (const message of this.#early.splice(0)) global.message(message);
  }

  reset(why: string): void {
    if (this.#over) return;
    this.#over = true;
    this.onOver();
    const reason = new ControlPlaneError('unavailable', why);
    this.zone.closed(reason);
    this.#global?.closed(reason);
  }

  #end(by: 'zone' | 'global', error?: ControlPlaneError): void {
    if (this.#over) return;
    this.#over = true;
    this.onOver();
    if (by === 'zone') this.#global?.closed(undefined);
    else this.zone.closed(error);
  }
}
