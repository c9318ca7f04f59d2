import { RESOURCE_TYPES, type ResourceType } from '@koguma/resources';

/** Whether resources of a type are in meshes. */
export function isInMesh(type: ResourceType): boolean {
  return RESOURCE_TYPES[type].scope === 'mesh';
}

/** Where resources of a type are listed; `mesh` counts for types that are in meshes. */
export function listPath(type: ResourceType, mesh: string): string {
  const { path } = RESOURCE_TYPES[type];
  return isInMesh(type) ? `/meshes/${encodeURIComponent(mesh)}/${path}` : `/${path}`;
}

/** Where one resource is. */
export function itemPath(type: ResourceType, mesh: string, name: string): string {
  return `${listPath(type, mesh)}/${encodeURIComponent(name)}`;
}
