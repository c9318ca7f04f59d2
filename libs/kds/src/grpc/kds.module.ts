import { createServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { HANDSHAKE_TIMEOUT_MS, type ListenAddress, Listener, type Log } from '@koguma/core';
import { type DynamicModule, Module } from '@nestjs/common';
import { ServerGrpc } from '@nestjs/microservices';
import type { KdsEndpoint } from '../link.js';
import { KDS_ENDPOINT, KDS_LOG, KdsController } from './kds.controller.js';
import { KDS_PACKAGE, kdsServices } from './services.js';

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

/**
 * Nest's gRPC transport on a socket of our own {@link Listener}: port 0 works and is known, and every connection can
 * be limited and ended in one place.
 */
export class KdsTransport extends ServerGrpc {
  #listener: Listener | undefined;

  constructor(
    private readonly address: ListenAddress,
    private readonly maxMessageSize: number,
  ) {
    super({ package: KDS_PACKAGE, packageDefinition: kdsServices, gracefulShutdown: true });
  }

  /** The port that is really bound. */
  get port(): number {
    if (!this.#listener) throw new TypeError('the KDS transport does not listen yet');
    return this.#listener.port;
  }

  override async createClient(): Promise<Server> {
    const server = new Server({
      'grpc.max_receive_message_length': this.maxMessageSize,
      'grpc.max_send_message_length': this.maxMessageSize,
      ...KEEPALIVE,
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
