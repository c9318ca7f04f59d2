import { invalid } from '@koguma/core';
import { LABEL, type Resource, type ResourceKey } from './resource.js';
import type { StoreTransaction } from './store.js';
import { insightOf, RESOURCE_TYPES } from './types.js';
import { isOnline, type ZoneInsightSpec } from './zone.js';

/**
 * What is in use is not deleted: a Mesh with dataplanes, a Zone that is connected.
 * @throws ControlPlaneError `invalid`
 */
export async function refuseIfInUse(store: Pick<StoreTransaction, 'get' | 'list'>, key: ResourceKey): Promise<void> {
  if (key.type === 'Mesh') {
    const [dataplane] = await store.list('Dataplane', key.name);
    if (!dataplane) return;
    const reason = `unable to delete Mesh, there are Dataplanes in it, ${JSON.stringify(dataplane.name)} for one: delete them first`;
    throw invalid({ field: 'mesh', reason });
  }
  if (key.type !== 'Zone') return;
  const insight = await store.get<Resource<ZoneInsightSpec>>({ ...key, type: 'ZoneInsight' });
  if (!isOnline(insight?.spec)) return;
  const reason = 'unable to delete Zone, Zone CP is still connected, please shut it down first';
  throw invalid({ field: 'zone', reason });
}

/** A Mesh takes everything in it, also the secrets that people put there; a Zone takes its proxies; all take their insight. */
export async function deleteWhatBelongsTo(tx: StoreTransaction, key: ResourceKey): Promise<void> {
  for (const { type, scope, crosses } of Object.values(RESOURCE_TYPES)) {
    if (key.type === 'Mesh' && scope === 'mesh') await deleteAll(tx, await tx.list(type, key.name));
    if (key.type === 'Zone' && crosses === 'to-global') {
      const all = await tx.list(type);
      await deleteAll(
        tx,
        all.filter(({ labels }) => labels[LABEL.zone] === key.name),
      );
    }
  }
  const type = insightOf(key.type);
  if (type && (await tx.get({ ...key, type }))) await tx.delete({ ...key, type });
}

async function deleteAll(tx: StoreTransaction, resources: readonly ResourceKey[]): Promise<void> {
  for (const resource of resources) await tx.delete(resource);
}
