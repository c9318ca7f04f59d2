import type { Log } from '@koguma/core';
import { type ArgumentsHost, Catch, type ExceptionFilter, NotFoundException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Answer, answerTo, errorBody, httpAnswer, kumaJson } from './errors.js';
import { facts } from './route-facts.js';

/** Names what a route's failures are called. */
export const FailsAs = (failed: string, invalid = failed) => facts({ errorTitles: { failed, invalid } });

/** The one place where a failure becomes an HTTP answer. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(private readonly log: Log) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    // In an application that speaks gRPC too, what is thrown there is that door's business.
    if (host.getType() !== 'http') return;
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const answer = answerFor(thrown, request);
    if (answer.status >= 500) {
      this.log.error('request failed', {
        route: `${request.method} ${request.routeOptions.url}`,
        error: whole(thrown),
      });
    }
    if (reply.sent) return;
    if (answer.status === 401) reply.header('www-authenticate', 'Bearer');
    if (answer.status === 405 && !reply.hasHeader('allow')) reply.header('allow', 'GET, HEAD');
    reply
      .code(answer.status)
      .header('content-type', 'application/json')
      .send(kumaJson(errorBody(answer)));
  }
}

function answerFor(thrown: unknown, request: FastifyRequest): Answer {
  // Only Nest throws it, for a path that no route has; its words repeat the query, where a token may have strayed.
  if (thrown instanceof NotFoundException)
    return httpAnswer(404, `there is nothing at ${request.url.split('?', 1)[0]}`);
  return answerTo(thrown, request.routeOptions.config?.errorTitles);
}

/** Stacks alone, down to the first cause: other members of an error can hold what was written, keys included. */
function whole(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const told = thrown.stack ?? thrown.message;
  return thrown.cause === undefined ? told : `${told}\ncaused by: ${whole(thrown.cause)}`;
}
