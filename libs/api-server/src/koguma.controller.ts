import { TOKEN_KIND_NAMES, tokenKind, type Verdict } from '@koguma/auth';
import { invalid, violationsIn } from '@koguma/core';
import { Controller, Get, HttpCode, Inject, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Needs } from './access-guard.js';
import { FailsAs } from './error-filter.js';
import { readJson } from './json-body.js';
import { type ApiServerParts, PARTS } from './parts.js';

const text = z.string('must be a string');
const question = z
  .object({
    token: text.min(1, 'cannot be empty'),
    kind: z.enum(TOKEN_KIND_NAMES, `must be one of ${TOKEN_KIND_NAMES.join(', ')}`),
    mesh: text.nullish().transform((mesh) => mesh ?? ''),
  })
  .refine(({ kind, mesh }) => mesh !== '' || tokenKind(kind).secretType !== 'Secret', {
    path: ['mesh'],
    error: 'cannot be empty: keys of this kind of token are in meshes',
  });

/** What this lab adds to Kuma's API. */
@Controller('koguma')
export class KogumaController {
  constructor(@Inject(PARTS) private readonly parts: ApiServerParts) {}

  /** Says whether a token is good here and now, and what was looked at: 200 for one that is refused, too. */
  @Post('tokens/verify')
  @HttpCode(200)
  @Needs('adminResources', 'access the check of tokens')
  @FailsAs('Could not check a token', 'Invalid request')
  async verify(@Req() request: FastifyRequest): Promise<Verdict> {
    const { data, error } = question.safeParse(await readJson(request));
    if (!data) throw invalid(...violationsIn(error));
    const mesh = tokenKind(data.kind).secretType === 'Secret' ? data.mesh : '';
    return this.parts.auth.validator.verify(data.token, data.kind, mesh);
  }

  /** What this control plane exchanged with its peers, and what is still missing where. */
  @Get('sync')
  @Needs('adminResources', 'access the state of synchronization')
  @FailsAs('Could not report the state of synchronization')
  sync(): object {
    return this.parts.sync.report();
  }
}
