import { RESOURCE_TYPES, type Resource, type TypeDescriptor } from '@koguma/resources';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Dataplane } from '../dataplanes.js';
import { RestError } from '../errors.js';
import { observe } from '../observed.js';
import { type Page, pageOf, type Query } from '../paging.js';
import { type ApiServerParts, PARTS } from '../parts.js';
import { globalInsight, isActive } from './global-insight.js';
import { meshInsight } from './mesh-insight.js';
import { type Service, serviceFilter, serviceInsight, servicesOf } from './service-insight.js';
import { totals } from './tally.js';

/** A mesh with what is in it. */
interface Content {
  readonly mesh: Resource;
  readonly dataplanes: readonly Dataplane[];
  readonly services: readonly Service[];
}

/**
 * What Kuma keeps as MeshInsight, ServiceInsight and GlobalInsight, counted when it is asked for: resources are in
 * memory, so nothing has to be kept up to date, and nothing is ever behind.
 */
@Injectable()
export class Insights {
  readonly #parts: ApiServerParts;

  constructor(@Inject(PARTS) parts: ApiServerParts) {
    this.#parts = parts;
  }

  async meshes(request: FastifyRequest): Promise<Page> {
    const named = (await this.#contents()).map((content) => ({ ...content.mesh, content }));
    return pageOf(request, named, ({ content }) => this.#insightOf(content));
  }

  async mesh(name: string) {
    const [content] = await this.#contents(name);
    if (!content) throw new RestError('not_found', 'Not found');
    return this.#insightOf(content);
  }

  /** @param mesh undefined for all of them */
  async services(request: FastifyRequest, mesh: string | undefined): Promise<Page> {
    const wanted = serviceFilter(request.query as Query);
    const all = await this.#services(mesh);
    return pageOf(request, all.filter(wanted), (service) => this.#show(service));
  }

  async service(mesh: string, name: string) {
    const found = (await this.#services(mesh)).find((service) => service.name === name);
    if (!found) throw new RestError('not_found', 'Not found');
    return this.#show(found);
  }

  async global() {
    const contents = await this.#contents();
    const world = {
      meshes: contents.length,
      dataplanes: contents.flatMap(({ dataplanes }) => dataplanes),
      services: contents.flatMap(({ services }) => services),
      resources: this.#count(({ path }) => path !== undefined),
      zones: await observe(this.#parts, 'Zone'),
      ingresses: await observe(this.#parts, 'ZoneIngress'),
      egresses: await observe(this.#parts, 'ZoneEgress'),
    };
    return globalInsight(world, this.#parts.clock.wall());
  }

  /** Kuma's `GlobalInsights`: how many resources there are of each type that is in no mesh. */
  counts(): Record<string, { total: number }> {
    return totals(this.#count(({ scope, path }) => scope === 'global' && path !== undefined));
  }

  async zones(): Promise<{ name: string; active: boolean }[]> {
    return (await observe(this.#parts, 'Zone')).map((zone) => ({ name: zone.name, active: isActive(zone) }));
  }

  /** Meshes in the order of their names; one alone, or none, when it is named. */
  async #contents(only?: string): Promise<Content[]> {
    const observed = await observe(this.#parts, 'Dataplane', only);
    const meshes = this.#parts.view.list('Mesh').filter(({ name }) => only === undefined || name === only);
    const dataplanes = new Map(meshes.map(({ name }) => [name, [] as Dataplane[]]));
    for (const one of observed) dataplanes.get(one.mesh)?.push(new Dataplane(one));
    return meshes.map((mesh) => {
      const inIt = dataplanes.get(mesh.name) ?? [];
      return { mesh, dataplanes: inIt, services: servicesOf(mesh, inIt) };
    });
  }

  async #services(mesh: string | undefined): Promise<Service[]> {
    const contents = await this.#contents(mesh);
    if (mesh !== undefined && contents.length === 0) {
      throw new RestError('not_found', 'Not found', { title: 'Failed to retrieve Mesh' });
    }
    return contents.flatMap(({ services }) => services);
  }

  #insightOf({ mesh, ...content }: Content) {
    const resources = this.#count(({ scope, path }) => scope === 'mesh' && path !== undefined, mesh.name);
    return meshInsight(mesh, { ...content, resources }, this.#parts.clock.wall());
  }

  #show(service: Service) {
    return serviceInsight(service, this.#parts.clock.wall());
  }

  #count(counts: (row: TypeDescriptor) => boolean, mesh?: string): Record<string, number> {
    const types = Object.values(RESOURCE_TYPES).filter(counts);
    return Object.fromEntries(types.map(({ type }) => [type, this.#parts.view.list(type, mesh).length]));
  }
}
