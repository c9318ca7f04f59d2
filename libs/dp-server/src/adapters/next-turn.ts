/** Runs in a later turn of the event loop. */
export function nextTurn(run: () => void): void {
  setImmediate(run);
}
