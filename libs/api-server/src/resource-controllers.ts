import { invalid } from '@koguma/core';
import { insightOf, RESOURCE_TYPES, type ResourceKey, type TypeDescriptor } from '@koguma/resources';
import { Controller, Delete, Get, Put, Req, Res, type Type } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { askedBy, Needs, OpenRead } from './access-guard.js';
import { FailsAs } from './error-filter.js';
import { readJson } from './json-body.js';
import { pageOfItems } from './paging.js';
import { overviewSchema, resourceBodySchema, resourceSchema } from './resource-json.js';
import { listQuery, Resources, WRITTEN } from './resources.js';
import { About } from './route-facts.js';

type Served = TypeDescriptor & { readonly path: string };
type Params = { mesh?: string; name?: string };

const DRY_RUN_QUERY = z.object({
  dryRun: z.enum(['', 'true', 'false']).optional().describe('answer the same, warnings included, without doing it'),
});

/** One controller for each row of the table of types that has a path. */
export function resourceControllers(): Type[] {
  const served = Object.values(RESOURCE_TYPES).filter((row): row is Served => row.path !== undefined);
  return served.flatMap((row) => {
    const insight = insightOf(row.type);
    return insight
      ? [resourceController(row), overviewController(row, RESOURCE_TYPES[insight])]
      : [resourceController(row)];
  });
}

function resourceController(row: Served): Type {
  const act = `access the resource of type "${row.type}"`;
  const Read = row.adminOnly ? () => Needs('adminResources', act) : OpenRead;
  const Write = () => Needs('adminResources', act);
  const { lists, items } = pathsOf(row, spellings(row));
  const group = row.type;
  const item = resourceSchema(row);

  @Controller()
  class ResourceController {
    constructor(private readonly resources: Resources) {}

    @Get(lists)
    @Read()
    @FailsAs('Could not retrieve resources')
    @About({
      group,
      summary: `${row.type} resources, a page at a time`,
      answer: pageOfItems(item),
      query: listQuery(row.type),
    })
    list(@Req() request: FastifyRequest): Promise<object> {
      return this.resources.list(request, row.type, (request.params as Params).mesh);
    }

    @Get(items)
    @Read()
    @FailsAs('Could not retrieve a resource')
    @About({ group, summary: `one ${row.type}`, answer: item })
    get(@Req() request: FastifyRequest): Promise<object> {
      return this.resources.get(keyOf(row, request));
    }

    @Put(items)
    @Write()
    @FailsAs('Could not process a resource')
    @About({
      group,
      summary: `creates or replaces a ${row.type}`,
      body: resourceBodySchema(row),
      answer: WRITTEN,
      statuses: [200, 201],
      query: DRY_RUN_QUERY,
    })
    async put(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<object> {
      const key = keyOf(row, request);
      const options = { dryRun: dryRunOf(request), asked: askedBy(request) };
      await this.resources.expectWrite(key);
      const { created, body } = await this.resources.put(key, await readJson(request), options);
      reply.code(created ? 201 : 200);
      return body;
    }

    @Delete(items)
    @Write()
    @FailsAs('Could not delete a resource')
    @About({ group, summary: `deletes a ${row.type}`, answer: WRITTEN, query: DRY_RUN_QUERY })
    async delete(@Req() request: FastifyRequest): Promise<object> {
      const key = keyOf(row, request);
      const options = { dryRun: dryRunOf(request), asked: askedBy(request) };
      await this.resources.expectWrite(key);
      return (await this.resources.delete(key, options)).body;
    }
  }
  return named(ResourceController, `${row.type}Controller`);
}

/** Kuma 2.8 and later ask `/zones/_overview`, older ones `/zones+insights`. */
function overviewController(row: Served, insight: TypeDescriptor): Type {
  const Read = row.adminOnly ? () => Needs('adminResources', `access the resource of type "${row.type}"`) : OpenRead;
  const now = pathsOf(row, spellings(row));
  const before = pathsOf(
    row,
    spellings(row).map((path) => `${path}+insights`),
  );
  const odd = pathsOf(row, row.overviewAliases);
  const lists = [...now.lists.map((path) => `${path}/_overview`), ...before.lists, ...odd.lists];
  const items = [...now.items.map((path) => `${path}/_overview`), ...before.items, ...odd.items];
  const group = row.type;
  const item = overviewSchema(row, insight);

  @Controller()
  class OverviewController {
    constructor(private readonly resources: Resources) {}

    @Get(lists)
    @Read()
    @FailsAs('Could not retrieve resources')
    @About({
      group,
      summary: `${row.type} resources and what is seen of them`,
      answer: pageOfItems(item),
      query: listQuery(row.type),
    })
    list(@Req() request: FastifyRequest): Promise<object> {
      return this.resources.overviews(request, row.type, (request.params as Params).mesh);
    }

    @Get(items)
    @Read()
    @FailsAs('Could not retrieve a resource')
    @About({ group, summary: `one ${row.type} and what is seen of it`, answer: item })
    get(@Req() request: FastifyRequest): Promise<object> {
      return this.resources.overview(keyOf(row, request));
    }
  }
  return named(OverviewController, `${row.type}OverviewController`);
}

function spellings({ path, aliases }: Served): string[] {
  return [path, ...aliases];
}

/** Types in meshes are listed in one mesh and in all of them; single ones are always named with their mesh. */
function pathsOf({ scope }: Served, paths: readonly string[]): { lists: string[]; items: string[] } {
  if (scope === 'global') return { lists: [...paths], items: paths.map((path) => `${path}/:name`) };
  const inMesh = paths.map((path) => `meshes/:mesh/${path}`);
  return { lists: [...inMesh, ...paths], items: inMesh.map((path) => `${path}/:name`) };
}

function keyOf({ type }: Served, { params }: FastifyRequest): ResourceKey {
  const { mesh = '', name = '' } = params as Params;
  return { type, mesh, name };
}

function dryRunOf({ query }: FastifyRequest): boolean {
  const { dryRun } = query as { dryRun?: string | string[] };
  if (dryRun === undefined || dryRun === 'false') return false;
  if (dryRun === '' || dryRun === 'true') return true;
  throw invalid({ field: 'dryRun', reason: 'must be true or false' });
}

/** Nest's log, and its errors, speak of classes by name. */
function named(controller: Type, name: string): Type {
  return Object.defineProperty(controller, 'name', { value: name });
}
