import type { Clock, Entropy } from '@koguma/core';
import type { Direction, Lane, Weather } from '@koguma/kds';

export type Cut = 'none' | 'both' | Direction;

const SLOWEST_MESSAGE_MS = 40;
/** How much longer a message of a lane takes that is held up, at most, and for how long a lane is. */
const SLOWEST_HELD_UP_MS = 4_000;
const LONGEST_HOLD_UP_MS = 4_000;
/** How often, and at most how much later, an end hears that a stream is over than the other end. */
const LINGERS = 0.3;
const LONGEST_LINGER_MS = 5_000;

const LANES: readonly Lane[] = ['global-to-zone', 'zone-to-global', 'heartbeat', 'health-check'];

/** What the network between one zone and global does. */
export class ZoneWeather implements Weather {
  readonly #clock: Clock;
  readonly #chance: Entropy;
  readonly #tap: NonNullable<Weather['tap']>;
  #cut: Cut = 'none';
  #cutAt = 0;
  #held: { readonly direction: Direction; readonly lane: Lane; readonly until: number } | undefined;
  #calmFrom = 0;

  constructor(clock: Clock, chance: Entropy, tap: NonNullable<Weather['tap']>) {
    this.#clock = clock;
    this.#chance = chance;
    this.#tap = tap;
  }

  get cut(): Cut {
    return this.#cut;
  }

  /** Since when nothing passes, or everything does again, on `mono`. */
  get cutAt(): number {
    return this.#cutAt;
  }

  /** From when on every message takes its usual time, and all have heard of what is over, on `mono`. */
  get calmFrom(): number {
    return Math.max(this.#calmFrom, this.#cutAt);
  }

  is(cut: Cut): void {
    this.#cut = cut;
    this.#cutAt = this.#clock.mono();
  }

  /** What goes one way in one lane is overtaken by all the rest, for a while. @returns in words */
  holdUp([a, b, c]: readonly [number, number, number]): string {
    const lane = LANES[Math.floor(a * LANES.length)] ?? 'heartbeat';
    const direction = b < 0.5 ? 'to-global' : 'to-zone';
    const until = this.#clock.mono() + c * LONGEST_HOLD_UP_MS;
    this.#held = { lane, direction, until };
    this.#calmFrom = Math.max(this.#calmFrom, until + SLOWEST_HELD_UP_MS);
    return `${lane} ${direction}`;
  }

  delay(direction: Direction, lane: Lane): number {
    const usual = 1 + Math.floor(this.#chance.random() * SLOWEST_MESSAGE_MS);
    const held = this.#held;
    const isHeldUp = held?.lane === lane && held.direction === direction && this.#clock.mono() < held.until;
    return isHeldUp ? usual + Math.floor(this.#chance.random() * SLOWEST_HELD_UP_MS) : usual;
  }

  blocked(direction: Direction): boolean {
    return this.#cut === 'both' || this.#cut === direction;
  }

  linger(_: Direction): number {
    if (this.#chance.random() >= LINGERS) return 0;
    const wait = 1 + Math.floor(this.#chance.random() * LONGEST_LINGER_MS);
    this.#calmFrom = Math.max(this.#calmFrom, this.#clock.mono() + wait);
    return wait;
  }

  tap(direction: Direction, bytes: Uint8Array): void {
    this.#tap(direction, bytes);
  }
}
