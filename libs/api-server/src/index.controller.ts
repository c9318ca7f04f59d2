import type { User } from '@koguma/auth';
import { KUMA_VERSION } from '@koguma/core';
import { Controller, Get, Inject, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { OpenRead, Public } from './access-guard.js';
import { type ApiServerParts, PARTS } from './parts.js';

/** Who answers, and who asks. */
@Controller()
export class IndexController {
  constructor(@Inject(PARTS) private readonly parts: ApiServerParts) {}

  /** kumactl before 2.14 wants to see the tagline, later ones the product. */
  @Get()
  @Public()
  index(): object {
    const { hostname, version, instanceId, clusterId } = this.parts.identity;
    return {
      hostname,
      tagline: 'Kuma',
      product: 'Kuma',
      version,
      basedOnKuma: KUMA_VERSION,
      instanceId,
      clusterId: clusterId(),
      gui: '',
    };
  }

  @Get('who-am-i')
  @OpenRead()
  whoAmI(@Req() { user }: FastifyRequest): User {
    return user as User;
  }
}
