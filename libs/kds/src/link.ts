import { ControlPlaneError } from '@koguma/core';
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery.js';
import type { GlobalReport, ZoneReport } from './gen/koguma/v1/sync.js';

/** The sending side of one stream. */
export interface StreamOut<M> {
  send(message: M): void;
  /** Ends the stream; with an error, the peer is told its code and message. Later sends do nothing. */
  end(error?: ControlPlaneError): void;
}

/** The receiving side of one stream; `closed` is called once, and nothing after it. */
export interface StreamIn<M> {
  message(message: M): void;
  /** What the other side says of itself before its first message; a plain Kuma says nothing. */
  welcomed?(welcome: Welcome): void;
  /** The stream is over: by the peer, by the link (with the reason), or because this side ended it. */
  closed(reason: ControlPlaneError | undefined): void;
}

/** What a global says of itself when it takes a stream (gRPC's initial metadata). */
export interface Welcome {
  /** To a zone that shows what it has, it answers with the difference. Who does not say so sends everything. */
  readonly resumes: boolean;
}

/** What every global of ours says. */
export const WELCOME: Welcome = { resumes: true };

/** What a zone says of itself when it dials (Kuma's gRPC metadata). */
export interface Hello {
  readonly zone: string;
  readonly version: string;
  /** Empty for a plain Kuma. */
  readonly instanceId: string;
  readonly features: readonly string[];
  /** The epoch of the store that the zone lives in: replicas share one. Empty for a plain Kuma. */
  readonly storeId: string;
  /** The zone token that it proves itself with; empty for a zone that shows none, as a plain Kuma. */
  readonly token: string;
}

/** Whether two control planes tell where they live, and it is not the same store: then they are no replicas of a zone. */
export function isForeign(one: Pick<Hello, 'storeId'>, other: Pick<Hello, 'storeId'>): boolean {
  return one.storeId !== '' && other.storeId !== '' && one.storeId !== other.storeId;
}

/** The feature of a zone that calls HealthCheck: only then may its silence be held against it. */
export const PINGS = 'zone-ping-health';

/**
 * A connection from a zone to its global, seen from the zone: both streams of Kuma's KDSSyncService (see its MADR 021),
 * the HealthCheck of its GlobalKDSService, and the heartbeat of koguma.v1. Adapters: gRPC, and memory for tests and
 * simulations.
 */
export interface Link {
  globalToZone(receive: StreamIn<DeltaDiscoveryResponse>): StreamOut<DeltaDiscoveryRequest>;
  zoneToGlobal(receive: StreamIn<DeltaDiscoveryRequest>): StreamOut<Uint8Array>;
  heartbeat(receive: StreamIn<GlobalReport>): StreamOut<ZoneReport>;
  /**
   * @returns milliseconds until global wants the next one; 0 leaves it to the zone
   * @throws ControlPlaneError `unimplemented` from a peer that does not know it
   */
  healthCheck(): Promise<number>;
  /** Gives the connection up. */
  close(): void;
}

/** Starts a connection; trouble shows as streams that close. */
export type Dial = (hello: Hello) => Link;

/** The global side: takes a zone's stream and returns what receives from it. Responses are sent as bytes, written once. */
export interface KdsEndpoint {
  globalToZone(hello: Hello, send: StreamOut<Uint8Array>): StreamIn<DeltaDiscoveryRequest>;
  zoneToGlobal(hello: Hello, send: StreamOut<DeltaDiscoveryRequest>): StreamIn<DeltaDiscoveryResponse>;
  heartbeat(hello: Hello, send: StreamOut<GlobalReport>): StreamIn<ZoneReport>;
  /** Takes a sign of life. @returns as {@link Link.healthCheck} */
  healthCheck(hello: Hello): number | Promise<number>;
}

/** A stream that is used before it is there: both sides of a stream need each other at birth. */
export function deferred<M>(): { readonly stream: StreamOut<M>; resolve(stream: StreamOut<M>): void } {
  let real: StreamOut<M> | undefined;
  return {
    stream: { send: (message) => real?.send(message), end: (error) => real?.end(error) },
    resolve: (stream) => {
      real = stream;
    },
  };
}

/** Enough for every type that Kuma knows, many times over. */
const MOST_HELD = 1_000;

/** A receiving side that takes nothing before `ready`, and then all that came meanwhile, in order. */
export function heldUntil<M>(
  ready: Promise<void>,
  receive: StreamIn<M>,
  failed: (error: unknown) => void,
): StreamIn<M> {
  let held: M[] | undefined = [];
  ready.then(
    () => {
      const early = held ?? [];
      held = undefined;
      for (const message of early) receive.message(message);
    },
    (error: unknown) => failed(error),
  );
  return {
    message: (message) => {
      if (!held) receive.message(message);
      else if (held.push(message) > MOST_HELD)
        failed(new ControlPlaneError('too_large', 'the peer does not wait for answers'));
    },
    closed: (reason) => receive.closed(reason),
  };
}
