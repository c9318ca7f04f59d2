import type { ControlPlaneError } from '@koguma/core';
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery.js';

/** The sending side of one stream. */
export interface StreamOut<M> {
  send(message: M): void;
  /** Ends the stream; with an error, the peer is told its code and message. Later sends do nothing. */
  end(error?: ControlPlaneError): void;
}

/** The receiving side of one stream; `closed` is called once, and nothing after it. */
export interface StreamIn<M> {
  message(message: M): void;
  /** The stream is over: by the peer, by the link (with the reason), or because this side ended it. */
  closed(reason: ControlPlaneError | undefined): void;
}

/** What a zone says of itself when it dials (Kuma's gRPC metadata). */
export interface Hello {
  readonly zone: string;
  readonly version: string;
  readonly instanceId: string;
}

/**
 * A connection from a zone to its global, seen from the zone: both streams of KDSSyncService (see Kuma's MADR 021).
 * Adapters: gRPC, and memory for tests and simulations.
 */
export interface Link {
  globalToZone(receive: StreamIn<DeltaDiscoveryResponse>): StreamOut<DeltaDiscoveryRequest>;
  zoneToGlobal(receive: StreamIn<DeltaDiscoveryRequest>): StreamOut<Uint8Array>;
  /** Gives the connection up. */
  close(): void;
}

/** Starts a connection; trouble shows as streams that close. */
export type Dial = (hello: Hello) => Link;

/** The global side: takes a zone's stream and returns what receives from it. Responses are sent as bytes, written once. */
export interface KdsEndpoint {
  globalToZone(hello: Hello, send: StreamOut<Uint8Array>): StreamIn<DeltaDiscoveryRequest>;
  zoneToGlobal(hello: Hello, send: StreamOut<DeltaDiscoveryRequest>): StreamIn<DeltaDiscoveryResponse>;
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
