import { type Clock, ControlPlaneError, invalid, type Log, type Violation, violationsIn } from '@koguma/core';
import { deleteWhatBelongsTo, refuseIfInUse } from './deletion.js';
import { checkName } from './names.js';
import {
  describe,
  isFromGlobal,
  LABEL,
  type Resource,
  type ResourceKey,
  type ResourceType,
  type Spec,
} from './resource.js';
import type { ResourceStore, Revision, StoreTransaction } from './store.js';
import { RESOURCE_TYPES } from './types.js';
import type { ResourceView } from './view.js';

/** A change that somebody asks for. `next` is undefined for a deletion, `previous` for a creation. */
export interface Write {
  readonly key: ResourceKey;
  readonly previous: Resource | undefined;
  readonly next: { readonly spec: Spec; readonly labels: Readonly<Record<string, string>> } | undefined;
}

/** What a hook has to say of a write before it happens. */
export interface Opinion {
  /** Any of these refuses the write. */
  readonly violations?: readonly Violation[];
  /** Told to the writer beside the success. */
  readonly warnings?: readonly string[];
  /** The spec to store instead: the same meaning in normal form. */
  readonly spec?: Spec;
}

/** Work inside the writing transaction. */
export type InTransaction = (tx: StoreTransaction) => Promise<void>;

/** Where other libs join in: rules on what is written, and what must be written with it. */
export interface WriteHook {
  validate?(write: Write): Opinion;
  /** Does what is slow before the transaction, and returns what must happen inside it, if anything. */
  accompany?(write: Write): Promise<InTransaction | undefined>;
}

export interface WriteOptions {
  /** Checks everything and changes nothing. */
  readonly dryRun?: boolean;
  /**
   * Asked inside the transaction with what is stored then, so that nobody comes between the question and the write:
   * what it throws refuses the write.
   */
  readonly permit?: (stored: Resource | undefined) => void;
  /** Who asked for it, and how; for the log. */
  readonly asked?: { readonly user: string; readonly cause: string } | undefined;
}

export interface WriteResult {
  readonly created: boolean;
  readonly warnings: readonly string[];
  readonly revision: Revision;
}

interface ManagerParts {
  readonly store: ResourceStore;
  readonly view: ResourceView;
  readonly clock: Clock;
  readonly log: Log;
  /** Why this control plane does not take writes of a resource; undefined when it does. */
  readonly readOnly: (key: ResourceKey) => string | undefined;
  readonly hooks: readonly WriteHook[];
  /** The zone that this control plane is of; what people write of its proxies is labelled so. Undefined on global. */
  readonly zone?: string | undefined;
  /** Kuma's `KUMA_STORE_UNSAFE_DELETE`: skip the guards of deletion. */
  readonly unsafeDelete: boolean;
}

/** The way in for writes by people: rules, guards, what belongs together in one transaction, read-your-writes. */
export class ResourceManager {
  readonly #parts: ManagerParts;

  constructor(parts: ManagerParts) {
    this.#parts = parts;
  }

  get<R extends Resource = Resource>(key: ResourceKey): Promise<R | undefined> {
    return this.#parts.store.get<R>(key);
  }

  /** Ordered by mesh and name; `mesh` left out means every mesh. */
  list(type: ResourceType, mesh?: string): Promise<Resource[]> {
    return this.#parts.store.list(type, mesh);
  }

  /** Why this control plane does not take writes of `key`; undefined when it does. */
  readOnlyReason(key: ResourceKey): string | undefined {
    return this.#parts.readOnly(key);
  }

  /** Throws `read_only` with the reason where this control plane does not take writes of `key`. */
  refuseIfReadOnly(key: ResourceKey): void {
    const reason = this.readOnlyReason(key);
    if (reason !== undefined) throw new ControlPlaneError('read_only', reason);
  }

  /**
   * Creates or replaces. Answers once this process's own view holds the change, so that whoever rotates a key and
   * then issues a token gets the new key.
   */
  async put(
    key: ResourceKey,
    spec: Spec,
    labels: Record<string, string> = {},
    options: WriteOptions = {},
  ): Promise<WriteResult> {
    this.refuseIfReadOnly(key);
    const previous = await this.#parts.store.get(key);
    const write: Write = { key, previous, next: { spec, labels } };
    const { warnings, spec: normal } = this.#judge(write, parseSpec(key, spec, previous === undefined));
    if (options.dryRun) {
      await this.#requireMesh(this.#parts.store, key);
      return { created: previous === undefined, warnings, revision: this.#parts.view.revision };
    }

    const companions = await this.#companions({ ...write, next: { spec: normal, labels } });
    const { value: created, revision } = await this.#commit(async (tx) => {
      await this.#requireMesh(tx, key);
      options.permit?.(await tx.get(key));
      const isNew = await this.#upsert(tx, key, normal, labels);
      for (const companion of companions) await companion(tx);
      return isNew;
    });
    this.#parts.log.info(created ? 'created' : 'updated', {
      type: key.type,
      mesh: key.mesh,
      name: key.name,
      revision: revision.n,
      ...options.asked,
    });
    return { created, warnings, revision };
  }

  /** Deletes, with everything that belongs to it. */
  async delete(key: ResourceKey, options: WriteOptions = {}): Promise<WriteResult> {
    this.refuseIfReadOnly(key);
    const previous = await this.#parts.store.get(key);
    if (!previous) throw new ControlPlaneError('not_found', `${describe(key)} is not found`);
    const write: Write = { key, previous, next: undefined };
    const { warnings } = this.#judge(write, {});
    const guard = this.#parts.unsafeDelete ? () => Promise.resolve() : refuseIfInUse;
    if (options.dryRun) {
      await guard(this.#parts.store, key);
      return { created: false, warnings, revision: this.#parts.view.revision };
    }

    const companions = await this.#companions(write);
    const { revision } = await this.#commit(async (tx) => {
      options.permit?.(await tx.get(key));
      await guard(tx, key);
      await tx.delete(key);
      await deleteWhatBelongsTo(tx, key);
      for (const companion of companions) await companion(tx);
    });
    const { type, mesh, name } = key;
    this.#parts.log.info('deleted', { type, mesh, name, revision: revision.n, ...options.asked });
    return { created: false, warnings, revision };
  }

  /** For the control plane's own writes (default keys, zones that register): no rules, same read-your-writes. @param fence see {@link ResourceStore} */
  async system<T>(work: InTransactionOf<T>, fence?: number): Promise<T> {
    return (await this.#commit(work, fence)).value;
  }

  /** Creates what must be there from the first start on, with everything that belongs to it; leaves what is there. */
  async ensure(key: ResourceKey, spec: Spec): Promise<void> {
    if (this.#parts.view.get(key)) return;
    const companions = await this.#companions({ key, previous: undefined, next: { spec, labels: {} } });
    await this.system(async (tx) => {
      if (await tx.get(key)) return;
      await this.#upsert(tx, key, spec, {});
      for (const companion of companions) await companion(tx);
    });
  }

  async #commit<T>(work: InTransactionOf<T>, fence?: number): Promise<{ value: T; revision: Revision }> {
    const committed = await this.#parts.store.transaction(work, fence);
    await this.#parts.view.reached(committed.revision);
    return committed;
  }

  #judge(write: Write, spec: Spec): { warnings: string[]; spec: Spec } {
    const next = write.next && { ...write.next, spec };
    const violations: Violation[] = [];
    const warnings: string[] = [];
    let normal = spec;
    for (const hook of this.#parts.hooks) {
      const opinion = hook.validate?.({ ...write, next }) ?? {};
      violations.push(...(opinion.violations ?? []));
      warnings.push(...(opinion.warnings ?? []));
      normal = opinion.spec ?? normal;
    }
    if (violations.length > 0) throw invalid(...violations);
    return { warnings, spec: normal };
  }

  async #companions(write: Write): Promise<InTransaction[]> {
    const companions: InTransaction[] = [];
    for (const hook of this.#parts.hooks) {
      const companion = await hook.accompany?.(write);
      if (companion) companions.push(companion);
    }
    return companions;
  }

  async #requireMesh(tx: Pick<StoreTransaction, 'get'>, key: ResourceKey): Promise<void> {
    if (RESOURCE_TYPES[key.type].scope !== 'mesh') return;
    if (await tx.get({ type: 'Mesh', mesh: '', name: key.mesh })) return;
    throw new ControlPlaneError('not_found', `Mesh "${key.mesh}" is not found`);
  }

  async #upsert(tx: StoreTransaction, key: ResourceKey, spec: Spec, labels: Record<string, string>): Promise<boolean> {
    const stored = await tx.get(key);
    const now = this.#parts.clock.wall();
    const computed = { ...labels, ...this.#labelsOf(key) };
    if (stored) {
      await tx.update({ ...stored, spec, labels: { ...computed, ...originOf(stored) }, modificationTime: now });
    } else {
      await tx.create({ ...key, spec, labels: computed, creationTime: now, modificationTime: now });
    }
    return stored === undefined;
  }

  #labelsOf({ type, mesh }: ResourceKey): Record<string, string> {
    const { zone } = this.#parts;
    const isOwn = zone !== undefined && RESOURCE_TYPES[type].owner === 'zone';
    return {
      ...(mesh === '' ? {} : { [LABEL.mesh]: mesh }),
      ...(isOwn ? { [LABEL.origin]: 'zone', [LABEL.zone]: zone, [LABEL.env]: 'universal' } : {}),
    };
  }
}

type InTransactionOf<T> = (tx: StoreTransaction) => Promise<T>;

function parseSpec(key: ResourceKey, spec: Spec, isNew: boolean): Spec {
  const named = isNew ? checkName(key) : [];
  const parsed = RESOURCE_TYPES[key.type].spec.safeParse(spec);
  const issues = violationsIn(parsed.error);
  if (named.length + issues.length > 0) throw invalid(...named, ...issues);
  return parsed.data ?? {};
}

/** What came from global stays marked so: only its spec and its own labels are a writer's business. */
function originOf(stored: Resource): Record<string, string> {
  return isFromGlobal(stored) ? { [LABEL.origin]: 'global' } : {};
}

/** The mesh that is made at first start, for who wants to begin at once; deleted, it stays away. */
export const DEFAULT_MESH: ResourceKey = { type: 'Mesh', mesh: '', name: 'default' };
