import type { Metadata, ServerDuplexStream } from '@grpc/grpc-js';
import { ControlPlaneError, ERROR_STATUS } from '@koguma/core';
import { Controller, Inject } from '@nestjs/common';
import { GrpcStreamMethod, RpcException } from '@nestjs/microservices';
import { Observable, type Subscriber } from 'rxjs';
import type { AdsServer, Inbox } from '../ads-server.js';
import type { Peer } from '../ads-stream.js';
import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from '../gen/envoy/service/discovery/v3/discovery.js';
import { type CallStream, CallStreams } from './adapters/call-streams.js';
import { ADS_SERVICE } from './services.js';

export const ADS_SERVER = Symbol('AdsServer');

type Call = ServerDuplexStream<unknown, unknown>;

/** Envoy's AggregatedDiscoveryService: metadata to the credential, messages to the server, errors to gRPC's codes. */
@Controller()
export class AdsController {
  constructor(
    @Inject(ADS_SERVER) private readonly ads: AdsServer,
    private readonly streams: CallStreams,
  ) {}

  @GrpcStreamMethod(ADS_SERVICE, 'streamAggregatedResources')
  stateOfTheWorld(
    requests: Observable<DiscoveryRequest>,
    metadata: Metadata,
    call: Call,
  ): Observable<DiscoveryResponse> {
    return this.#serve(requests, metadata, call, (shown, peer) => this.ads.stateOfTheWorld(shown, peer));
  }

  @GrpcStreamMethod(ADS_SERVICE, 'deltaAggregatedResources')
  incremental(
    requests: Observable<DeltaDiscoveryRequest>,
    metadata: Metadata,
    call: Call,
  ): Observable<DeltaDiscoveryResponse> {
    return this.#serve(requests, metadata, call, (shown, peer) => this.ads.incremental(shown, peer));
  }

  #serve<Request, Response>(
    requests: Observable<Request>,
    metadata: Metadata,
    call: Call,
    open: (shown: string, peer: Peer<Response>) => Inbox<Request>,
  ): Observable<Response> {
    const stream = this.streams.of(metadata);
    return new Observable<Response>((out) => {
      const credentials = stream?.credentials ?? 0;
      if (credentials > 1) {
        const told = `request must have exactly 1 "authorization" header, got ${credentials}`;
        return refuse(out, stream, new ControlPlaneError('unauthenticated', told));
      }
      const inbox = open(String(metadata.get('authorization')[0] ?? ''), {
        send: (response) => out.next(response),
        end: (error) => refuse(out, stream, error),
      });
      // A request that takes time holds up those behind it where they are: at the peer.
      const next = (request: Request) => {
        call.pause();
        void inbox.receive(request).then(() => call.resume());
      };
      const end = () => out.complete(); // also when the connection broke: nobody is there to be told
      const subscription = requests.subscribe({ next, error: end, complete: end });
      return () => {
        subscription.unsubscribe();
        inbox.closed();
      };
    });
  }
}

/** Only an RpcException keeps its code on Nest's way to the wire. The text of a bug stays here. */
function refuse<T>(out: Subscriber<T>, stream: CallStream | undefined, error: ControlPlaneError): void {
  stream?.resetSoon();
  const message = error.code === 'internal' ? 'internal error' : error.message;
  out.error(new RpcException({ code: ERROR_STATUS[error.code].grpc, message }));
}
