import { AsyncLocalStorage } from 'node:async_hooks';

const current = new AsyncLocalStorage<string>();

/** What a caller may call a request: it ends up in logs, in the store, and on the wire to zones. */
export const REQUEST_ID = /^[\w.:/-]{1,64}$/;

/** Runs `work`, and all that it begins, on behalf of a request: each line that is logged meanwhile has its id. */
export function onBehalfOf<T>(request: string, work: () => T): T {
  return request === '' ? work() : current.run(request, work);
}

/** The id of the request, or of several, that is being served here and now; undefined for what nobody asked for. */
export function requestId(): string | undefined {
  return current.getStore();
}
