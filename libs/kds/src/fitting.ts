/** What a response costs beside its resources, and a resource in it beside its name and value; generously. */
const RESPONSE_FRAMING = 512;
const RESOURCE_FRAMING = 160;

/** The bytes that a resource takes in a response. @param value its KumaResource */
export function sizeInResponse(name: string, value: Uint8Array | undefined): number {
  return Buffer.byteLength(name) + (value?.length ?? 0) + RESOURCE_FRAMING;
}

/** The bytes of a response with resources of these sizes. */
export function sizeOfResponse(sizes: Iterable<number>): number {
  return [...sizes].reduce((sum, size) => sum + size, RESPONSE_FRAMING);
}

/**
 * A first response holds all of a type in one message, so not all may fit.
 * @param sizes by name
 * @returns the names of what must stay for the rest to fit into `limit` bytes: the biggest, since keys are small
 */
export function beyond(limit: number, sizes: ReadonlyMap<string, number>): Set<string> {
  const out = new Set<string>();
  let total = sizeOfResponse(sizes.values());
  if (total <= limit) return out;
  for (const [name, size] of [...sizes].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))) {
    if (total <= limit) break;
    out.add(name);
    total -= size;
  }
  return out;
}
