import type { User } from '@koguma/auth';
import { KUMA_VERSION } from '@koguma/core';
import { Controller, Get, Inject, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Needs, OpenRead, Public } from './access-guard.js';
import { FailsAs } from './error-filter.js';
import { type ApiServerParts, PARTS } from './parts.js';
import { About } from './route-facts.js';

const INDEX = z.object({
  hostname: z.string(),
  tagline: z.string(),
  product: z.string(),
  version: z.string(),
  basedOnKuma: z.string(),
  instanceId: z.string(),
  clusterId: z.string().optional().describe('of the global store; left out by a zone that has not met its global yet'),
  gui: z.string(),
});
const USER = z.object({ name: z.string(), groups: z.array(z.string()) });
const CONFIG = z.looseObject({}).describe('every setting by its YAML path; secrets are masked');

const group = 'Control plane';

/** Who answers, who asks, and how the control plane is set up. */
@Controller()
export class IndexController {
  constructor(@Inject(PARTS) private readonly parts: ApiServerParts) {}

  /** kumactl before 2.14 wants to see the tagline, later ones the product. */
  @Get()
  @Public()
  @About({ group, summary: 'which control plane this is', answer: { name: 'Index', schema: INDEX } })
  index(): z.infer<typeof INDEX> {
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
  @About({ group, summary: 'who the caller is', answer: { name: 'User', schema: USER } })
  whoAmI(@Req() { user }: FastifyRequest): User {
    return user as User;
  }

  @Get('config')
  @Needs('adminResources', 'access the configuration')
  @FailsAs('Could not retrieve the configuration')
  @About({ group, summary: 'the configuration in force', answer: { name: 'Config', schema: CONFIG } })
  config(): z.infer<typeof CONFIG> {
    return this.parts.config;
  }
}
