import { SeededEntropy, SILENT, VirtualClock } from '@koguma/core';
import { expect } from 'vitest';
import { ResourceManager, type WriteHook } from './manager.js';
import { MemoryStore } from './memory-store.js';
import type { ResourceKey } from './resource.js';
import { ResourceView } from './view.js';

export const MESH: ResourceKey = { type: 'Mesh', mesh: '', name: 'default' };
export const GLOBAL_SECRET: ResourceKey = { type: 'GlobalSecret', mesh: '', name: 'one' };
export const DATA = { data: 'b25l' };
/** What is written to the name `synced` is refused with this. */
export const REASON = 'this is written on global';

/** A manager on a memory store. Its view is loaded, and follows the store once it is told to. */
export async function managerUnderTest() {
  const clock = new VirtualClock();
  const store = new MemoryStore(new SeededEntropy(1).uuid());
  const view = new ResourceView({ store, clock, log: SILENT });
  const hooks: WriteHook[] = [];
  const readOnly = (key: ResourceKey) => (key.name === 'synced' ? REASON : undefined);
  const parts = { store, view, clock, log: SILENT, readOnly, hooks };
  const stopping = new AbortController();
  let running = Promise.resolve();
  await view.load();
  return {
    clock,
    store,
    view,
    hooks,
    manager: new ResourceManager({ ...parts, unsafeDelete: false }),
    unsafe: new ResourceManager({ ...parts, unsafeDelete: true }),
    follow: () => {
      running = view.run(stopping.signal);
    },
    stop: () => {
      stopping.abort();
      return running;
    },
  };
}

export type ManagerUnderTest = Awaited<ReturnType<typeof managerUnderTest>>;

/** How a refusal that names these fields looks. */
export function violations(...fields: string[]): object {
  return { code: 'invalid', violations: fields.map((field) => expect.objectContaining({ field })) };
}
