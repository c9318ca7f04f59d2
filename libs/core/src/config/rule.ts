import type { Reading } from './read.js';
import type { Config, Path, SETTINGS } from './settings.js';
import type { Role } from './table.js';

/** What settings must be together, beyond what each must be alone. */
export type Rule = (config: Config, role: Role, reading: Reading<typeof SETTINGS>) => void;

/** Refuses the one of two settings that has a value where the other has none. */
export function bothOrNone(reading: Reading<typeof SETTINGS>, ...[one, other]: [Given, Given]): void {
  if ((one.value === '') === (other.value === '')) return;
  const [given, missing] = one.value === '' ? [other, one] : [one, other];
  reading.refuse(`which is of no use alone: set ${reading.nameOf(missing.path)} too`, given.path, missing.path);
}

interface Given {
  readonly path: Path;
  readonly value: string;
}
