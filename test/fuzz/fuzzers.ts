import { kdsFuzzer } from './kds.js';
import { restFuzzer } from './rest.js';
import { tokenFuzzer } from './tokens.js';

/** By the names that the command has for them. */
export const FUZZERS = { token: tokenFuzzer, kds: kdsFuzzer, rest: restFuzzer } as const;

export type FuzzerName = keyof typeof FUZZERS;
