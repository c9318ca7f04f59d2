import { expect, it } from 'vitest';
import { systemClock } from './system-clock.js';

it('never calls earlier than it was told to, also by a fraction of a millisecond', async () => {
  const early = (ms: number) =>
    new Promise<boolean>((resolve) => {
      const due = systemClock.mono() + ms;
      systemClock.after(ms, () => resolve(systemClock.mono() < due));
    });
  const waits = Array.from({ length: 200 }, (_, nth) => 1 + nth / 9.7);
  expect(await Promise.all(waits.map(early))).toEqual(waits.map(() => false));
});
