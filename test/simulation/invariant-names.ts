/** What holds in every run, by name. Each has a fault in `plants.ts` that breaks it. */
export const INVARIANTS = {
  'user-key-stays': 'no key of users is ever on a link',
  'zone-key-stays': 'no zone has a private zone key',
  'whole-states': 'what a zone has of global is what global had at one moment',
  'no-way-back': 'a zone never has again what it had left behind',
  'acknowledged-kept': 'what was acknowledged is there',
  'revision-grows': 'the revision of a control plane does not go back',
  'zone-knows-stale': 'a zone that is cut off knows that what it has is old',
  'global-knows-stale': 'global knows that what a zone has that is cut off is old',
  'global-shows-online': 'a zone that is in sync is shown as online by every global',
  'revoked-refused': 'a zone in good health refuses what was revoked longer ago than the bound',
  'up-to-date': 'a zone in good health has all that global wrote for it longer ago than the bound',
  'same-verdict': 'a zone in good health and global say the same of a token',
  'issued-while-cut': 'a token that a zone issued while it was cut off is accepted there',
  heals: 'once all works again, every zone comes into sync',
  'proxies-on-global': 'once all works again, global has the dataplanes of every zone as they are there',
} as const;

export type InvariantName = keyof typeof INVARIANTS;
