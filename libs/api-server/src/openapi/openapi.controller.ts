import { Controller, Get, Inject } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { z } from 'zod';
import { Public } from '../access-guard.js';
import type { ApiAdapter } from '../http-adapter.js';
import { type ApiServerParts, PARTS } from '../parts.js';
import { About } from '../route-facts.js';
import { describeApi, type OpenApi } from './openapi.js';

const DOCUMENT = z.looseObject({ openapi: z.string(), paths: z.looseObject({}) });

/** The API, told to machines. */
@Controller()
export class OpenApiController {
  #document: OpenApi | undefined;

  constructor(
    @Inject(PARTS) private readonly parts: ApiServerParts,
    private readonly host: HttpAdapterHost<ApiAdapter>,
  ) {}

  /** Made once, when it is first asked for: by then every route is there. */
  @Get('openapi.json')
  @Public()
  @About({ group: 'Control plane', summary: 'this description', answer: { name: 'OpenApi', schema: DOCUMENT } })
  document(): OpenApi {
    this.#document ??= describeApi(this.host.httpAdapter.routes.all(), this.parts.identity.version);
    return this.#document;
  }
}
