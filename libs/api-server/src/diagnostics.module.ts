import { type Log, SILENT } from '@koguma/core';
import { Controller, type DynamicModule, Get, Inject, Module, Res } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import type { FastifyReply } from 'fastify';
import type { Registry } from 'prom-client';
import { ErrorFilter } from './error-filter.js';

/** What the diagnostics port tells of. */
export interface DiagnosticsParts {
  /** Why this control plane cannot do its work; undefined when it can. */
  readonly unready: () => string | undefined;
  readonly registry: Registry;
  readonly log?: Log;
}

const DIAGNOSTICS = Symbol('DiagnosticsParts');

@Controller()
class DiagnosticsController {
  constructor(@Inject(DIAGNOSTICS) private readonly parts: DiagnosticsParts) {}

  @Get('healthy')
  healthy(): void {}

  @Get('ready')
  ready(@Res({ passthrough: true }) reply: FastifyReply): object | undefined {
    const reason = this.parts.unready();
    if (reason === undefined) return undefined;
    reply.code(503);
    return { ready: false, reason };
  }

  @Get('metrics')
  metrics(@Res({ passthrough: true }) reply: FastifyReply): Promise<string> {
    reply.header('content-type', this.parts.registry.contentType);
    return this.parts.registry.metrics();
  }
}

/** Health and metrics for machines (port 5680): an application of its own, in which nobody proves who they are. */
@Module({})
export class DiagnosticsModule {
  static with(parts: DiagnosticsParts): DynamicModule {
    return {
      module: DiagnosticsModule,
      controllers: [DiagnosticsController],
      providers: [
        { provide: DIAGNOSTICS, useValue: parts },
        { provide: APP_FILTER, useValue: new ErrorFilter(parts.log ?? SILENT) },
      ],
    };
  }
}
