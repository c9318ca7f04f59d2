import { type Capability, TOKEN_KIND_NAMES, tokenKind, type Verdict } from '@koguma/auth';
import { invalid, violationsIn } from '@koguma/core';
import { Controller, Get, HttpCode, Inject, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Needs } from './access-guard.js';
import { FailsAs } from './error-filter.js';
import { readJson } from './json-body.js';
import { CAPABILITIES, KEYS, SYNC, TIMELINE, VERDICT } from './koguma-answers.js';
import { type ApiServerParts, PARTS } from './parts.js';
import { About } from './route-facts.js';

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

const once = z
  .string('must be given once')
  .regex(/^[!-~]+$/, 'must be visible ASCII, without blanks')
  .optional();
const wanted = z.object({
  revocation: once.describe('of the token with this id (jti)'),
  key: once.describe('of the key in a secret of this name'),
});

const group = 'Koguma';

/** What this lab adds to Kuma's API. */
@Controller('koguma')
export class KogumaController {
  constructor(@Inject(PARTS) private readonly parts: ApiServerParts) {}

  /** Says whether a token is good here and now, and what was looked at: 200 for one that is refused, too. */
  @Post('tokens/verify')
  @HttpCode(200)
  @Needs('adminResources', 'access the check of tokens')
  @FailsAs('Could not check a token', 'Invalid request')
  @About({
    group,
    summary: 'whether a token is good here and now, and why',
    body: { name: 'Question', schema: question },
    answer: { name: 'Verdict', schema: VERDICT },
  })
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
  @About({ group, summary: 'how far sync is', answer: { name: 'Sync', schema: SYNC } })
  sync(): object {
    return this.parts.sync.report();
  }

  /** Every key, who has it, and what would end with it. */
  @Get('keys')
  @Needs('adminResources', 'access the inventory of keys')
  @FailsAs('Could not report the keys')
  @About({
    group,
    summary: 'every signing key: who signs now, which zones have it, and what depends on it',
    answer: { name: 'Keys', schema: KEYS },
  })
  keys(): Promise<object> {
    return this.parts.keys.report();
  }

  /** How revocations and keys reached the control planes. */
  @Get('timeline')
  @Needs('adminResources', 'access the timeline')
  @FailsAs('Could not report the timeline', 'Invalid request')
  @About({
    group,
    summary: 'when the latest revocations and keys were written, sent, applied and felt',
    answer: { name: 'Timeline', schema: TIMELINE },
    query: wanted,
  })
  timeline(@Req() request: FastifyRequest): object {
    const { data, error } = wanted.safeParse(request.query);
    if (!data) throw invalid(...violationsIn(error));
    return { items: this.parts.timeline.find(data) };
  }

  /** What can be done with tokens here, who signs now, and where to go with the rest. */
  @Get('capabilities')
  @Needs('adminResources', 'access the capabilities')
  @FailsAs('Could not report the capabilities')
  @About({
    group,
    summary: 'what can be done with tokens here, and where with the rest',
    answer: { name: 'Capabilities', schema: CAPABILITIES },
  })
  capabilities(): { readonly mode: string; readonly zone: string | undefined; readonly tokens: Capability[] } {
    const { auth, manager, identity } = this.parts;
    const { mode, zone } = identity;
    const tokens = auth.capabilities({ mode, readOnlyReason: (resource) => manager.readOnlyReason(resource) });
    return { mode, zone, tokens };
  }
}
