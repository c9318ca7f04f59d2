import type { KdsEndpoint } from '@koguma/kds';
import type { ResourceStore, StoreTransaction } from '@koguma/resources';
import { discoveryResponse } from '../peer/messages.js';
import { bound, type Plant } from './world.js';

/** Faults that have been made in systems like this one. The simulation must find each. */
export const PLANTS = {
  /** A zone takes a response and leaves out the list of the revoked, now and then. */
  'skipped-revocation': {
    zoneStore: (real, chance) =>
      writingThrough(real, (tx) => ({
        ...tx,
        update: async (resource) => {
          const stored = resource.name.includes('revocations') ? await tx.get(resource) : undefined;
          return stored && chance.random() < 0.2 ? stored : tx.update(resource);
        },
      })),
  },
  /** Global answers before it has read its store: all that a zone shows is gone, as far as it can tell. */
  'early-first-response': { endpoint: answeringTooEarly },
  /** A commit does not wake who follows the store, now and then. */
  'lost-wake-up': {
    globalStore: (real, chance) => ({
      ...bound(real),
      onCommit: (wake) => real.onCommit(() => chance.random() >= 0.05 && wake()),
    }),
  },
  /** A zone writes what a response brings one by one. */
  'torn-apply': {
    zoneStore: (real) => ({
      ...bound(real),
      transaction: async (work) => {
        const value = await work(oneByOne(real));
        const { revision } = await real.transaction(() => Promise.resolve());
        return { value, revision };
      },
    }),
  },
} as const satisfies Record<string, Plant>;

export type PlantName = keyof typeof PLANTS;

function writingThrough(
  real: ResourceStore,
  change: (tx: StoreTransaction) => Partial<StoreTransaction>,
): ResourceStore {
  return {
    ...bound(real),
    transaction: (work) =>
      real.transaction((tx) => {
        const methods: StoreTransaction = {
          get: (key) => tx.get(key),
          list: (type, mesh) => tx.list(type, mesh),
          create: (draft) => tx.create(draft),
          update: (resource) => tx.update(resource),
          delete: (key) => tx.delete(key),
          savepoint: (part) => tx.savepoint(part),
        };
        return work({ ...methods, ...change(methods) });
      }),
  };
}

function oneByOne(real: ResourceStore): StoreTransaction {
  return {
    get: (key) => real.get(key),
    list: async (type, mesh) => real.list(type, mesh),
    create: async (draft) => (await real.transaction((tx) => tx.create(draft))).value,
    update: async (resource) => (await real.transaction((tx) => tx.update(resource))).value,
    delete: async (key) => (await real.transaction((tx) => tx.delete(key))).value,
    savepoint: (part) => part(),
  };
}

function answeringTooEarly(real: KdsEndpoint): KdsEndpoint {
  return {
    globalToZone: (hello, send) => {
      const receive = real.globalToZone(hello, send);
      return {
        message: (request) => {
          const removedResources = Object.keys(request.initialResourceVersions);
          const { typeUrl } = request;
          const early = { typeUrl, nonce: `${typeUrl}@0`, removedResources, controlPlane: { identifier: 'global' } };
          if (removedResources.length > 0) send.send(discoveryResponse.encode(early));
          receive.message(request);
        },
        closed: (reason) => receive.closed(reason),
      };
    },
    zoneToGlobal: (hello, send) => real.zoneToGlobal(hello, send),
    heartbeat: (hello, send) => real.heartbeat(hello, send),
    healthCheck: (hello) => real.healthCheck(hello),
  };
}
