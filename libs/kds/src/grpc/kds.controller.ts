import type { Metadata, ServerDuplexStream } from '@grpc/grpc-js';
import { ControlPlaneError, ERROR_STATUS, type Log } from '@koguma/core';
import { Controller, Inject } from '@nestjs/common';
import { GrpcStreamMethod, RpcException } from '@nestjs/microservices';
import { Observable, type Subscriber } from 'rxjs';
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '../gen/envoy/service/discovery/v3/discovery.js';
import type { Hello, KdsEndpoint, StreamIn, StreamOut } from '../link.js';
import { KDS_SERVICE } from './services.js';

export const KDS_ENDPOINT = Symbol('KdsEndpoint');
export const KDS_LOG = Symbol('KdsLog');

type Call = ServerDuplexStream<unknown, unknown>;

/** Kuma's KDSSyncService on global: metadata to hello, messages to the endpoint, errors to gRPC's codes. */
@Controller()
export class KdsController {
  constructor(
    @Inject(KDS_ENDPOINT) private readonly endpoint: KdsEndpoint,
    @Inject(KDS_LOG) private readonly log: Log,
  ) {}

  @GrpcStreamMethod(KDS_SERVICE, 'globalToZoneSync')
  globalToZone(requests: Observable<DeltaDiscoveryRequest>, metadata: Metadata, call: Call): Observable<Uint8Array> {
    return this.#serve(requests, call, (send: StreamOut<Uint8Array>) =>
      this.endpoint.globalToZone(helloOf(metadata), send),
    );
  }

  @GrpcStreamMethod(KDS_SERVICE, 'zoneToGlobalSync')
  zoneToGlobal(
    responses: Observable<DeltaDiscoveryResponse>,
    metadata: Metadata,
    call: Call,
  ): Observable<DeltaDiscoveryRequest> {
    return this.#serve(responses, call, (send: StreamOut<DeltaDiscoveryRequest>) =>
      this.endpoint.zoneToGlobal(helloOf(metadata), send),
    );
  }

  #serve<In, Out>(
    incoming: Observable<In>,
    call: Call,
    accept: (send: StreamOut<Out>) => StreamIn<In>,
  ): Observable<Out> {
    return new Observable<Out>((out) => {
      let receiver: StreamIn<In>;
      const tooMuch = new ControlPlaneError('too_large', 'the peer does not read what it is sent');
      const overflow = () => {
        receiver.closed(tooMuch);
        out.error(rpcError(tooMuch));
      };
      try {
        receiver = accept(sender(out, call, overflow));
      } catch (error) {
        return out.error(this.#refusal(error));
      }
      const lost = () => receiver.closed(new ControlPlaneError('unavailable', 'the connection was lost'));
      call.on('cancelled', lost);
      const subscription = incoming.subscribe({
        next: (message) => receiver.message(message),
        error: lost,
        complete: () => {
          receiver.closed(undefined);
          out.complete();
        },
      });
      return () => {
        call.off('cancelled', lost);
        subscription.unsubscribe();
      };
    });
  }

  #refusal(thrown: unknown): RpcException {
    const error = ControlPlaneError.from(thrown);
    if (error.code === 'internal') this.log.error('a stream could not be served', { error: error.message });
    return rpcError(error);
  }
}

/** What is sent waits in the call, which takes few messages; Nest would queue what is beyond without end. */
function sender<Out>(out: Subscriber<Out>, call: Call, overflow: () => void): StreamOut<Out> {
  return {
    send: (message) => (call.writableNeedDrain ? overflow() : out.next(message)),
    end: (error) => (error ? out.error(rpcError(error)) : out.complete()),
  };
}

/** Only an RpcException keeps its code on Nest's way to the wire. The text of a bug stays here. */
function rpcError(error: ControlPlaneError): RpcException {
  const message = error.code === 'internal' ? 'internal error' : error.message;
  return new RpcException({ code: ERROR_STATUS[error.code].grpc, message });
}

function helloOf(metadata: Metadata): Hello {
  const first = (key: string) => String(metadata.get(key)[0] ?? '');
  return { zone: first('client-id'), version: first('version'), instanceId: first('koguma-instance-id') };
}
