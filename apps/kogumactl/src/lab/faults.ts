import { FaultyWire, rfc3339, ShiftableClock, systemClock, systemEntropy, WHOLE_WIRE } from '@koguma/core';
import { Failure } from '../failure.js';
import type { ClockOrder, ControlPlaneOrder, LinkOrder } from './fault-spec.js';
import type { Plan } from './topology.js';

/** What the board does to control planes: a supervisor. */
export interface Hands {
  kill(name: string): Promise<void>;
  stop(name: string): Promise<void>;
  start(name: string, timeoutMs: number): Promise<void>;
  /** Whether a process of it runs. */
  isUp(name: string): boolean;
  /** Empties the store of one that does not run. */
  wipe(name: string): void;
  /** Tells the process, if there is one, what time it is. */
  setClock(name: string, setting: { readonly offsetMs: number; readonly speed: number }): void;
}

/** What is wrong in a lab now, on purpose. Times are RFC 3339. */
export interface FaultList {
  readonly links: readonly { readonly zone: string; readonly fault: string; readonly until: string }[];
  readonly controlPlanes: readonly { readonly name: string; readonly fault: string; readonly until: string }[];
  readonly clocks: readonly {
    readonly name: string;
    readonly offsetMs: number;
    readonly speed: number;
    readonly until: string;
  }[];
}

interface Current {
  readonly told: string;
  readonly until: number;
  readonly timer: NodeJS.Timeout;
}

/** Who is meant by all. */
const EVERYBODY = '*';
const START_WITHIN_MS = 60_000;

/** The faults of one lab: on the wires between zones and global, of control planes, and of their clocks. Each ends by itself. */
export class Faults {
  readonly #plans: readonly Plan[];
  readonly #hands: Hands;
  readonly #wires = new Map<string, FaultyWire>();
  readonly #clocks = new Map<string, ShiftableClock>();
  /** By `link east`, `control plane east`, `clock east`. */
  readonly #current = new Map<string, Current>();

  constructor(plans: readonly Plan[], hands: Hands) {
    this.#plans = plans;
    this.#hands = hands;
  }

  /** Opens the wire of each zone, by which it reaches global. */
  async open(kdsPort: number): Promise<void> {
    for (const { name, wirePort } of this.#plans) {
      if (wirePort === undefined) continue;
      const to = () => ({ host: 'localhost', port: kdsPort });
      this.#wires.set(name, await FaultyWire.open({ to, entropy: systemEntropy, port: wirePort }));
    }
  }

  async close(): Promise<void> {
    for (const { timer } of this.#current.values()) clearTimeout(timer);
    await Promise.all([...this.#wires.values()].map((wire) => wire.close()));
  }

  list(): FaultList {
    const of = (what: string) =>
      [...this.#current].flatMap(([key, { told, until }]) =>
        key.startsWith(`${what} `) ? [{ name: key.slice(what.length + 1), fault: told, until: rfc3339(until) }] : [],
      );
    return {
      links: of('link').map(({ name: zone, ...rest }) => ({ zone, ...rest })),
      controlPlanes: of('control plane'),
      clocks: of('clock').map(({ name, until }) => ({ name, ...this.clockOf(name), until })),
    };
  }

  /** @param zone a zone, or `*` for all of them */
  setLink(zone: string, { wire, told, ttlMs }: LinkOrder): void {
    for (const name of this.#zones(zone)) {
      this.#wires.get(name)?.set(wire);
      this.#keep(`link ${name}`, told, ttlMs, () => this.resetLink(name));
    }
  }

  resetLink(zone: string): void {
    for (const name of this.#zones(zone)) {
      this.#forget(`link ${name}`);
      this.#wires.get(name)?.set(WHOLE_WIRE);
    }
  }

  /** A crash lasts until its time is over; a restart is over when it is done. */
  async setControlPlane(who: string, { what, wipes, ttlMs }: ControlPlaneOrder): Promise<void> {
    for (const name of this.#names(who)) {
      if (what === 'crash') {
        if (this.#hands.isUp(name)) await this.#hands.kill(name);
        if (wipes) this.#hands.wipe(name);
        this.#keep(
          `control plane ${name}`,
          wipes ? 'crash, with an empty store' : 'crash',
          ttlMs,
          () => void this.resetControlPlane(name).catch(() => undefined),
        );
      } else {
        this.#forget(`control plane ${name}`);
        if (this.#hands.isUp(name)) await this.#hands.stop(name);
        if (wipes) this.#hands.wipe(name);
        await this.#hands.start(name, START_WITHIN_MS);
      }
    }
  }

  /** Starts again what crashed; what was stopped otherwise stays as it is. */
  async resetControlPlane(who: string): Promise<void> {
    for (const name of this.#names(who)) {
      if (!this.#forget(`control plane ${name}`) || this.#hands.isUp(name)) continue;
      await this.#hands.start(name, START_WITHIN_MS);
    }
  }

  setClock(who: string, { offsetMs, speed, ttlMs }: ClockOrder): void {
    for (const name of this.#names(who)) {
      const clock = this.#clocks.get(name) ?? new ShiftableClock(systemClock);
      this.#clocks.set(name, clock);
      if (offsetMs !== undefined) clock.shift(offsetMs - clock.offset);
      if (speed !== undefined) clock.pace(speed);
      this.#hands.setClock(name, this.clockOf(name));
      this.#keep(`clock ${name}`, '', ttlMs, () => this.resetClock(name));
    }
  }

  resetClock(who: string): void {
    for (const name of this.#names(who)) {
      this.#forget(`clock ${name}`);
      if (this.#clocks.delete(name)) this.#hands.setClock(name, this.clockOf(name));
    }
  }

  /** What time it is for a control plane, against the machine's. */
  clockOf(name: string): { readonly offsetMs: number; readonly speed: number } {
    const clock = this.#clocks.get(name);
    return { offsetMs: Math.round(clock?.offset ?? 0), speed: clock?.speed ?? 1 };
  }

  async reset(): Promise<void> {
    if (this.#wires.size > 0) this.resetLink(EVERYBODY);
    this.resetClock(EVERYBODY);
    await this.resetControlPlane(EVERYBODY);
  }

  #keep(key: string, told: string, ttlMs: number, end: () => void): void {
    this.#forget(key);
    this.#current.set(key, { told, until: systemClock.wall() + ttlMs, timer: setTimeout(end, ttlMs) });
  }

  /** @returns whether there was one */
  #forget(key: string): boolean {
    clearTimeout(this.#current.get(key)?.timer);
    return this.#current.delete(key);
  }

  #zones(who: string): string[] {
    return this.#among([...this.#wires.keys()], who, 'zone');
  }

  #names(who: string): string[] {
    return this.#among(
      this.#plans.map(({ name }) => name),
      who,
      'control plane',
    );
  }

  #among(names: readonly string[], who: string, what: string): string[] {
    if (who === EVERYBODY) return [...names];
    if (names.includes(who)) return [who];
    throw new Failure(
      `the lab has no ${what} ${JSON.stringify(who)}`,
      `Use one of ${[...names, EVERYBODY].join(', ')}.`,
    );
  }
}
