import { type Clock, type Entropy, type Log, type Observer, onBehalfOf, REQUEST_ID } from '@koguma/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** Who watches requests, and where it is written down that something was asked for. */
export interface RequestFollowers {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  readonly observer: Observer;
}

const READING = ['GET', 'HEAD', 'OPTIONS'];
/** W3C Trace Context: the second field is the id of the trace. */
const TRACEPARENT = /^[\da-f]{2}-([\da-f]{32})-[\da-f]{16}-[\da-f]{2}$/;

/**
 * Gives each request an id: that of `x-request-id`, else of the trace in `traceparent`, else a new one. It is in the
 * answer, in all that is logged for the request, and goes with what it writes to the zones. Whatever is not only read
 * is written down with who asked and what became of it.
 */
export function followRequests(fastify: FastifyInstance, { clock, entropy, log, observer }: RequestFollowers): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    const id = idOf(request) ?? entropy.uuid();
    reply.header('x-request-id', id);
    const { method } = request;
    const route = request.routeOptions.url ?? 'none';
    const began = clock.mono();
    onBehalfOf(id, () => {
      void observer.step('http request', { method, route, ...parentOf(request) }, async (tell) => {
        done();
        await over(reply);
        const { statusCode: status } = reply;
        tell({ status });
        if (READING.includes(method)) return;
        const ms = Math.round(clock.mono() - began);
        log.info('answered', { method, route, status, user: request.user?.name ?? null, ms });
      });
    });
  });
}

function idOf(request: FastifyRequest): string | undefined {
  const told = header(request, 'x-request-id');
  if (told !== undefined && REQUEST_ID.test(told)) return told;
  return TRACEPARENT.exec(header(request, 'traceparent') ?? '')?.[1];
}

function parentOf(request: FastifyRequest): { traceparent?: string } {
  const traceparent = header(request, 'traceparent');
  return traceparent !== undefined && TRACEPARENT.test(traceparent) ? { traceparent } : {};
}

function header({ headers }: FastifyRequest, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** The answer was sent, or its caller is gone. */
function over({ raw }: FastifyReply): Promise<void> {
  return new Promise((resolve) => raw.once('close', resolve));
}
