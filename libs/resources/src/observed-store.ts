import { type Observer, UNOBSERVED } from '@koguma/core';
import type { ResourceStore } from './store.js';

/** The same store, whose reads and writes are steps that somebody watches. */
export function observedStore(store: ResourceStore, observer: Observer): ResourceStore {
  if (observer === UNOBSERVED) return store;
  const read = <T>(operation: string, work: () => Promise<T>) => observer.step('store read', { operation }, work);
  return {
    get shared() {
      return store.shared;
    },
    get lease() {
      return store.lease;
    },
    get: (key) => read('get', () => store.get(key)),
    list: (type, mesh) => read('list', () => store.list(type, mesh)),
    since: (after) => read('since', () => store.since(after)),
    transaction: (work, fence) =>
      observer.step('store write', { operation: 'transaction' }, async (tell) => {
        const committed = await store.transaction(work, fence);
        tell({ revision: committed.revision.n });
        return committed;
      }),
    onCommit: (wake) => store.onCommit(wake),
    close: () => store.close(),
  };
}
