import type { RouteFacts } from './route-facts.js';

/** One method of one path. */
export interface Route extends RouteFacts {
  readonly method: string;
  /** Fastify's pattern: `/meshes/:mesh/secrets` */
  readonly path: string;
}

interface Place {
  readonly matches: RegExp;
  readonly routes: Map<string, Route>;
}

/**
 * The routes of a server by path, with what is known of each. Fastify looks for a method first, and so cannot tell a
 * wrong method from a wrong path.
 */
export class RouteBook {
  readonly #places = new Map<string, Place>();

  /** @param url Fastify's pattern: `/meshes/:mesh/secrets` */
  add(methods: string | string[], url: string, { demand, errorTitles, description }: RouteFacts = {}): void {
    const path = trimmed(url);
    const place = this.#places.get(path) ?? { matches: pattern(path), routes: new Map<string, Route>() };
    this.#places.set(path, place);
    for (const method of [methods].flat()) place.routes.set(method, { method, path, demand, errorTitles, description });
  }

  /** What a path can be asked with; none when nothing is there. */
  methodsOf(path: string): string[] {
    const found = [...this.#places.values()].filter(({ matches }) => matches.test(trimmed(path)));
    return [...new Set(found.flatMap(({ routes }) => [...routes.keys()]))].sort();
  }

  /** Every method of every path. */
  all(): Route[] {
    return [...this.#places.values()].flatMap(({ routes }) => [...routes.values()]);
  }
}

function trimmed(path: string): string {
  return path.length > 1 ? path.replace(/\/$/, '') : '/';
}

function pattern(path: string): RegExp {
  const segments = path
    .split('/')
    .map((segment) => (segment.startsWith(':') ? '[^/]+' : segment.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')));
  return new RegExp(`^${segments.join('/')}$`);
}
