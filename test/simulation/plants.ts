import { type Clock, ControlPlaneError } from '@koguma/core';
import type { KdsEndpoint, StreamIn } from '@koguma/kds';
import type { ResourceStore, StoreTransaction } from '@koguma/resources';
import { discoveryResponse } from '../peer/messages.js';
import type { InvariantName } from './invariant-names.js';
import type { Plant } from './nodes.js';
import { bound } from './shared-store.js';

const BEAT_MS = 5_000;

type Request = Parameters<ReturnType<KdsEndpoint['globalToZone']>['message']>[0];

interface Fault extends Plant {
  /** What it breaks. */
  readonly breaks: InvariantName;
}

/** Faults that have been made in systems like this one. The simulation must find each, and say what it breaks. */
export const PLANTS = {
  /** Global puts the key of its users into what it sends. */
  'leaked-user-key': { breaks: 'user-key-stays', endpoint: leaking },
  /** A zone keeps the private half beside the public one. */
  'private-half-kept': {
    breaks: 'zone-key-stays',
    zoneStore: (real) =>
      writingThrough(real, (tx) => ({
        create: async (draft) => {
          const isPublic = draft.name === 'zone-token-signing-public-key-1';
          if (isPublic) await tx.create({ ...draft, name: 'zone-token-signing-key-1' });
          return tx.create(draft);
        },
      })),
  },
  /** A zone writes what a response brings one by one. */
  'torn-apply': {
    breaks: 'whole-states',
    zoneStore: (real) => ({
      ...bound(real),
      transaction: async (work) => {
        const value = await work(oneByOne(real));
        const { revision } = await real.transaction(() => Promise.resolve());
        return { value, revision };
      },
    }),
  },
  /** Global answers before it has read its store: all that a zone shows is gone, as far as it can tell. */
  'early-first-response': { breaks: 'no-way-back', endpoint: answeringTooEarly },
  /** A disk is given commits, and only now and then synced: SQLite with `synchronous=NORMAL`. */
  'unsynced-commits': { breaks: 'acknowledged-kept', syncs: (chance) => chance.random() < 0.3 },
  /** The same on the disks of zones alone. */
  'unsynced-in-zones': {
    breaks: 'revision-grows',
    syncs: (chance, name) => name.startsWith('global') || chance.random() < 0.3,
  },
  /** Something between a zone and its global answers for a global that is not heard any more. */
  'parroted-global': {
    breaks: 'zone-knows-stale',
    dial: (real, clock) => (hello) => {
      const link = real(hello);
      return {
        globalToZone: (receive) => link.globalToZone(receive),
        zoneToGlobal: (receive) => link.zoneToGlobal(receive),
        heartbeat: (receive) => link.heartbeat(repeating(receive, clock)),
        healthCheck: () => link.healthCheck(),
        close: () => link.close(),
      };
    },
  },
  /** The same for a zone that is not heard any more. */
  'parroted-zone': {
    breaks: 'global-knows-stale',
    endpoint: (real, { clock }) => ({
      ...endpointOf(real),
      heartbeat: (hello, send) => {
        let heard = clock.mono();
        const honest: typeof send = {
          send: (report) => send.send({ ...report, unheard: durationOf(clock.mono() - heard) }),
          end: (error) => send.end(error),
        };
        const receive = repeating(real.heartbeat(hello, honest), clock, () => void real.healthCheck(hello));
        const message: typeof receive.message = (report) => {
          heard = clock.mono();
          receive.message(report);
        };
        return { ...receive, message };
      },
    }),
  },
  /** What a zone says that it has applied of the cluster id does not arrive. */
  'unheard-answers': {
    breaks: 'global-shows-online',
    endpoint: (real) => ({
      ...endpointOf(real),
      globalToZone: (hello, send) => {
        const receive = real.globalToZone(hello, send);
        const isAnswer = ({ typeUrl, responseNonce }: Request) => typeUrl === 'Config' && responseNonce !== '';
        return {
          message: (request) => isAnswer(request) || receive.message(request),
          closed: (reason) => receive.closed(reason),
        };
      },
    }),
  },
  /** A zone has the list of the revoked in its store, and not in its memory. */
  'unread-revocation': {
    breaks: 'revoked-refused',
    zoneStore: (real) => ({
      ...bound(real),
      since: async (after) => {
        const feed = await real.since(after);
        return { ...feed, entries: feed.entries.filter(({ key }) => !key.name.includes('revocations')) };
      },
    }),
  },
  /** A zone takes a response and leaves out the list of the revoked, now and then. */
  'skipped-revocation': {
    breaks: 'whole-states',
    zoneStore: (real, chance) =>
      writingThrough(real, (tx) => ({
        update: async (resource) => {
          const stored = resource.name.includes('revocations') ? await tx.get(resource) : undefined;
          return stored && chance.random() < 0.2 ? stored : tx.update(resource);
        },
      })),
  },
  /** A commit does not wake who follows the store, now and then. */
  'lost-wake-up': {
    breaks: 'up-to-date',
    globalStore: (real, chance) => ({
      ...bound(real),
      onCommit: (wake) => real.onCommit(() => chance.random() >= 0.05 && wake()),
    }),
  },
  /** Global takes a good signature for a bad one, now and then. */
  'doubted-on-global': {
    breaks: 'same-verdict',
    crypto: (real, name, chance) => ({
      ...real,
      verify: async (...asked) => (await real.verify(...asked)) && (name !== 'global' || chance.random() < 0.9),
    }),
  },
  /** A zone does, of what it has signed itself. */
  'doubted-in-zones': {
    breaks: 'issued-while-cut',
    crypto: (real, name) => {
      const own = new Set<string>();
      return {
        ...real,
        sign: async (...asked) => {
          const token = await real.sign(...asked);
          if (name !== 'global') own.add(token);
          return token;
        },
        verify: async (token, key) => !own.has(token) && real.verify(token, key),
      };
    },
  },
  /** Global takes a zone for another, and does not let it in again. */
  'locked-out': {
    breaks: 'heals',
    endpoint: (real, { clock }) => ({
      ...endpointOf(real),
      zoneToGlobal: (hello, send) => {
        if (hello.zone === 'west' && clock.mono() > 4 * BEAT_MS) throw new ControlPlaneError('conflict', 'another');
        return real.zoneToGlobal(hello, send);
      },
    }),
  },
  /** Global leaves out changes of proxies, now and then. */
  'skipped-proxies': {
    breaks: 'proxies-on-global',
    globalStore: (real, chance) =>
      writingThrough(real, (tx) => ({
        update: async (resource) => {
          const stored = resource.type === 'Dataplane' ? await tx.get(resource) : undefined;
          return stored && chance.random() < 0.5 ? stored : tx.update(resource);
        },
      })),
  },
} as const satisfies Record<string, Fault>;

export type PlantName = keyof typeof PLANTS;

function durationOf(ms: number) {
  return { seconds: BigInt(Math.floor(ms / 1_000)), nanos: 0 };
}

function writingThrough(
  real: ResourceStore,
  change: (tx: StoreTransaction) => Partial<StoreTransaction>,
): ResourceStore {
  return {
    ...bound(real),
    transaction: (work, fence) =>
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
      }, fence),
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

function endpointOf(real: KdsEndpoint): KdsEndpoint {
  return {
    globalToZone: (hello, send) => real.globalToZone(hello, send),
    zoneToGlobal: (hello, send) => real.zoneToGlobal(hello, send),
    heartbeat: (hello, send) => real.heartbeat(hello, send),
    healthCheck: (hello) => real.healthCheck(hello),
  };
}

/** Says what came last again and again, as long as the stream is there. */
function repeating<M>(receive: StreamIn<M>, clock: Clock, beside: () => void = () => undefined): StreamIn<M> {
  let last: M | undefined;
  let isOver = false;
  const beat = () => {
    if (isOver) return;
    if (last !== undefined) receive.message(last);
    beside();
    clock.after(BEAT_MS, beat);
  };
  clock.after(BEAT_MS, beat);
  return {
    message: (message) => {
      last = message;
      receive.message(message);
    },
    welcomed: (welcome) => receive.welcomed?.(welcome),
    closed: (reason) => {
      isOver = true;
      receive.closed(reason);
    },
  };
}

function leaking(real: KdsEndpoint, { plane }: Parameters<NonNullable<Plant['endpoint']>>[1]): KdsEndpoint {
  return {
    ...endpointOf(real),
    globalToZone: (hello, send) => {
      const systemVersionInfo = plane.auth.keys.latest('user', '')?.key.pem ?? '';
      send.send(discoveryResponse.encode({ typeUrl: 'Unasked', nonce: '1', systemVersionInfo }));
      return real.globalToZone(hello, send);
    },
  };
}

function answeringTooEarly(real: KdsEndpoint): KdsEndpoint {
  return {
    ...endpointOf(real),
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
  };
}
