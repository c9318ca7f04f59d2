import { ControlPlaneError, ERROR_STATUS, type ErrorCode, type Log } from '@koguma/core';
import {
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  HttpCode,
  HttpException,
  Inject,
  NotFoundException,
  Post,
  Req,
  Res,
} from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { stringify } from 'yaml';
import type { BootstrapServer } from '../bootstrap.js';

export const BOOTSTRAP_SERVER = Symbol('BootstrapServer');

/** Kuma's `POST /bootstrap`, in the form that kuma-dp reads. */
@Controller()
export class BootstrapController {
  constructor(@Inject(BOOTSTRAP_SERVER) private readonly server: BootstrapServer) {}

  @Post('bootstrap')
  @HttpCode(200)
  async bootstrap(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<Buffer> {
    const host = request.headers.host ?? String(request.headers[':authority'] ?? '');
    const { envoy, kumaSidecarConfiguration } = await this.server.answer({ body: parsed(request.body), host });
    const yaml = stringify(envoy, { lineWidth: 0, aliasDuplicateObjects: false });
    // It holds the token.
    reply.header('cache-control', 'no-store');
    if (request.headers.accept !== 'application/json') {
      reply.header('content-type', 'text/x-yaml');
      return Buffer.from(yaml);
    }
    reply.header('content-type', 'application/json');
    const bootstrap = Buffer.from(yaml).toString('base64');
    // As bytes: to text Fastify would add a charset, which JSON does not have (RFC 8259, section 11).
    return Buffer.from(JSON.stringify({ bootstrap, kumaSidecarConfiguration }));
  }
}

/** What kuma-dp knows as "your request is wrong: stop", "not there yet: come again" and so on. */
const KUMA_STATUS: Partial<Record<ErrorCode, number>> = { invalid: 422 };

/** Failures in the form that kuma-dp shows to people: their text, and nothing else. */
@Catch()
export class BootstrapErrorFilter implements ExceptionFilter {
  constructor(private readonly log: Log) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    if (host.getType() !== 'http') return;
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const { status, text } = this.#answer(thrown);
    reply.code(status).header('content-type', 'text/plain').send(text);
  }

  #answer(thrown: unknown): { status: number; text: string } {
    if (thrown instanceof NotFoundException) return { status: 404, text: 'there is nothing here' };
    if (thrown instanceof HttpException) return { status: thrown.getStatus(), text: thrown.message };
    const error = ControlPlaneError.from(thrown);
    const status = KUMA_STATUS[error.code] ?? ERROR_STATUS[error.code].http;
    if (status === 500) this.log.error('a bootstrap failed', { error: (error.cause as Error)?.stack ?? error.message });
    // An empty 404 is "there is no such proxy yet", and makes kuma-dp ask again.
    const text = { not_found: '', internal: 'internal error' } as Partial<Record<ErrorCode, string>>;
    return { status, text: text[error.code] ?? error.violations.map(({ reason }) => reason)[0] ?? error.message };
  }
}

function parsed(body: unknown): unknown {
  try {
    return JSON.parse(typeof body === 'string' ? body : '');
  } catch (cause) {
    throw new ControlPlaneError('malformed', 'the body is not JSON', { cause });
  }
}
