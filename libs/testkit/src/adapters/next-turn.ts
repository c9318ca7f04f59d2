/** Resolves in the next turn of the event loop, when what sockets had to tell was told. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
