import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { type Clock, HANDSHAKE_TIMEOUT_MS, type ListenAddress, Listener, type Log } from '@koguma/core';
import { type DynamicModule, Module } from '@nestjs/common';
import { ServerGrpc } from '@nestjs/microservices';
import type { KdsEndpoint } from '../link.js';
import { FanOut } from './fan-out.js';
import { KDS_ENDPOINT, KDS_LOG, KdsController } from './kds.controller.js';
import { kdsServices, PACKAGES } from './services.js';

/** KDS on global, as a Nest module: add it to an application and connect {@link KdsTransport}. */
@Module({})
export class KdsModule {
  static with(endpoint: KdsEndpoint, log: Log): DynamicModule {
    return {
      module: KdsModule,
      controllers: [KdsController],
      providers: [
        { provide: KDS_ENDPOINT, useValue: endpoint },
        { provide: KDS_LOG, useValue: log },
      ],
    };
  }
}

const CLOSE_GRACE_MS = 200;
/** Kuma's: a zone that is gone is noticed within 30 s. */
const KEEPALIVE = {
  'grpc.keepalive_time_ms': 15_000,
  'grpc.keepalive_timeout_ms': 15_000,
  'grpc.keepalive_permit_without_calls': 1,
};

/** Streams that one connection may have open: a zone of Kuma opens six. */
const STREAMS = 32;
/** Messages of the largest size that may be on their way to all zones together. */
const LARGEST_UNDER_WAY = 16;

/** What one peer may cost. */
export interface KdsLimits {
  /** Bytes of the largest message, both ways. */
  readonly maxMessageSize: number;
  /** Milliseconds in which a peer has to take one message. */
  readonly sendTimeoutMs: number;
  /** Milliseconds that a connection may be open without a stream. */
  readonly idleMs: number;
}

interface TransportParts {
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Nest's gRPC transport on a socket of our own {@link Listener}: port 0 works and is known, and every connection can
 * be limited and ended in one place.
 */
export class KdsTransport extends ServerGrpc {
  #listener: Listener | undefined;

  constructor(
    private readonly address: ListenAddress,
    private readonly limits: KdsLimits,
    private readonly parts: TransportParts,
  ) {
    super({ package: PACKAGES, packageDefinition: kdsServices, gracefulShutdown: true });
  }

  /** The port that is really bound. */
  get port(): number {
    if (!this.#listener) throw new TypeError('the KDS transport does not listen yet');
    return this.#listener.port;
  }

  override async createClient(): Promise<Server> {
    const { maxMessageSize, sendTimeoutMs, idleMs } = this.limits;
    const fanOut = new FanOut({
      ...this.parts,
      sendTimeoutMs,
      budget: LARGEST_UNDER_WAY * maxMessageSize,
      reset: (peer) => this.#listener?.reset(peer),
    });
    const server = new Server({
      'grpc.max_receive_message_length': maxMessageSize,
      'grpc.max_send_message_length': maxMessageSize,
      'grpc.max_concurrent_streams': STREAMS,
      'grpc.max_connection_idle_ms': idleMs,
      ...KEEPALIVE,
      interceptors: [fanOut.interceptor],
    });
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    // gRPC never sees the wire: with TLS, what it is given is the inside of it.
    const accept = (socket: Socket) => injector.injectConnection(socket);
    const tls = { ALPNProtocols: ['h2'], handshakeTimeout: HANDSHAKE_TIMEOUT_MS };
    this.#listener = await Listener.open(
      this.address.tls ? createTlsServer(tls, accept) : createServer(accept),
      this.address,
    );
    return server;
  }

  override async close(): Promise<void> {
    const listening = this.#listener?.close(CLOSE_GRACE_MS);
    await super.close();
    await listening;
  }
}
