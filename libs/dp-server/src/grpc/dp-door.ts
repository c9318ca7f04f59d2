import 'reflect-metadata';
import type { Server as HttpServer } from 'node:http';
import { type ConnectionInjector, type Server, ServerCredentials } from '@grpc/grpc-js';
import { HANDSHAKE_TIMEOUT_MS, type ListenAddress, Listener, type Log } from '@koguma/core';
import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, NestFactory } from '@nestjs/core';
import { ServerGrpc } from '@nestjs/microservices';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyServerOptions } from 'fastify';
import type { AdsServer } from '../ads-server.js';
import type { BootstrapServer } from '../bootstrap.js';
import { CallStreams } from './adapters/call-streams.js';
import { createSharedGrpcServer, createSharedServer, type HttpHandler } from './adapters/shared-port.js';
import { ADS_SERVER, AdsController } from './ads.controller.js';
import { BOOTSTRAP_SERVER, BootstrapController, BootstrapErrorFilter } from './bootstrap.controller.js';
import { ADS_PACKAGE, adsServices } from './services.js';

export interface DpDoorParts {
  readonly ads: AdsServer;
  readonly bootstrap: BootstrapServer;
  readonly log: Log;
}

/** The port of a zone for its proxies. */
export interface DpDoor {
  /** The port that is really bound. */
  readonly port: number;
  /** Connections that are open now. */
  readonly connections: number;
  /** Sends every proxy away, and resets what is still open after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/** What a peer may take, in bytes, and in time as long as it gives nothing for it. */
export interface DoorLimits {
  readonly messageBytes: number;
  readonly streamsOfAConnection: number;
  /** Until TLS is spoken. */
  readonly handshakeMs: number;
  /** Until a request has come, once TLS is spoken. */
  readonly requestMs: number;
  /** Without a stream, on HTTP/2. */
  readonly idleMs: number;
  /** Between pings, and until one is answered. */
  readonly pingMs: number;
}

/** Messages of proxies are a few kilobytes; a proxy has one stream, and Envoy a second for health. */
const LIMITS: DoorLimits = {
  messageBytes: 1024 * 1024,
  streamsOfAConnection: 8,
  handshakeMs: HANDSHAKE_TIMEOUT_MS,
  requestMs: 10_000,
  idleMs: 30_000,
  pingMs: 15_000,
};

@Module({})
class DpServerModule {
  static with({ ads, bootstrap, log }: DpDoorParts, streams: CallStreams): DynamicModule {
    return {
      module: DpServerModule,
      controllers: [AdsController, BootstrapController],
      providers: [
        { provide: ADS_SERVER, useValue: ads },
        { provide: BOOTSTRAP_SERVER, useValue: bootstrap },
        { provide: CallStreams, useValue: streams },
        { provide: APP_FILTER, useValue: new BootstrapErrorFilter(log) },
      ],
    };
  }
}

/** Nest's gRPC transport without a socket: connections are given to it. */
class AdsTransport extends ServerGrpc {
  injector: ConnectionInjector | undefined;

  constructor(private readonly create: () => Server) {
    super({ package: ADS_PACKAGE, packageDefinition: adsServices });
  }

  override async createClient(): Promise<Server> {
    const server = this.create();
    this.injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    return server;
  }
}

/**
 * Opens the one TLS port on which proxies bootstrap (HTTP/1.1 or 2) and stay connected (gRPC).
 * @param address with the identity that the port shows, `tls`
 * @throws ControlPlaneError `unavailable` when the address cannot be bound
 */
export async function openDpDoor(parts: DpDoorParts, address: ListenAddress, limits = LIMITS): Promise<DpDoor> {
  const streams = new CallStreams();
  let handler: HttpHandler = () => undefined;
  const transport = new AdsTransport(() =>
    createSharedGrpcServer(grpcOptions(limits), (request, response) => handler(request, response), streams),
  );
  const injector = () => {
    if (!transport.injector) throw new TypeError('gRPC is not started');
    return transport.injector;
  };
  const server = createSharedServer(limits, (request, response) => handler(request, response), injector);
  const fastify: FastifyServerOptions = {
    bodyLimit: limits.messageBytes,
    forceCloseConnections: true,
    serverFactory: (serve) => {
      handler = serve;
      return server as unknown as HttpServer; // Fastify never listens itself
    },
  };
  const adapter = new FastifyAdapter(fastify);
  prepare(adapter);
  const options = { logger: false, abortOnError: false } as const;
  const app = await NestFactory.create(DpServerModule.with(parts, streams), adapter, options);
  app.connectMicroservice({ strategy: transport });
  try {
    await app.startAllMicroservices();
    await app.init();
    await adapter.getInstance().ready();
    const listener = await Listener.open(server, address);
    return {
      port: listener.port,
      get connections() {
        return listener.connections;
      },
      close: async (graceMs) => {
        parts.ads.stop();
        await listener.close(graceMs);
        await app.close();
      },
    };
  } catch (error) {
    await app.close();
    throw error;
  }
}

function grpcOptions({ messageBytes, streamsOfAConnection, idleMs, pingMs }: DoorLimits) {
  return {
    'grpc.max_receive_message_length': messageBytes,
    'grpc.max_concurrent_streams': streamsOfAConnection,
    'grpc.keepalive_time_ms': pingMs,
    'grpc.keepalive_timeout_ms': pingMs,
    'grpc.max_connection_idle_ms': idleMs,
  };
}

/** Bodies are read as text, whatever they are called: what they are is found out by reading them. */
function prepare(adapter: FastifyAdapter): void {
  const fastify = adapter.getInstance();
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  adapter.registerParserMiddleware = () => undefined;
  // HTTP/2 has no such header, and Node warns of it.
  fastify.addHook('onSend', async (request, reply) => {
    if (request.raw.httpVersionMajor > 1) reply.removeHeader('connection');
  });
}
