import { describe, expect, it } from 'vitest';
import { simulate } from './play.js';

/** The seeds are in two files, so that two cores share them. */
export function expectSeedsToHold(from: number, count: number): void {
  describe(`seeds ${from} to ${from + count - 1}`, () => {
    it('keep every promise through writes, rotations, cuts, crashes and restarts, and heal', async () => {
      const sum = { events: 0, checks: 0, issuedWhileCut: 0 };
      for (let seed = from; seed < from + count; seed++) {
        const { events, checks, issuedWhileCut, failure } = await simulate(seed);
        expect(failure, `npm run simulate -- --seed ${seed}`).toBeUndefined();
        sum.events += events;
        sum.checks += checks;
        sum.issuedWhileCut += issuedWhileCut;
      }
      console.log(`${count} seeds: ${sum.events} events, ${sum.checks} checks`);
      expect(sum.issuedWhileCut, 'a zone that was cut off issued, and another check there accepted it').toBeGreaterThan(
        0,
      );
    });
  });
}
