import { insightOf, type Resource, type ResourceKey, type ResourceType } from '@koguma/resources';
import type { ApiServerParts } from './parts.js';

/** A resource and what was last seen of it. */
export interface Observed extends Resource {
  /** Undefined when it was never seen. */
  readonly insight: Resource | undefined;
}

/**
 * Resources of a type with their insights, ordered by mesh and name. Resources come from memory; insights, which
 * change without a revision, are nowhere but in the store.
 * @param mesh undefined for all of them
 */
export async function observe(
  { view, manager }: Pick<ApiServerParts, 'view' | 'manager'>,
  type: ResourceType,
  mesh?: string,
): Promise<Observed[]> {
  const insightType = insightOf(type);
  const insights = insightType ? await manager.list(insightType, mesh) : [];
  const byName = new Map(insights.map((insight) => [nameOf(insight), insight]));
  return view.list(type, mesh).map((resource) => ({ ...resource, insight: byName.get(nameOf(resource)) }));
}

function nameOf({ mesh, name }: ResourceKey): string {
  return `${mesh}/${name}`;
}
