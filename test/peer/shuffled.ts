/** The same elements in an order that the seed decides, as Go's maps would give them in any. */
export function shuffled<T>(elements: readonly T[], seed: number): T[] {
  let state = seed;
  const next = () => {
    // mulberry32
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const order = elements.map((element) => ({ element, rank: next() }));
  return order.sort((a, b) => a.rank - b.rank).map(({ element }) => element);
}
