import { readTokenRequest, TOKEN_KINDS, type TokenKindName, tokenKind, type User } from '@koguma/auth';
import { Controller, Header, HttpCode, Inject, Post, Req, type Type } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Needs } from './access-guard.js';
import { FailsAs } from './error-filter.js';
import { readJson } from './json-body.js';
import { type ApiServerParts, PARTS } from './parts.js';

/** One controller for each row of the table of token kinds: `POST /tokens/{kind}`. */
export function tokenControllers(): Type[] {
  return TOKEN_KINDS.map(({ kind }) => tokenController(kind));
}

function tokenController(kind: TokenKindName): Type {
  @Controller('tokens')
  class TokenController {
    constructor(@Inject(PARTS) private readonly parts: ApiServerParts) {}

    /** Answers the bare token, without a line end: kumactl prints what it gets. */
    @Post(kind)
    @HttpCode(200)
    @Header('content-type', 'text/plain')
    @Needs(tokenKind(kind).right, `access generate ${kind} token`)
    @FailsAs('Could not issue a token', 'Invalid request')
    async issue(@Req() request: FastifyRequest): Promise<string> {
      const { access, issuer } = this.parts.auth;
      const order = readTokenRequest(kind, await readJson(request));
      access.requireToName(request.user as User, kind, order);
      return issuer.issue(kind, order, order.validForSeconds);
    }
  }
  return TokenController;
}
