import { type Clock, ControlPlaneError } from '@koguma/core';
import { type KdsEndpoint, type StreamIn, type StreamOut, WELCOME } from './link.js';

export type Direction = 'to-global' | 'to-zone';

/** What crosses independently of the rest: streams keep their own order, and calls have none. */
export type Lane = 'global-to-zone' | 'zone-to-global' | 'heartbeat' | 'health-check';

/** What a network between two control planes in one process does to bytes. */
export interface Weather {
  /** Milliseconds until the next message arrives; asked for each message. Within a lane order is kept. */
  delay(direction: Direction, lane: Lane): number;
  /** True when nothing passes in that direction; the sender does not notice. */
  blocked(direction: Direction): boolean;
  /**
   * Milliseconds until the end at which that direction arrives hears that a stream is over; asked for each end that is
   * to hear it. What is on its way to it arrives meanwhile. Left out: at once.
   */
  linger?(direction: Direction): number;
  /** Sees the bytes of every message that crosses. */
  tap?(direction: Direction, bytes: Uint8Array): void;
}

/** How messages of one direction are written, and read at the other end. */
export interface Codec<Written, Read = Written> {
  encode(message: Written): Uint8Array;
  decode(bytes: Uint8Array): Read;
}

/** How a stream is written and read, and who receives at the zone's end. */
export interface Ends<Up, UpRead, Down, DownRead> {
  readonly up: Codec<Up, UpRead>;
  readonly down: Codec<Down, DownRead>;
  readonly zone: StreamIn<DownRead>;
}

interface PipeParts<Up, UpRead, Down, DownRead> extends Ends<Up, UpRead, Down, DownRead> {
  readonly clock: Clock;
  readonly weather: Weather;
  readonly lane: Lane;
  readonly over: () => void;
}

const BACK: Readonly<Record<Direction, Direction>> = { 'to-global': 'to-zone', 'to-zone': 'to-global' };

/** One stream, in both directions: what is written on one side, and what is read of it on the other. */
export class Pipe<Up, UpRead, Down, DownRead> {
  readonly fromZone: StreamOut<Up>;
  readonly fromGlobal: StreamOut<Down>;
  readonly #parts: PipeParts<Up, UpRead, Down, DownRead>;
  #global: StreamIn<UpRead> | undefined;
  #endpoint: KdsEndpoint | undefined;
  #early: UpRead[] = [];
  /** When the last message of each direction arrives: order is kept. */
  readonly #free: Record<Direction, number> = { 'to-global': 0, 'to-zone': 0 };
  /** Which end, by what arrives there, has ended the stream or heard that it is over: it sends and hears nothing more. */
  readonly #left: Record<Direction, boolean> = { 'to-global': false, 'to-zone': false };
  #broken = false;

  constructor(parts: PipeParts<Up, UpRead, Down, DownRead>) {
    this.#parts = parts;
    this.fromZone = {
      send: this.#sending('to-global', parts.up, (message) => this.#toGlobal(message)),
      end: () => this.#end('to-global', () => this.#global?.closed(undefined)),
    };
    this.fromGlobal = {
      send: this.#sending('to-zone', parts.down, (message) => parts.zone.message(message)),
      end: (error) => this.#end('to-zone', () => parts.zone.closed(error)),
    };
  }

  get global(): KdsEndpoint | undefined {
    return this.#endpoint;
  }

  /** The stream is at global: it says what it is, takes the stream, and then what came before. */
  arrive(endpoint: KdsEndpoint, accept: (send: StreamOut<Down>) => StreamIn<UpRead>): void {
    this.#endpoint = endpoint;
    if (this.#broken || this.#left['to-global']) return;
    this.#travel('to-zone', () => this.#parts.zone.welcomed?.(WELCOME));
    this.#global = accept(this.fromGlobal);
    for (const message of this.#early.splice(0)) this.#global.message(message);
  }

  reset(why: string): void {
    if (this.#broken) return;
    this.#broken = true;
    const { weather, clock, zone } = this.#parts;
    const reason = new ControlPlaneError('unavailable', why);
    const hear = (direction: Direction, tell: () => void) => {
      const wait = weather.linger?.(direction) ?? 0;
      if (wait > 0) clock.after(wait, () => this.#leave(direction) && tell());
      else if (this.#leave(direction)) tell();
    };
    hear('to-zone', () => zone.closed(reason));
    hear('to-global', () => this.#global?.closed(reason));
  }

  #sending<W, R>(direction: Direction, codec: Codec<W, R>, deliver: (message: R) => void): (message: W) => void {
    return (message) => {
      if (this.#broken || this.#left[BACK[direction]]) return;
      const bytes = codec.encode(message);
      this.#parts.weather.tap?.(direction, bytes);
      this.#travel(direction, () => deliver(codec.decode(bytes)));
    };
  }

  #travel(
    direction: Direction,
    arrive: () => void,
    delay = this.#parts.weather.delay(direction, this.#parts.lane),
  ): void {
    const { clock, weather } = this.#parts;
    const due = Math.max(this.#free[direction], clock.mono() + delay);
    this.#free[direction] = due;
    clock.after(due - clock.mono(), () => {
      if (!this.#left[direction] && !weather.blocked(direction)) arrive();
    });
  }

  #toGlobal(message: UpRead): void {
    if (this.#global) this.#global.message(message);
    else this.#early.push(message);
  }

  /** One end ends the stream, and the other hears of it if it can: behind what was sent before, where that takes time. */
  #end(direction: Direction, tell: () => void): void {
    if (!this.#leave(BACK[direction]) || this.#broken) return;
    const { weather } = this.#parts;
    const told = () => this.#leave(direction) && tell();
    const wait = weather.linger?.(direction) ?? 0;
    if (wait > 0) this.#travel(direction, told, wait);
    else if (!weather.blocked(direction)) told();
  }

  /** @returns false when that end has left before */
  #leave(end: Direction): boolean {
    if (this.#left[end]) return false;
    this.#left[end] = true;
    if (this.#left[BACK[end]]) this.#parts.over();
    return true;
  }
}
