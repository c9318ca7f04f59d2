import { rfc3339 } from '@koguma/core';
import { Controller, Get, Inject, Param, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { OpenRead } from '../access-guard.js';
import { FailsAs } from '../error-filter.js';
import { PAGE_QUERY, pageOfItems } from '../paging.js';
import { type ApiServerParts, PARTS } from '../parts.js';
import { About } from '../route-facts.js';
import { GLOBAL_INSIGHT } from './global-insight.js';
import { Insights } from './insights.js';
import { MESH_INSIGHT } from './mesh-insight.js';
import { SERVICE_INSIGHT, SERVICE_QUERY } from './service-insight.js';
import { TOTAL } from './tally.js';

const mesh = { name: 'MeshInsight', schema: MESH_INSIGHT };
const service = { name: 'ServiceInsight', schema: SERVICE_INSIGHT };
const COUNTS = z.object({
  type: z.literal('GlobalInsights'),
  creationTime: z.string().meta({ format: 'date-time' }),
  resources: z.record(z.string(), TOTAL),
});
const ZONES = z.array(z.object({ name: z.string(), active: z.boolean().describe('connected and enabled') }));

const group = 'Insights';
const LISTS = 'Could not retrieve resources';
const ITEM = 'Could not retrieve a resource';

/** What kumactl `inspect` and Kuma's GUI count. */
@Controller()
export class InsightsController {
  constructor(
    @Inject(PARTS) private readonly parts: ApiServerParts,
    private readonly insights: Insights,
  ) {}

  @Get('mesh-insights')
  @OpenRead()
  @FailsAs(LISTS)
  @About({ group, summary: 'what is in each mesh', answer: pageOfItems(mesh), query: PAGE_QUERY })
  meshes(@Req() request: FastifyRequest): Promise<object> {
    return this.insights.meshes(request);
  }

  @Get('mesh-insights/:mesh')
  @OpenRead()
  @FailsAs(ITEM)
  @About({ group, summary: 'what is in one mesh', answer: mesh })
  mesh(@Param('mesh') name: string): Promise<z.infer<typeof MESH_INSIGHT>> {
    return this.insights.mesh(name);
  }

  @Get(['meshes/:mesh/service-insights', 'service-insights'])
  @OpenRead()
  @FailsAs(LISTS)
  @About({
    group,
    summary: 'services, and how many dataplanes serve each now',
    answer: pageOfItems(service),
    query: PAGE_QUERY.extend(SERVICE_QUERY.shape),
  })
  services(@Req() request: FastifyRequest): Promise<object> {
    return this.insights.services(request, (request.params as { mesh?: string }).mesh);
  }

  @Get('meshes/:mesh/service-insights/:service')
  @OpenRead()
  @FailsAs(ITEM)
  @About({ group, summary: 'one service, and how many dataplanes serve it now', answer: service })
  service(@Param('mesh') name: string, @Param('service') wanted: string): Promise<z.infer<typeof SERVICE_INSIGHT>> {
    return this.insights.service(name, wanted);
  }

  @Get('global-insight')
  @OpenRead()
  @FailsAs('Could not retrieve GlobalInsight')
  @About({ group, summary: 'everything, counted', answer: { name: 'GlobalInsight', schema: GLOBAL_INSIGHT } })
  global(): Promise<z.infer<typeof GLOBAL_INSIGHT>> {
    return this.insights.global();
  }

  @Get('global-insights')
  @OpenRead()
  @About({ group, summary: 'resources outside meshes, counted', answer: { name: 'GlobalInsights', schema: COUNTS } })
  counts(): z.infer<typeof COUNTS> {
    const creationTime = rfc3339(this.parts.clock.wall());
    return { type: 'GlobalInsights', creationTime, resources: this.insights.counts() };
  }

  @Get('status/zones')
  @OpenRead()
  @FailsAs('Could not retrieve a zone overview')
  @About({ group, summary: 'which zones are connected', answer: { name: 'ZoneStates', schema: ZONES } })
  zones(): Promise<z.infer<typeof ZONES>> {
    return this.insights.zones();
  }
}
