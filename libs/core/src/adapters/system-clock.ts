import type { Cancel, Clock } from '../clock.js';

/** Node fires a timer beyond 2^31 ms at once, so long waits are walked in days. */
const LONGEST_TIMER_MS = 24 * 3_600_000;

/** A jump of the wall clock is noticed this late at most. */
const LONGEST_BLIND_MS = 500;

/** The machine's own time. */
export const systemClock: Clock = {
  wall: () => Date.now(),
  mono: () => performance.now(),
  after(ms: number, run: () => void): Cancel {
    const due = performance.now() + ms;
    let timer: NodeJS.Timeout;
    const arm = () => {
      const left = due - performance.now();
      timer = left > LONGEST_TIMER_MS ? setTimeout(arm, LONGEST_TIMER_MS) : setTimeout(fire, Math.max(0, left));
    };
    // Node drops fractions of a millisecond, so a timer may come a moment early.
    const fire = () => (performance.now() < due ? arm() : run());
    arm();
    return () => clearTimeout(timer);
  },
  at(wallMs: number, run: () => void): Cancel {
    let timer: NodeJS.Timeout;
    const arm = () => {
      const left = wallMs - Date.now();
      timer = left > LONGEST_BLIND_MS ? setTimeout(arm, LONGEST_BLIND_MS) : setTimeout(fire, Math.max(0, left));
    };
    // A timer may come a moment early.
    const fire = () => (Date.now() < wallMs ? arm() : run());
    arm();
    return () => clearTimeout(timer);
  },
};

/** RFC 3339 in UTC, as Kuma writes times: `2026-01-02T03:04:05Z` (with milliseconds only when there are some). */
export function rfc3339(wallMs: number): string {
  return new Date(wallMs).toISOString().replace('.000Z', 'Z');
}

/** The inverse of {@link rfc3339}: milliseconds since the epoch, or undefined for text that is not a time. */
export function parseRfc3339(text: string): number | undefined {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
