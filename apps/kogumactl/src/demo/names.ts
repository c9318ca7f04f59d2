/** The demos, each with what it shows. */
export const DEMOS = {
  'key-sync': 'which keys cross to the zones, in which form, and which do not',
  outage: 'global dies, and zones go on issuing and checking tokens',
  revocation: 'a revocation reaches one zone, and not the one that is cut off',
  rotation: 'a key that is rotated by hand while a zone lags, and one that is rotated in phases',
  'time-travel': 'tokens expire, and clocks disagree',
} as const;

/** Which demos there are. */
export type DemoName = keyof typeof DEMOS;
