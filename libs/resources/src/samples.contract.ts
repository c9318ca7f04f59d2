import { ControlPlaneError, type ErrorCode } from '@koguma/core';
import { expect } from 'vitest';
import type { Draft, Resource, Spec } from './resource.js';
import type { ResourceStore } from './store.js';

/** A store under test, and how it comes back. */
export interface StoreUnderTest {
  /** The one that is open now. */
  readonly store: ResourceStore;
  /** Closes the store and opens what it kept. */
  reopen(): Promise<ResourceStore>;
  /** Closes the store, loses all that it kept, and opens it again. */
  wipe(): Promise<ResourceStore>;
}

/** Opens an empty store. */
export type OpenStore = (options?: { readonly logLimit?: number }) => Promise<StoreUnderTest>;

export function secret(name: string, mesh = 'default', spec: Spec = { data: 'b25l' }): Draft {
  const labels = { 'kuma.io/mesh': mesh };
  return {
    type: 'Secret',
    mesh,
    name,
    spec,
    labels,
    creationTime: 1_700_000_000_000,
    modificationTime: 1_700_000_000_001,
  };
}

export function insight(name: string): Draft {
  return { type: 'ZoneInsight', mesh: '', name, spec: {}, labels: {}, creationTime: 1, modificationTime: 1 };
}

export async function create(store: ResourceStore, draft: Draft): Promise<Resource> {
  return (await store.transaction((tx) => tx.create(draft))).value;
}

export function refusal(code: ErrorCode, message: string): unknown {
  return expect.objectContaining({ code, message, name: ControlPlaneError.name });
}
