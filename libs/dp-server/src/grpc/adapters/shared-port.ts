import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { createServer, type Server as HttpsServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { type ConnectionInjector, Server, type ServerOptions } from '@grpc/grpc-js';
import type { CallStreams } from './call-streams.js';

export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => void;
type StreamListener = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  fields: string[],
) => void;

const FAREWELL_MS = 500;

interface Patience {
  readonly handshakeMs: number;
  readonly requestMs: number;
}

/**
 * An HTTPS server for HTTP/1.1 whose peers may choose HTTP/2 instead (RFC 7301): those are given to `injector`.
 * HTTP/1.1 stays with Node, and so do its time limits.
 */
export function createSharedServer(
  { handshakeMs, requestMs }: Patience,
  handler: HttpHandler,
  injector: () => ConnectionInjector,
): HttpsServer {
  const options = {
    ALPNProtocols: ['h2', 'http/1.1'],
    handshakeTimeout: handshakeMs,
    headersTimeout: requestMs,
    requestTimeout: requestMs,
    connectionsCheckingInterval: Math.ceil(requestMs / 4),
  };
  const server = createServer(options, handler);
  const [http1] = server.listeners('secureConnection') as ((socket: TLSSocket) => void)[];
  server.removeAllListeners('secureConnection');
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol !== 'h2') return http1?.call(server, socket);
    socket.once('finish', () => destroySoon(socket));
    injector().injectConnection(socket);
  });
  return server;
}

/** HTTP/2 says good-bye and waits for its peer's, which may never come. */
function destroySoon(socket: TLSSocket): void {
  const timer = setTimeout(() => socket.destroy(), FAREWELL_MS);
  socket.once('close', () => clearTimeout(timer));
}

/**
 * A gRPC server whose HTTP/2 connections carry HTTP requests too: what does not say that it is gRPC goes to `handler`.
 * gRPC keeps its HTTP/2 server to itself, so it is caught where it is set up; a version that does it in another way is
 * noticed at once.
 */
export function createSharedGrpcServer(options: ServerOptions, handler: HttpHandler, streams: CallStreams): Server {
  const server = new Server(options);
  const internals = server as unknown as { _setupHandlers?: (http2: Http2Server, ...more: unknown[]) => void };
  const setUp = internals._setupHandlers;
  if (!setUp) throw new TypeError('this version of @grpc/grpc-js sets up HTTP/2 in another way');
  internals._setupHandlers = (http2, ...more) => {
    setUp.call(server, http2, ...more);
    http2.on('request', handler as never);
    const [grpc, http] = http2.listeners('stream') as StreamListener[];
    if (!grpc || !http) throw new TypeError('this version of @grpc/grpc-js or Node listens to HTTP/2 in another way');
    http2.removeAllListeners('stream');
    http2.on('stream', (...given: Parameters<StreamListener>) => {
      const [stream, headers, , fields] = given;
      if (!headers['content-type']?.startsWith('application/grpc')) return http(...given);
      streams.remember(stream, headers, fields);
      grpc(...given);
    });
  };
  return server;
}
