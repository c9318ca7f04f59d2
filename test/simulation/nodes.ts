import type { TokenCrypto } from '@koguma/auth';
import type { Clock, Entropy } from '@koguma/core';
import type { Global } from '@koguma/global-cp';
import type { Dial, KdsEndpoint, MemoryNetwork } from '@koguma/kds';
import type { ResourceStore } from '@koguma/resources';
import type { Zone } from '@koguma/zone-cp';
import type { Disk } from './disk.js';
import type { Life } from './life.js';
import type { ZoneWeather } from './weather.js';

/** A fault put in on purpose, to see whether the simulation finds it. */
export interface Plant {
  readonly globalStore?: (real: ResourceStore, chance: Entropy) => ResourceStore;
  readonly zoneStore?: (real: ResourceStore, chance: Entropy) => ResourceStore;
  /** Whether a commit is synced before it is answered. */
  readonly syncs?: (chance: Entropy, name: string) => boolean;
  readonly endpoint?: (real: KdsEndpoint, parts: { readonly clock: Clock; readonly plane: Global }) => KdsEndpoint;
  readonly dial?: (real: Dial, clock: Clock) => Dial;
  readonly crypto?: (real: TokenCrypto, name: string, chance: Entropy) => TokenCrypto;
}

interface Node {
  readonly name: string;
  life: Life | undefined;
}

/** A global control plane, or a replica of one. */
export interface GlobalNode extends Node {
  readonly store: ResourceStore;
  /** Its own disk; replicas have a database on another machine. */
  readonly disk: Disk | undefined;
  running: { readonly plane: Global; readonly endpoint: KdsEndpoint } | undefined;
}

export interface ZoneNode extends Node {
  readonly network: MemoryNetwork;
  readonly weather: ZoneWeather;
  store: ResourceStore;
  disk: Disk;
  running: Zone | undefined;
  /** Since when it is in sync, on `mono`; undefined while it is not. */
  inSyncSince: number | undefined;
  /** Whether it is led to a global of others. */
  astray: boolean;
}

/** Since when a zone is in sync over a network in good order, on `mono`; undefined while it is not. */
export function healthySince({ inSyncSince, weather }: ZoneNode): number | undefined {
  if (inSyncSince === undefined || weather.cut !== 'none') return undefined;
  return Math.max(inSyncSince, weather.calmFrom);
}
