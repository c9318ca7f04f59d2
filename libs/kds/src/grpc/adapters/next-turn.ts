/** Runs in a later turn of the event loop, when no callback of a socket is under way. */
export function nextTurn(run: () => void): void {
  setImmediate(run);
}
