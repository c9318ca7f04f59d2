import { credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { ControlPlaneError, errorCodeOf } from '@koguma/core';
import { nextTurn } from '../adapters/next-turn.js';
import { AggregatedDiscoveryServiceClient } from '../gen/envoy/service/discovery/v3/ads.js';
import type { DiscoveryRequest, DiscoveryResponse } from '../gen/envoy/service/discovery/v3/discovery.js';

/** Where a proxy finds its control plane, and whom it believes there. */
export interface AdsAddress {
  readonly host: string;
  readonly port: number;
  /** PEM; the system's authorities when left out. */
  readonly authority?: string | undefined;
  /** Believes everybody. */
  readonly skipVerify: boolean;
}

/** The proxy's end of a stream. */
export interface AdsCall {
  send(request: DiscoveryRequest): void;
  end(): void;
}

interface Receiver {
  message(response: DiscoveryResponse): void;
  /** The stream is over; called once, and nothing after it. */
  closed(reason: ControlPlaneError): void;
}

/** As Envoy's, so that a control plane that is gone is noticed within a minute. */
const OPTIONS = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 30_000,
  // The caller decides when to dial again, so the channel must not wait on its own.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.use_local_subchannel_pool': 1,
};

/**
 * Opens one stream of Envoy's ADS (state of the world) on a connection of its own.
 * @param token the raw credential; '' for none
 */
export function dialAds({ host, port, authority, skipVerify }: AdsAddress, token: string, receive: Receiver): AdsCall {
  const root = authority === undefined ? null : Buffer.from(authority);
  const trust = credentials.createSsl(root, null, null, { rejectUnauthorized: !skipVerify });
  const target = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const client = new AggregatedDiscoveryServiceClient(target, trust, OPTIONS);
  const metadata = new Metadata();
  if (token !== '') metadata.set('authorization', token);
  const call = client.streamAggregatedResources(metadata);
  let isOver = false;
  const close = (reason: ControlPlaneError) => {
    if (isOver) return;
    isOver = true;
    client.close();
    receive.closed(reason);
  };
  call.on('data', (response: DiscoveryResponse) => isOver || receive.message(response));
  call.on('error', (error: ServiceError) => close(reasonOf(error)));
  call.on('end', () => close(new ControlPlaneError('unavailable', 'the control plane ended the stream')));
  return {
    send: (request) => {
      if (!isOver) call.write(request);
    },
    end: () => {
      close(new ControlPlaneError('unavailable', 'the proxy ended the stream'));
      // Never while HTTP/2 reads a frame: a reset from there makes Node write for ever (seen with 20.20.2).
      nextTurn(() => call.cancel());
    },
  };
}

function reasonOf(error: ServiceError): ControlPlaneError {
  const name = status[error.code] ?? String(error.code);
  return new ControlPlaneError(errorCodeOf(error.code), `${error.details} (${name})`, { cause: error });
}
