import {
  insightOf,
  LABEL,
  type Resource,
  type ResourceKey,
  type ResourceType,
  type WriteOptions,
  type WriteResult,
} from '@koguma/resources';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { DATAPLANE_QUERY, dataplaneFilter } from './dataplanes.js';
import { RestError } from './errors.js';
import { observe } from './observed.js';
import { PAGE_QUERY, type Page, pageOf, type Query } from './paging.js';
import { type ApiServerParts, PARTS } from './parts.js';
import { COMPUTED_LABELS, overviewJson, readResource, resourceJson } from './resource-json.js';

/** What a successful write answers: an empty object, unless there is something to say. */
export const WRITTEN = {
  name: 'Written',
  schema: z.object({ warnings: z.array(z.string()).optional(), dryRun: z.literal(true).optional() }),
};

export interface Written {
  readonly created: boolean;
  readonly body: z.infer<typeof WRITTEN.schema>;
}

/** What lists of a type can be narrowed by, beyond what all can. */
const FILTERS: Partial<
  Record<ResourceType, { query: z.ZodObject; filter: (query: Query) => (one: Resource) => boolean }>
> = {
  Dataplane: { query: DATAPLANE_QUERY, filter: dataplaneFilter },
};

/** What a list of this type reads of a query. */
export function listQuery(type: ResourceType): z.ZodObject {
  return PAGE_QUERY.extend(FILTERS[type]?.query.shape ?? {});
}

/** The resources of a control plane in Kuma's REST form. Who may do what was decided before. */
@Injectable()
export class Resources {
  readonly #parts: ApiServerParts;

  constructor(@Inject(PARTS) parts: ApiServerParts) {
    this.#parts = parts;
  }

  async get(key: ResourceKey): Promise<object> {
    return resourceJson(await this.#find(key));
  }

  /** A resource together with its insight, if it ever had one. */
  async overview(key: ResourceKey): Promise<object> {
    const resource = await this.#find(key);
    const type = insightOf(key.type);
    return overviewJson(resource, type && (await this.#parts.manager.get({ ...key, type })));
  }

  /** @param mesh undefined for all of them */
  async list(request: FastifyRequest, type: ResourceType, mesh: string | undefined): Promise<Page> {
    await this.#requireMesh(mesh ?? '');
    const resources = await this.#parts.manager.list(type, mesh);
    return pageOf(request, resources.filter(filterFor(type, request)), resourceJson);
  }

  /** @param mesh undefined for all of them */
  async overviews(request: FastifyRequest, type: ResourceType, mesh: string | undefined): Promise<Page> {
    await this.#requireMesh(mesh ?? '');
    const observed = await observe(this.#parts, type, mesh);
    return pageOf(request, observed.filter(filterFor(type, request)), (one) => overviewJson(one, one.insight));
  }

  /** Whether a write of this resource can be taken at all, whatever it says. @throws ControlPlaneError `read_only`, `not_found` */
  async expectWrite(key: ResourceKey): Promise<void> {
    this.#parts.manager.refuseIfReadOnly(key);
    await this.#requireMesh(key.mesh);
  }

  async put(key: ResourceKey, body: Readonly<Record<string, unknown>>, options: WriteOptions): Promise<Written> {
    const { spec, labels } = readResource(key, body);
    const own = Object.fromEntries(Object.entries(labels).filter(([label]) => !COMPUTED_LABELS.includes(label)));
    const ignored = await this.#warnOfIgnored(key, labels);
    const { created, warnings } = await this.#parts.manager.put(key, spec, own, options);
    return written(created, [...warnings, ...ignored], options);
  }

  async delete(key: ResourceKey, options: WriteOptions): Promise<Written> {
    const { created, warnings }: WriteResult = await this.#parts.manager.delete(key, options);
    return written(created, [...warnings], options);
  }

  async #find(key: ResourceKey): Promise<Resource> {
    await this.#requireMesh(key.mesh);
    const found = await this.#parts.manager.get(key);
    if (!found) throw new RestError('not_found', 'Not found');
    return found;
  }

  /** Kuma tells of an unknown mesh in other words than of an unknown resource. */
  async #requireMesh(mesh: string): Promise<void> {
    if (mesh === '' || (await this.#parts.manager.get({ type: 'Mesh', mesh: '', name: mesh }))) return;
    throw new RestError('not_found', 'Not found', { title: 'Failed to retrieve Mesh' });
  }

  /**
   * What was read from here may be written back as it is, so computed labels are dropped, not refused; who tries to set
   * one to something else is told that it did not happen.
   */
  async #warnOfIgnored(key: ResourceKey, labels: Readonly<Record<string, string>>): Promise<string[]> {
    const given = COMPUTED_LABELS.filter((label) => labels[label] !== undefined);
    if (given.length === 0) return [];
    const stored = await this.#parts.manager.get(key);
    const actual: Readonly<Record<string, string>> =
      stored?.labels ?? (key.mesh === '' ? {} : { [LABEL.mesh]: key.mesh });
    return given
      .filter((label) => labels[label] !== actual[label])
      .map((label) => `label ${label} is set by the control plane: the given value is ignored`);
  }
}

function filterFor(type: ResourceType, { query }: FastifyRequest): (one: Resource) => boolean {
  return FILTERS[type]?.filter(query as Query) ?? (() => true);
}

function written(created: boolean, warnings: string[], { dryRun = false }: WriteOptions): Written {
  return { created, body: { ...(warnings.length > 0 ? { warnings } : {}), ...(dryRun ? { dryRun } : {}) } };
}
