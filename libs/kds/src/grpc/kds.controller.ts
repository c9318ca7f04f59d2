import { Metadata, type ServerDuplexStream } from '@grpc/grpc-js';
import { ControlPlaneError, ERROR_STATUS, type Log } from '@koguma/core';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod, GrpcStreamMethod, RpcException } from '@nestjs/microservices';
import { Observable, type Subscriber } from 'rxjs';
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '../gen/envoy/service/discovery/v3/discovery.js';
import type { GlobalReport, ZoneReport } from '../gen/koguma/v1/sync.js';
import type { ZoneHealthCheckRequest, ZoneHealthCheckResponse } from '../gen/kuma/mesh/v1alpha1/global.js';
import { type Hello, type KdsEndpoint, type StreamIn, type StreamOut, WELCOME } from '../link.js';
import { durationOf } from '../wire.js';
import {
  AUTHORIZATION,
  GLOBAL_SERVICE,
  INSTANCE_ID,
  KDS_SERVICE,
  KOGUMA_SERVICE,
  RESUMES,
  STORE_ID,
} from './services.js';

export const KDS_ENDPOINT = Symbol('KdsEndpoint');
export const KDS_LOG = Symbol('KdsLog');

type Call = ServerDuplexStream<unknown, unknown>;

/** Kuma's KDSSyncService and HealthCheck, and koguma.v1, on global: metadata to hello, messages to the endpoint, errors to gRPC's codes. */
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

  @GrpcStreamMethod(KOGUMA_SERVICE, 'heartbeat')
  heartbeat(reports: Observable<ZoneReport>, metadata: Metadata, call: Call): Observable<GlobalReport> {
    return this.#serve(reports, call, (send: StreamOut<GlobalReport>) =>
      this.endpoint.heartbeat(helloOf(metadata), send),
    );
  }

  @GrpcMethod(GLOBAL_SERVICE, 'healthCheck')
  async healthCheck(_request: ZoneHealthCheckRequest, metadata: Metadata): Promise<ZoneHealthCheckResponse> {
    try {
      return { interval: durationOf(await this.endpoint.healthCheck(helloOf(metadata))) };
    } catch (error) {
      throw this.#refusal(error);
    }
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
      call.sendMetadata(welcome());
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

/** At once, so that a zone knows it before the first message. */
function welcome(): Metadata {
  const metadata = new Metadata();
  if (WELCOME.resumes) metadata.set(RESUMES, 'true');
  return metadata;
}

function helloOf(metadata: Metadata): Hello {
  const first = (key: string) => String(metadata.get(key)[0] ?? '');
  // gRPC for Node gives a repeated key as one text.
  const features = metadata.get('features').flatMap((value) => String(value).split(/, */));
  return {
    zone: first('client-id'),
    version: first('version'),
    instanceId: first(INSTANCE_ID),
    features,
    storeId: first(STORE_ID),
    token: first(AUTHORIZATION).replace(/^Bearer +/i, ''),
  };
}
