import { Readable } from 'node:stream';
import { ControlPlaneError, type EventLog, type LogEvent } from '@koguma/core';
import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Needs } from './access-guard.js';
import { FailsAs } from './error-filter.js';
import { EVENTS } from './koguma-answers.js';
import { type ApiServerParts, PARTS } from './parts.js';
import { About } from './route-facts.js';

const LINES = 'application/x-ndjson';
const STREAM = 'text/event-stream';
/** Each keeps a connection. */
const MOST_FOLLOWERS = 50;

/** What happened in this control plane, and who asked for it. */
@Controller('koguma')
export class EventsController {
  #followers = 0;

  constructor(@Inject(PARTS) private readonly parts: ApiServerParts) {}

  /** As JSON, as JSON lines, or as server-sent events (WHATWG HTML, section 9.2): what `Accept` asks for. */
  @Get('events')
  @Needs('adminResources', 'access the events')
  @FailsAs('Could not report the events')
  @About({
    group: 'Koguma',
    summary: `what happened, from Last-Event-ID on; as JSON lines (Accept: ${LINES}), or as it happens (${STREAM})`,
    answer: { name: 'Events', schema: EVENTS },
  })
  events(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): object {
    const { events } = this.parts;
    const { accept = '', 'last-event-id': last } = request.headers;
    const seen = Array.isArray(last) ? last[0] : last;
    if (accept.includes(STREAM)) return this.#follow(events, seen, reply);
    if (!accept.includes(LINES)) return { items: events.after(seen) };
    reply.header('content-type', LINES).header('content-disposition', 'attachment; filename="events.jsonl"');
    return Readable.from(events.after(seen).map((event) => `${JSON.stringify(event)}\n`));
  }

  #follow(events: EventLog, seen: string | undefined, reply: FastifyReply): Readable {
    if (this.#followers >= MOST_FOLLOWERS)
      throw new ControlPlaneError('unavailable', `${MOST_FOLLOWERS} others follow the events already`);
    this.#followers++;
    const gone = new AbortController();
    reply.raw.once('close', () => {
      this.#followers--;
      gone.abort();
    });
    reply.header('content-type', STREAM);
    return Readable.from(serverSent(events.follow(seen, gone.signal)));
  }
}

async function* serverSent(events: AsyncIterable<LogEvent | undefined>): AsyncGenerator<string, void> {
  yield ': what happened, and what happens\n\n';
  for await (const event of events) yield event ? `id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n` : ':\n\n';
}
