import type { Cancel, Clock } from './clock.js';
import { invalid } from './errors.js';

interface Alarm {
  readonly wallMs: number;
  readonly run: () => void;
  /** Takes it off the clock beneath. */
  cancel: Cancel;
}

/**
 * Another clock, whose `wall` can be moved, and made to run faster or slower; `mono`, and the delays measured with it,
 * stay those of the clock beneath. Over the system's clock it moves the time of a process that runs; over a virtual one it is the
 * skew of one node.
 */
export class ShiftableClock implements Clock {
  readonly #beneath: Clock;
  /** What `wall` showed when the clock beneath showed `#since`. */
  #shown: number;
  #since: number;
  #speed = 1;
  readonly #alarms = new Set<Alarm>();

  constructor(beneath: Clock) {
    this.#beneath = beneath;
    this.#since = beneath.wall();
    this.#shown = this.#since;
  }

  wall(): number {
    return this.#shown + (this.#beneath.wall() - this.#since) * this.#speed;
  }

  mono(): number {
    return this.#beneath.mono();
  }

  after(ms: number, run: () => void): Cancel {
    return this.#beneath.after(ms, run);
  }

  at(wallMs: number, run: () => void): Cancel {
    const alarm: Alarm = { wallMs, run, cancel: () => undefined };
    this.#alarms.add(alarm);
    this.#arm(alarm);
    return () => {
      this.#alarms.delete(alarm);
      alarm.cancel();
    };
  }

  /** By how much `wall` is ahead of the clock beneath, in ms; negative when it is behind. */
  get offset(): number {
    return this.wall() - this.#beneath.wall();
  }

  /** How many of its seconds pass in one of the clock beneath. */
  get speed(): number {
    return this.#speed;
  }

  /** Moves `wall` forwards, or back when negative. What waits for a time that is passed by runs soon, in order. */
  shift(ms: number): void {
    if (!Number.isFinite(ms)) throw invalid({ field: 'offset', reason: 'must be a number of milliseconds' });
    this.#restart(this.wall() + ms, this.#speed);
  }

  /**
   * Makes `wall` run faster or slower from now on.
   * @throws ControlPlaneError `invalid` for a speed that would stop it, or turn it around
   */
  pace(speed: number): void {
    if (!(Number.isFinite(speed) && speed > 0)) {
      const reason =
        'must be a number above 0: the sockets and delays of what runs would go on while its time stands still';
      throw invalid({ field: 'speed', reason });
    }
    this.#restart(this.wall(), speed);
  }

  #restart(shown: number, speed: number): void {
    this.#shown = shown;
    this.#since = this.#beneath.wall();
    this.#speed = speed;
    const alarms = [...this.#alarms].sort((a, b) => a.wallMs - b.wallMs);
    for (const alarm of alarms) alarm.cancel();
    for (const alarm of alarms) this.#arm(alarm);
  }

  #arm(alarm: Alarm): void {
    const due = this.#since + (alarm.wallMs - this.#shown) / this.#speed;
    alarm.cancel = this.#beneath.at(due, () => {
      this.#alarms.delete(alarm);
      alarm.run();
    });
  }
}
