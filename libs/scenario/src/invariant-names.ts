/** What must hold at every moment of a scenario, by name. */
export const INVARIANTS = [
  'revoked-not-accepted',
  'revoked-not-connected',
  'issued-verifies-everywhere',
  'one-kid-one-key',
  'zone-list-superset',
  'no-private-zone-key-in-zone',
  'user-key-stays-home',
  'no-orphan-stream',
  'stale-is-visible',
] as const;

export type InvariantName = (typeof INVARIANTS)[number];
