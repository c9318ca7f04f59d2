import { type Capability, TOKEN_KIND_NAMES, tokenKind, type Verdict } from '@koguma/auth';
import { invalid, violationsIn } from '@koguma/core';
import { Controller, Get, HttpCode, Inject, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Needs } from './access-guard.js';
import { FailsAs } from './error-filter.js';
import { readJson } from './json-body.js';
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

const VERDICT = z.object({
  accepted: z.boolean(),
  reason: z.string().optional(),
  steps: z.array(z.object({ step: z.string(), ok: z.boolean(), detail: z.string() })),
  identity: z.looseObject({}).optional().describe('the claims of the kind'),
});
const SYNC = z.looseObject({ mode: z.enum(['global', 'zone']), revision: z.object({ epoch: z.string(), n: z.int() }) });

const kind = z.enum(TOKEN_KIND_NAMES);
const elsewhere = z.array(z.enum(['global', 'zones'])).describe('where else it can be done with the same effect');
const ability = z.object({ possible: z.boolean(), reason: z.string().optional(), elsewhere });
const key = z.object({ kid: z.string(), thumbprint: z.string(), foundIn: z.string() });
const CAPABILITIES = z.object({
  mode: z.enum(['global', 'zone']),
  zone: z.string().optional(),
  tokens: z.array(
    z.object({
      kind,
      mesh: z.string().optional(),
      issue: ability.extend({ right: z.string(), signer: key.extend({ since: z.string() }).optional() }),
      verify: z.object({ possible: z.boolean(), keys: z.array(key) }),
      revoke: ability.extend({ list: z.object({ type: z.string(), name: z.string() }) }),
      rotate: ability,
    }),
  ),
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
