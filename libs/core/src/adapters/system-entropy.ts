import { randomUUID } from 'node:crypto';
import type { Entropy } from '../entropy.js';

/** The machine's own chance: UUIDs from the system's secure generator. */
export const systemEntropy: Entropy = {
  uuid: () => randomUUID(),
  random: () => Math.random(),
};
