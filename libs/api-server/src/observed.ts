import { RESOURCE_TYPES, type Resource, type ResourceKey, type ResourceType } from '@koguma/resources';
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

/** The type that holds the insights of another, by Kuma's way of naming; undefined when it has none. */
export function insightOf(type: ResourceType): ResourceType | undefined {
  const name = `${type}Insight`;
  return Object.hasOwn(RESOURCE_TYPES, name) ? (name as ResourceType) : undefined;
}

function nameOf({ mesh, name }: ResourceKey): string {
  return `${mesh}/${name}`;
}
