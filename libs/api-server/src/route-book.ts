interface Route {
  readonly path: string;
  readonly matches: RegExp;
  readonly methods: Set<string>;
}

/** The routes of a server by path. Fastify looks for a method first, and so cannot tell a wrong method from a wrong path. */
export class RouteBook {
  readonly #routes = new Map<string, Route>();

  /** @param url Fastify's pattern: `/meshes/:mesh/secrets` */
  add(method: string | string[], url: string): void {
    const path = trimmed(url);
    const route = this.#routes.get(path) ?? { path, matches: pattern(path), methods: new Set<string>() };
    this.#routes.set(path, route);
    for (const one of [method].flat()) route.methods.add(one);
  }

  /** What a path can be asked with; none when nothing is there. */
  methodsOf(path: string): string[] {
    const found = [...this.#routes.values()].filter(({ matches }) => matches.test(trimmed(path)));
    return [...new Set(found.flatMap(({ methods }) => [...methods]))].sort();
  }

  /** Every method of every path. */
  all(): { method: string; path: string }[] {
    return [...this.#routes.values()].flatMap(({ path, methods }) => [...methods].map((method) => ({ method, path })));
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
