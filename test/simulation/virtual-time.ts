import type { VirtualClock } from '@koguma/core';
import type { Life } from './life.js';

/** How much virtual time a call may take before its caller gives up. */
const PATIENCE_MS = 30_000;

/** Lets virtual time pass: every deadline in order, and all that follows from each before the next. */
export async function pass(clock: VirtualClock, ms: number): Promise<void> {
  const until = clock.mono() + ms;
  await settle();
  while (clock.step(until)) await settle();
  clock.moveTo(until);
}

/**
 * Waits for work that may need virtual time to pass.
 * @returns undefined when who does it died, or when its caller lost patience: then nobody knows what became of it
 */
export async function settled<T>(clock: VirtualClock, life: Life, work: Promise<T>): Promise<T | undefined> {
  let outcome: { readonly value: T } | { readonly error: unknown } | undefined;
  work.then(
    (value) => (outcome = { value }),
    (error: unknown) => (outcome = { error }),
  );
  const limit = clock.mono() + PATIENCE_MS;
  await settle();
  while (!outcome && life.alive && clock.step(limit)) await settle();
  if (!outcome) return undefined;
  if ('error' in outcome) throw outcome.error;
  return outcome.value;
}

/** Everything that can happen without time passing has happened: microtasks, and what they start. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
