import { createServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer, type ServerOptions } from 'node:https';
import type { Socket } from 'node:net';
import { HttpException } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import { type Answer, errorBody, httpAnswer, kumaJson } from './errors.js';
import { followRequests, type RequestFollowers } from './requests.js';
import { RouteBook } from './route-book.js';

/** What differs between our HTTP servers. */
export interface ApiAdapterSettings {
  /** Bytes; a larger body is refused with 413. */
  readonly maxBodySize: number;
  /** Who follows the requests; nobody where there is nothing to ask for. */
  readonly followers?: RequestFollowers;
}

/** Kuma names have up to 253 characters; what is longer still must reach the route, which says what a name is. */
const LONGEST_PARAMETER = 2_048;

/** Fastify as Kuma's API needs it. It binds nothing: see `openHttpDoor`. */
export class ApiAdapter extends FastifyAdapter {
  /** Every route that is served. */
  readonly routes = new RouteBook();
  readonly #handle: RequestListener;
  #closing = false;

  constructor({ maxBodySize, followers }: ApiAdapterSettings) {
    let handle: RequestListener | undefined;
    const options: FastifyServerOptions = {
      bodyLimit: maxBodySize,
      forceCloseConnections: true,
      // Ours, so that nobody but a Listener ever binds it; the timeouts are Node's.
      serverFactory: (handler) => {
        handle = handler;
        return createServer(handler);
      },
      routerOptions: { ignoreTrailingSlash: true, maxParamLength: LONGEST_PARAMETER },
      frameworkErrors: (error, _request, reply) => refuseUrl(error.statusCode, reply as unknown as FastifyReply),
      clientErrorHandler: refuseUnreadable,
    };
    super(options);
    if (!handle) throw new TypeError('Fastify has made no server');
    this.#handle = handle;
    const fastify = this.getInstance();
    // Bodies are left on the wire until a route asks for them: access comes first.
    fastify.removeAllContentTypeParsers();
    fastify.addContentTypeParser('*', (_request, _payload, done) => done(null));
    fastify.setReplySerializer(kumaJson);
    fastify.addHook('onRoute', ({ method, url, config }) => this.routes.add(method, url, config));
    if (followers) followRequests(fastify, followers);
    // With `done`: an async hook makes promises for every request.
    fastify.addHook('onRequest', (request, reply, done) => done(this.#wrongMethod(request, reply)));
    fastify.addHook('onSend', (_request, reply, _payload, done) => {
      this.#finish(reply);
      done();
    });
  }

  /** Nest would put in parsers of its own here, which read a body before anybody asked who sends it. */
  override registerParserMiddleware(): void {}

  /** One more server of the same application, for TLS. Like the first it is nobody's until a Listener binds it. */
  createHttpsServer(options: ServerOptions): HttpsServer {
    return createHttpsServer(options, this.#handle).on('clientError', refuseUnreadable);
  }

  /** From now on each answer asks its caller to leave. */
  startClosing(): void {
    this.#closing = true;
  }

  #wrongMethod(request: FastifyRequest, reply: FastifyReply): HttpException | undefined {
    if (!request.is404) return undefined;
    const [path = ''] = request.url.split('?', 1);
    const allowed = this.routes.methodsOf(path).join(', ');
    if (allowed === '') return undefined;
    reply.header('allow', allowed);
    return new HttpException(`${request.method} is not allowed here: use ${allowed}`, 405);
  }

  #finish(reply: FastifyReply): void {
    // Fastify adds a charset, which JSON does not have (RFC 8259, section 11), and which Kuma does not send.
    if (`${reply.getHeader('content-type')}`.startsWith('application/json'))
      reply.header('content-type', 'application/json');
    // Answers hold keys and tokens.
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
    if (this.#closing) reply.header('connection', 'close');
  }
}

/** The HTTP server of a Nest application that holds `ApiServerModule` or `DiagnosticsModule`. */
export function createApiAdapter(settings: ApiAdapterSettings): ApiAdapter {
  return new ApiAdapter(settings);
}

/** A path that cannot be decoded, or with a name beyond all measure: no route is found, and no hook runs. */
function refuseUrl(status: number | undefined, reply: FastifyReply): void {
  const answer = httpAnswer(status ?? 400, 'the URL cannot be read');
  reply
    .code(answer.status)
    .header('content-type', 'application/json')
    .send(Buffer.from(text(answer)));
}

/** Bytes that are not HTTP, too many headers, a caller who never ends: there is no request to answer yet. */
function refuseUnreadable(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const answers: Record<string, Answer> = {
    HPE_HEADER_OVERFLOW: httpAnswer(431, 'the headers are too large'),
    ERR_HTTP_REQUEST_TIMEOUT: httpAnswer(408, 'the request did not arrive in time'),
  };
  const answer = answers[error.code ?? ''] ?? httpAnswer(400, 'the request is not HTTP/1.1');
  const body = text(answer);
  const head = [
    `HTTP/1.1 ${answer.status} ${answer.title}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

function text(answer: Answer): string {
  return kumaJson(errorBody(answer));
}
