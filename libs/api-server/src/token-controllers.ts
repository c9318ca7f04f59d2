import { readTokenRequest, TOKEN_KINDS, type TokenKind, type TokenKindName, tokenKind, type User } from '@koguma/auth';
import { Controller, Header, HttpCode, Inject, Post, Req, type Type } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { askedBy, Needs } from './access-guard.js';
import { FailsAs } from './error-filter.js';
import { readJson } from './json-body.js';
import { type ApiServerParts, PARTS } from './parts.js';
import { About, type Named } from './route-facts.js';

/** Kuma 2.0 and before had one kind at first, and its path was without a name. */
const UNNAMED: TokenKindName = 'dataplane';

/** One controller for each row of the table of token kinds: `POST /tokens/{kind}`. */
export function tokenControllers(): Type[] {
  return TOKEN_KINDS.map(({ kind }) => tokenController(kind));
}

function tokenController(kind: TokenKindName): Type {
  const row = tokenKind(kind);

  @Controller('tokens')
  class TokenController {
    constructor(@Inject(PARTS) private readonly parts: ApiServerParts) {}

    /** Answers the bare token, without a line end: kumactl prints what it gets. */
    @Post(kind === UNNAMED ? [kind, ''] : kind)
    @HttpCode(200)
    @Header('content-type', 'text/plain')
    @Needs(row.right, `access generate ${kind} token`)
    @FailsAs('Could not issue a token', 'Invalid request')
    @About({ group: 'Tokens', summary: `issues a ${kind} token`, body: bodySchema(row) })
    async issue(@Req() request: FastifyRequest): Promise<string> {
      const { access, issuer } = this.parts.auth;
      const order = readTokenRequest(kind, await readJson(request));
      access.requireToName(request.user as User, kind, order);
      const token = await issuer.issue(kind, order, order.validForSeconds);
      this.parts.events.tell('issued a token', { kind, mesh: order.mesh, ...askedBy(request) });
      return token;
    }
  }
  return TokenController;
}

function bodySchema({ kind, request, defaultValidFor }: TokenKind): Named {
  const duration = z.string().describe('a Go duration of a second or more, such as 24h or 1h30m');
  const validFor = defaultValidFor === undefined ? duration : duration.nullish();
  const words = kind.split('-').map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return { name: `${words.join('')}TokenRequest`, schema: z.intersection(request, z.object({ validFor })) };
}
