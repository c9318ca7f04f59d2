import { type Clock, ControlPlaneError } from '@koguma/core';
import { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery.js';
import { GlobalReport, ZoneReport } from './gen/koguma/v1/sync.js';
import type { Dial, Hello, KdsEndpoint, Link, StreamIn, StreamOut } from './link.js';
import { type Codec, type Ends, type Lane, Pipe, type Weather } from './memory-pipe.js';

export interface MemoryNetwork {
  readonly dial: Dial;
  /** Breaks every connection, or those to one global: both ends see it, as with a reset. */
  breakAll(global?: KdsEndpoint): void;
}

const requests: Codec<DeltaDiscoveryRequest> = {
  encode: (message) => DeltaDiscoveryRequest.encode(message).finish(),
  decode: (bytes) => DeltaDiscoveryRequest.decode(bytes),
};
const responses: Codec<DeltaDiscoveryResponse> = {
  encode: (message) => DeltaDiscoveryResponse.encode(message).finish(),
  decode: (bytes) => DeltaDiscoveryResponse.decode(bytes),
};
const globalReports: Codec<GlobalReport> = {
  encode: (message) => GlobalReport.encode(message).finish(),
  decode: (bytes) => GlobalReport.decode(bytes),
};
const zoneReports: Codec<ZoneReport> = {
  encode: (message) => ZoneReport.encode(message).finish(),
  decode: (bytes) => ZoneReport.decode(bytes),
};
const writtenResponses: Codec<Uint8Array, DeltaDiscoveryResponse> = { ...responses, encode: (bytes) => bytes };

/**
 * A link without sockets: messages are really written and read again, and travel on the given clock, so that tests
 * and simulations decide what arrives, and when. `endpoint` answers undefined while no global can be reached; it is
 * asked once for each connection.
 */
export function memoryNetwork(endpoint: () => KdsEndpoint | undefined, clock: Clock, weather: Weather): MemoryNetwork {
  const open = new Set<OpenPipe>();
  return {
    dial: (hello) => new MemoryLink({ hello, endpoint, clock, weather, open }),
    breakAll: (global) => {
      for (const pipe of [...open]) {
        if (global === undefined || pipe.global === global) pipe.reset('the connection was reset');
      }
    },
  };
}

interface OpenPipe {
  readonly global: KdsEndpoint | undefined;
  reset(why: string): void;
}

interface LinkParts {
  readonly hello: Hello;
  readonly endpoint: () => KdsEndpoint | undefined;
  readonly clock: Clock;
  readonly weather: Weather;
  readonly open: Set<OpenPipe>;
}

/** One connection: all of its streams go to the global that answered first. */
class MemoryLink implements Link {
  readonly #parts: LinkParts;
  readonly #streams: { end(): void }[] = [];
  #global: KdsEndpoint | undefined;

  constructor(parts: LinkParts) {
    this.#parts = parts;
  }

  globalToZone(zone: StreamIn<DeltaDiscoveryResponse>): StreamOut<DeltaDiscoveryRequest> {
    const { hello } = this.#parts;
    const accept: Accept<Uint8Array, DeltaDiscoveryRequest> = (global, send) => global.globalToZone(hello, send);
    return this.#connect('global-to-zone', { up: requests, down: writtenResponses, zone, accept });
  }

  zoneToGlobal(zone: StreamIn<DeltaDiscoveryRequest>): StreamOut<Uint8Array> {
    const { hello } = this.#parts;
    const accept: Accept<DeltaDiscoveryRequest, DeltaDiscoveryResponse> = (global, send) =>
      global.zoneToGlobal(hello, send);
    return this.#connect('zone-to-global', { up: writtenResponses, down: requests, zone, accept });
  }

  heartbeat(zone: StreamIn<GlobalReport>): StreamOut<ZoneReport> {
    const { hello } = this.#parts;
    const accept: Accept<GlobalReport, ZoneReport> = (global, send) => global.heartbeat(hello, send);
    return this.#connect('heartbeat', { up: zoneReports, down: globalReports, zone, accept });
  }

  /** There and back; that no answer comes is told to the zone by its streams. */
  healthCheck(): Promise<number> {
    const { hello, clock, weather } = this.#parts;
    return new Promise((resolve, reject) => {
      const back = (answer: () => void) => clock.after(weather.delay('to-zone', 'health-check'), answer);
      const ask = async (global: KdsEndpoint) => global.healthCheck(hello);
      clock.after(weather.delay('to-global', 'health-check'), () => {
        const global = this.#reached();
        if (!global || weather.blocked('to-zone')) return;
        ask(global).then(
          (wait) => back(() => resolve(wait)),
          (error: unknown) => back(() => reject(error as Error)),
        );
      });
    });
  }

  close(): void {
    for (const stream of this.#streams) stream.end();
  }

  #reached(): KdsEndpoint | undefined {
    if (this.#parts.weather.blocked('to-global')) return undefined;
    this.#global ??= this.#parts.endpoint();
    return this.#global;
  }

  #connect<Up, UpRead, Down, DownRead>(
    lane: Lane,
    stream: Ends<Up, UpRead, Down, DownRead> & { readonly accept: Accept<Down, UpRead> },
  ): StreamOut<Up> {
    const { clock, weather, open } = this.#parts;
    const over = () => open.delete(pipe);
    const pipe = new Pipe<Up, UpRead, Down, DownRead>({ ...stream, clock, weather, lane, over });
    open.add(pipe);
    clock.after(weather.delay('to-global', lane), () => {
      const global = this.#reached();
      if (!global) return pipe.reset('global cannot be reached');
      try {
        pipe.arrive(global, (send) => stream.accept(global, send));
      } catch (error) {
        pipe.fromGlobal.end(ControlPlaneError.from(error));
      }
    });
    this.#streams.push(pipe.fromZone);
    return pipe.fromZone;
  }
}

type Accept<Down, UpRead> = (global: KdsEndpoint, send: StreamOut<Down>) => StreamIn<UpRead>;
