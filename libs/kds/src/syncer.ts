import { isKeptLocal, secretRole } from '@koguma/auth';
import type { Clock, Log } from '@koguma/core';
import { ControlPlaneError } from '@koguma/core';
import {
  describe,
  keyText,
  RESOURCE_TYPES,
  type Resource,
  type ResourceManager,
  type ResourceType,
  type StoreTransaction,
  type WriteHook,
} from '@koguma/resources';
import type { DeltaDiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery.js';
import type { Mirror } from './sync-policy.js';
import { type Crossing, decodeResource, parseWireName } from './wire.js';

/** Of one response; a peer decides how many resources it sends, and how long their names are. */
const MOST_LOGGED = 100;
const LONGEST_SHOWN = 300;

/** A resource of a response that this zone did not take, and why. */
export interface Refusal {
  readonly name: string;
  readonly reason: string;
}

interface Parts {
  readonly manager: ResourceManager;
  readonly clock: Clock;
  readonly log: Log;
  /** The rules that people's writes are checked by hold for what global sends, too. */
  readonly checks: readonly WriteHook[];
  /** Whose resources these are. */
  readonly mirror: Mirror;
}

/**
 * Brings this zone's store to what global sends. A response is applied in one transaction, each resource in a
 * savepoint: what cannot be taken keeps its old value, and does not hold up the rest.
 */
export class Syncer {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * @param replace the first response of a type on a stream: whatever the peer does not list any more is deleted
   * @param takeOver what this control plane made itself gives way, too, except what belongs to it alone
   * @returns what was refused; what was applied is in the view by then
   */
  async apply(
    type: ResourceType,
    response: DeltaDiscoveryResponse,
    { replace, takeOver = false }: { replace: boolean; takeOver?: boolean },
  ): Promise<Refusal[]> {
    const owns = (resource: Resource) => this.#parts.mirror.owns(resource) || (takeOver && givesWay(resource));
    const refusals: Refusal[] = [];
    const { wanted, unreadable } = this.#read(type, response, refusals);
    const unread = refusals.length;
    await this.#parts.manager.system(async (tx) => {
      refusals.length = unread; // a store may run this twice, and each refusal is told once
      const mirrored = (await tx.list(type)).filter(owns);
      const present = new Set(mirrored.map(keyText));
      const gone = replace ? mirrored : response.removedResources.map((name) => parseWireName(type, name));
      for (const key of gone) {
        const stays = wanted.has(keyText(key)) || unreadable.has(keyText(key)) || !present.has(keyText(key));
        if (!stays) await tx.delete({ type, mesh: key.mesh, name: key.name });
      }
      for (const crossing of wanted.values()) {
        const refusal = await this.#take(tx, crossing, owns);
        if (refusal !== undefined) refusals.push({ name: describe(crossing.key), reason: refusal });
      }
    });
    for (const { name, reason } of refusals.slice(0, MOST_LOGGED))
      this.#parts.log.warn('refused a resource of a peer', { name, reason });
    if (refusals.length > MOST_LOGGED)
      this.#parts.log.warn('refused more resources of a peer', { type, more: refusals.length - MOST_LOGGED });
    return refusals;
  }

  #read(type: ResourceType, response: DeltaDiscoveryResponse, refusals: Refusal[]) {
    const wanted = new Map<string, Crossing>();
    const unreadable = new Set<string>();
    for (const item of response.resources) {
      try {
        const crossing = decodeResource(type, item);
        wanted.set(keyText(crossing.key), this.#parts.mirror.take(crossing));
      } catch (error) {
        unreadable.add(keyText(parseWireName(type, item.name)));
        refusals.push({ name: JSON.stringify(item.name.slice(0, LONGEST_SHOWN)), reason: (error as Error).message });
      }
    }
    return { wanted, unreadable };
  }

  /** @returns why the resource is not taken; undefined when it is, or was there already */
  async #take(tx: StoreTransaction, crossing: Crossing, owns: Owns): Promise<string | undefined> {
    const stored = await tx.get(crossing.key);
    // First: after a reconnect nearly everything is as it was, and reading every key again is not free.
    if (stored && isSame(stored, crossing) && owns(stored)) return undefined;
    const refusal = this.#objection(crossing, stored, owns);
    if (refusal !== undefined) return refusal;
    const now = this.#parts.clock.wall();
    const { key, spec, labels } = crossing;
    try {
      await tx.savepoint(() =>
        stored
          ? tx.update({ ...stored, spec, labels, modificationTime: now })
          : tx.create({ ...key, spec, labels, creationTime: now, modificationTime: now }),
      );
      return undefined;
    } catch (error) {
      if (error instanceof ControlPlaneError && error.code === 'conflict') return error.message;
      throw error;
    }
  }

  #objection({ key, spec, labels }: Crossing, stored: Resource | undefined, owns: Owns): string | undefined {
    if (isKeptLocal(key)) return 'it belongs to one control plane and must not cross';
    if (stored && !owns(stored)) return 'there is another of that name here: delete it first';
    const parsed = RESOURCE_TYPES[key.type].spec.safeParse(spec);
    if (!parsed.success) return parsed.error.issues.map(({ message }) => message).join('; ');
    const write = { key, previous: stored, next: { spec, labels } };
    const violations = this.#parts.checks.flatMap((hook) => hook.validate?.(write).violations ?? []);
    return violations.length === 0 ? undefined : violations.map(({ field, reason }) => `${field} ${reason}`).join('; ');
  }
}

type Owns = (resource: Resource) => boolean;

/** What a zone that joins a global loses to it: all that the token system reads, but for its users' own. */
function givesWay(resource: Resource): boolean {
  return !isKeptLocal(resource) && (resource.type !== 'GlobalSecret' || secretRole(resource).role !== 'other');
}

function isSame(stored: Resource, { spec, labels }: Crossing): boolean {
  return canonical(stored.spec) === canonical(spec) && canonical(stored.labels) === canonical(labels);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
