import type { Cancel, Clock, ControlPlaneError } from '@koguma/core';
import { GlobalReport, ZoneReport } from './gen/koguma/v1/sync.js';
import type { Hello, StreamIn, StreamOut } from './link.js';
import type { Outbox } from './outbox.js';
import { durationOf } from './wire.js';

/** So many intervals without a word, and what is known of the other side counts as old. */
const INTERVALS_UNTIL_STALE = 3;
/** At most so many times in an interval there is something to tell: what is due until then is told together. */
const BEATS_PER_INTERVAL = 20;

interface Parts {
  readonly outbox: Outbox;
  readonly clock: Clock;
  /** How often global tells what it has, in milliseconds. */
  readonly intervalMs: number;
  /** Told of every report of a zone. */
  readonly heard?: (zone: string, report: ZoneReport) => void;
  /** Whether that control plane has streams of KDS open: then its silence is not that of one without a heartbeat. */
  readonly isConnected: (hello: Hello) => boolean;
}

interface Pulse {
  readonly send: StreamOut<GlobalReport>;
  /** When the zone was last told something, and last said something, on `mono`. */
  told: number;
  heard: number;
  said: ZoneReport;
  /** The stream is over. What was heard last is kept as long as others of that control plane are open. */
  isOver: boolean;
}

/**
 * Global's side of the heartbeat (`koguma.v1.SyncService`): repeats to every zone what there is, from memory, and
 * hears from each what it has applied. Each zone has an interval of its own, so that a thousand do not answer at once
 * while a change is under way. While no zone listens nothing ticks.
 */
export class Heart {
  readonly #parts: Parts;
  readonly #pulses = new Map<string, Pulse>();
  #cancelBeat: Cancel | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** What is heard longer ago than this, in milliseconds, is old. */
  get staleAfterMs(): number {
    return INTERVALS_UNTIL_STALE * this.#parts.intervalMs;
  }

  /** Takes the heartbeat of one life of a zone's control plane. */
  accept(hello: Hello, send: StreamOut<GlobalReport>): StreamIn<ZoneReport> {
    const { clock } = this.#parts;
    const now = clock.mono();
    const pulse: Pulse = { send, told: now, heard: now, said: ZoneReport.fromPartial({}), isOver: false };
    const life = lifeOf(hello);
    this.#pulses.set(life, pulse);
    send.send(this.#reportTo(pulse, this.#written()));
    if (!this.#cancelBeat) this.#beatIn(this.#parts.intervalMs);
    return {
      message: (report) => {
        pulse.heard = clock.mono();
        pulse.said = report;
        this.#parts.heard?.(hello.zone, report);
      },
      closed: () => {
        pulse.isOver = true;
        this.left(hello);
      },
    };
  }

  /** A stream of that control plane is over; call it for every stream of KDS. */
  left(hello: Hello): void {
    const life = lifeOf(hello);
    if (this.#pulses.get(life)?.isOver && !this.#parts.isConnected(hello)) this.#pulses.delete(life);
  }

  /** What that control plane last said, and how many milliseconds ago; undefined for one without a heartbeat. */
  heardFrom(hello: Hello): { readonly report: ZoneReport; readonly silentMs: number } | undefined {
    const pulse = this.#pulses.get(lifeOf(hello));
    return pulse && { report: pulse.said, silentMs: this.#parts.clock.mono() - pulse.heard };
  }

  stop(reason: ControlPlaneError): void {
    this.#cancelBeat?.();
    for (const { send } of this.#pulses.values()) send.end(reason);
    this.#pulses.clear();
  }

  #beatIn(wait: number): void {
    const { clock } = this.#parts;
    const planned = clock.mono() + wait;
    // Where a lab lets a machine sleep it rings although no time of `mono` passed: what was due then is due.
    this.#cancelBeat = clock.after(wait, () => this.#beat(Math.max(planned, clock.mono())));
  }

  #beat(due: number): void {
    this.#cancelBeat = undefined;
    if (this.#pulses.size === 0) return;
    const { clock, intervalMs } = this.#parts;
    const now = clock.mono();
    const written = this.#written();
    let next = now + intervalMs;
    for (const pulse of this.#pulses.values()) {
      if (due - pulse.told >= intervalMs) {
        pulse.told = now;
        pulse.send.send(this.#reportTo(pulse, written));
      }
      next = Math.min(next, pulse.told + intervalMs);
    }
    this.#beatIn(Math.max(next - now, intervalMs / BEATS_PER_INTERVAL));
  }

  /** The revision of the last change of each type. */
  #written(): GlobalReport['revisions'] {
    const { outbox } = this.#parts;
    return Object.fromEntries(outbox.types.map((type) => [type, BigInt(outbox.latest(type))]));
  }

  #reportTo({ heard }: Pulse, revisions: GlobalReport['revisions']): GlobalReport {
    const { clock, intervalMs } = this.#parts;
    return GlobalReport.fromPartial({
      revisions,
      interval: durationOf(intervalMs),
      unheard: durationOf(clock.mono() - heard),
    });
  }
}

/** A zone speaks for itself alone, whatever it calls its instance. */
function lifeOf({ zone, instanceId }: Hello): string {
  return `${zone}/${instanceId}`;
}
