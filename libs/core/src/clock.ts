/** Stops what it was returned for; calling it again does nothing. */
export type Cancel = () => void;

/**
 * Time, injected. Two readings, since they answer different questions:
 * `wall` is what a token's `exp` is compared with: it may jump, be skewed or run fast in a lab;
 * `mono` only ever grows and is what delays are measured with.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  wall(): number;
  /** Milliseconds since an arbitrary start. */
  mono(): number;
  /** Runs once after `ms` of `mono` time, never earlier. Delays beyond what a timer can hold are fine. */
  after(ms: number, run: () => void): Cancel;
  /**
   * Runs once when `wall` shows `wallMs`, also when it gets there by a jump; soon when that is past. Real time is looked
   * at twice a second, since nothing tells of its jumps.
   */
  at(wallMs: number, run: () => void): Cancel;
}

/** Resolves after `ms`, or at once when the signal ends; never rejects, so the caller checks its signal. */
export function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const wake = () => {
      cancel();
      signal.removeEventListener('abort', wake);
      resolve();
    };
    const cancel = clock.after(ms, wake);
    signal.addEventListener('abort', wake, { once: true });
  });
}

/** Whole seconds of `wall`, as JWT times are written (RFC 7519, NumericDate). */
export function epochSeconds(clock: Clock): number {
  return Math.floor(clock.wall() / 1000);
}
