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
    const content = await this.#content();
    return pageOf(request, this.#parts.view.list('Mesh'), (mesh) => this.#insightOf(mesh, content));
  }

  async mesh(name: string) {
    const mesh = this.#mesh(name, {});
    return this.#insightOf(mesh, await this.#content(name));
  }

  /** @param mesh undefined for all of them */
  async services(request: FastifyRequest, mesh: string | undefined): Promise<Page> {
    if (mesh !== undefined) this.#mesh(mesh, UNKNOWN_MESH);
    const wanted = serviceFilter(request.query as Query);
    const { services } = await this.#content(mesh);
    return pageOf(request, services.filter(wanted), (service) => this.#showService(service));
  }

  async service(mesh: string, name: string) {
    this.#mesh(mesh, UNKNOWN_MESH);
    const { services } = await this.#content(mesh);
    const found = services.find((service) => service.name === name);
    if (!found) throw new RestError('not_found', 'Not found');
    return this.#showService(found);
  }

  async global() {
    const { view, clock } = this.#parts;
    const world = {
      ...(await this.#content()),
      meshes: view.list('Mesh').length,
      resources: this.#count(({ path }) => path !== undefined),
      zones: await observe(this.#parts, 'Zone'),
      ingresses: await observe(this.#parts, 'ZoneIngress'),
      egresses: await observe(this.#parts, 'ZoneEgress'),
    };
    return globalInsight(world, clock.wall());
  }

  /** Kuma's `GlobalInsights`: how many resources there are of each type that is in no mesh. */
  counts(): Record<string, { total: number }> {
    return totals(this.#count(({ scope, path }) => scope === 'global' && path !== undefined));
  }

  async zones(): Promise<{ name: string; active: boolean }[]> {
    return (await observe(this.#parts, 'Zone')).map((zone) => ({ name: zone.name, active: isActive(zone) }));
  }

  async #content(mesh?: string): Promise<{ dataplanes: Dataplane[]; services: Service[] }> {
    const dataplanes = (await observe(this.#parts, 'Dataplane', mesh)).map((dataplane) => new Dataplane(dataplane));
    return { dataplanes, services: servicesOf(this.#parts.view.list('Mesh'), dataplanes) };
  }

  #insightOf(mesh: Resource, { dataplanes, services }: { dataplanes: Dataplane[]; services: Service[] }) {
    const content = {
      dataplanes: dataplanes.filter((dataplane) => dataplane.mesh === mesh.name),
      services: services.filter((service) => service.mesh === mesh),
      resources: this.#count(({ scope, path }) => scope === 'mesh' && path !== undefined, mesh.name),
    };
    return meshInsight(mesh, content, this.#parts.clock.wall());
  }

  #showService(service: Service) {
    return serviceInsight(service, this.#parts.clock.wall());
  }

  #count(counts: (row: TypeDescriptor) => boolean, mesh?: string): Record<string, number> {
    const types = Object.values(RESOURCE_TYPES).filter(counts);
    return Object.fromEntries(types.map(({ type }) => [type, this.#parts.view.list(type, mesh).length]));
  }

  #mesh(name: string, details: { title?: string }): Resource {
    const mesh = this.#parts.view.get({ type: 'Mesh', mesh: '', name });
    if (!mesh) throw new RestError('not_found', 'Not found', details);
    return mesh;
  }
}

/** Kuma tells of a mesh in the URL in other words than of what is asked for. */
const UNKNOWN_MESH = { title: 'Failed to retrieve Mesh' };
