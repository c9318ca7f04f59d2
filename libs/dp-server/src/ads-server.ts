import { ControlPlaneError } from '@koguma/core';
import { type AdsParts, AdsStream, type Dialect, type Peer } from './ads-stream.js';
import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from './gen/envoy/service/discovery/v3/discovery.js';
import type { Asked } from './xds/conversation.js';
import { Incremental } from './xds/incremental.js';
import { StateOfTheWorld } from './xds/state-of-the-world.js';

/** The control plane's side of one stream, as a transport sees it. */
export interface Inbox<Request> {
  /** The next request must wait until this resolves; it never rejects. */
  receive(request: Request): Promise<void>;
  closed(): void;
}

/** Envoy's AggregatedDiscoveryService, whatever carries it. */
export class AdsServer {
  readonly #parts: AdsParts;
  readonly #streams = new Set<{ end(error: ControlPlaneError): void }>();

  constructor(parts: AdsParts) {
    this.#parts = parts;
  }

  /** Streams that are open now, those included of whom nothing is known yet. */
  get streams(): number {
    return this.#streams.size;
  }

  /** @param shown the raw credential; '' when there was none */
  stateOfTheWorld(shown: string, peer: Peer<DiscoveryResponse>): Inbox<DiscoveryRequest> {
    return this.#open(StateOfTheWorld, shown, peer);
  }

  incremental(shown: string, peer: Peer<DeltaDiscoveryResponse>): Inbox<DeltaDiscoveryRequest> {
    return this.#open(Incremental, shown, peer);
  }

  /** Sends everybody away; who is sent away comes back, so nothing that they brought is forgotten. */
  stop(): void {
    this.#parts.registrations.stop();
    const goingAway = new ControlPlaneError('unavailable', 'this zone control plane is stopping');
    for (const stream of [...this.#streams]) stream.end(goingAway);
  }

  #open<Request extends Asked, Response>(
    dialect: Dialect<Request, Response>,
    shown: string,
    peer: Peer<Response>,
  ): Inbox<Request> {
    const stream: AdsStream<Request, Response> = new AdsStream(this.#parts, dialect, shown, {
      send: (response) => peer.send(response),
      end: (error) => {
        this.#streams.delete(stream);
        peer.end(error);
      },
    });
    this.#streams.add(stream);
    return {
      receive: (request) => stream.receive(request),
      closed: () => {
        this.#streams.delete(stream);
        stream.closed();
      },
    };
  }
}
