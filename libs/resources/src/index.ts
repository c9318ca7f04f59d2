export { Insights } from './insights.js';
export { Leadership } from './leadership.js';
export {
  DEFAULT_MESH,
  type InTransaction,
  type Opinion,
  ResourceManager,
  type Write,
  type WriteHook,
  type WriteOptions,
  type WriteResult,
} from './manager.js';
export { MemoryStore } from './memory-store.js';
export { isLabel, LABEL_RULE } from './names.js';
export { observedStore } from './observed-store.js';
export { migrateStore, openStore, rotateStoreKey } from './open-store.js';
export {
  byMeshAndName,
  type ConfigSpec,
  type Draft,
  describe,
  isFromGlobal,
  keyText,
  LABEL,
  type Resource,
  type ResourceKey,
  type ResourceType,
  type SecretSpec,
  type Spec,
  type ZoneSpec,
} from './resource.js';
export { openPostgresStore, type PostgresStoreOptions } from './sql/postgres.js';
export { openSqliteStore, type SqliteStoreOptions } from './sql/sqlite.js';
export type { Claim, Committed, Entry, Feed, Lease, ResourceStore, Revision, StoreTransaction } from './store.js';
export { insightOf, isInsight, RESOURCE_TYPES, type TypeDescriptor, typesThatCross } from './types.js';
export { ResourceView, type ViewChange } from './view.js';
export { isOnline, type KdsSubscription, type ZoneInsightSpec, type ZoneLinkOwner } from './zone.js';
