import { type Cancel, type Clock, rfc3339 } from '@koguma/core';
import type { ResourceType } from '@koguma/resources';
import { type GlobalReport, ZoneReport } from './gen/koguma/v1/sync.js';
import { lagOf } from './sender.js';
import { millisecondsOf } from './wire.js';

/** As on the other side: so many intervals, and what is known here counts as old. */
const INTERVALS_UNTIL_STALE = 3;
/** Twice as many, and the link is taken for dead, whatever it pretends. */
const INTERVALS_UNTIL_DEAD = 6;
/** Until global has said how often it speaks. */
const USUAL_INTERVAL_MS = 5_000;

/** Why what a zone has is old, and since when (on `mono`). */
export interface Staleness {
  readonly reason: string;
  readonly since: number;
}

interface Known {
  /** The revision of global that came here, whether it could be applied or not. */
  received: number | null;
  /** The revision of global up to which everything is applied; null where global tells none, as Kuma's. */
  revision: number | null;
  at: number | undefined;
  error: string | undefined;
  /** The revision that global last said it has. */
  told: number | undefined;
  /** Since when global says that it has more than is applied here, on `mono`. */
  behindSince: number | undefined;
}

/** For people: what a zone has of a type, in revisions of global's store. */
export interface TypeFreshness {
  readonly type: ResourceType;
  readonly written: number | null;
  readonly applied: number | null;
  readonly appliedAt: string | null;
  readonly lagMs: number;
  /** Since when what is here is old, as far as global has told; null when it is not. */
  readonly staleSince: string | null;
  readonly lastError: string | null;
}

interface Events {
  /** What is here became old, or is fresh again (undefined). */
  verdict(staleness: Staleness | undefined): void;
  /** Nothing comes any more over this link. */
  dead(reason: string): void;
}

/**
 * How old what a zone has may be: what global says it has, against what was applied. It learns from the heartbeat of
 * koguma.v1; of a plain Kuma, which has none, nothing is ever said to be old.
 */
export class Freshness {
  readonly #clock: Clock;
  readonly #events: Events;
  readonly #types: ReadonlyMap<ResourceType, Known>;
  #intervalMs = USUAL_INTERVAL_MS;
  /** When global was last heard, on `mono`; undefined while no heartbeat is open. */
  #heard: number | undefined;
  /** When global last heard this zone, on `mono`. */
  #wasHeard = 0;
  #cancelLook: Cancel = () => undefined;

  constructor(clock: Clock, types: readonly ResourceType[], events: Events) {
    this.#clock = clock;
    this.#events = events;
    const nothing = { received: null, revision: null, at: undefined, error: undefined };
    this.#types = new Map(types.map((type) => [type, { ...nothing, told: undefined, behindSince: undefined }]));
  }

  /** A heartbeat begins: from now on, silence means something. */
  listen(): void {
    this.#heard = this.#clock.mono();
    this.#wasHeard = this.#heard;
    this.#look();
  }

  /** The heartbeat is over; how old things are is not known any more, only since when the link is down. */
  deafen(): void {
    this.#heard = undefined;
    this.#cancelLook();
    for (const known of this.#types.values()) known.behindSince = undefined;
  }

  /** Global spoke. @returns what this zone answers */
  hear({ revisions, interval, unheard }: GlobalReport): ZoneReport {
    const now = this.#clock.mono();
    this.#heard = now;
    this.#wasHeard = now - millisecondsOf(unheard);
    this.#intervalMs = millisecondsOf(interval) || this.#intervalMs;
    for (const [type, known] of this.#types) {
      known.told = Number(revisions[type] ?? 0n);
      if (isBehind(known)) known.behindSince ??= now;
      else known.behindSince = undefined;
    }
    this.#look();
    return this.report();
  }

  /** A response was applied: all of it or, with an error, in part. */
  applied(type: ResourceType, revision: number | null, error: string | undefined): void {
    const known = this.#types.get(type);
    if (!known) return;
    known.received = revision;
    known.error = error;
    if (error === undefined) {
      known.revision = revision;
      known.at = this.#clock.wall();
    }
    if (!isBehind(known)) known.behindSince = undefined;
    if (this.#heard !== undefined) this.#look();
  }

  /** Milliseconds since global was last heard; undefined without a heartbeat. */
  get silentMs(): number | undefined {
    return this.#heard === undefined ? undefined : this.#clock.mono() - this.#heard;
  }

  types(): TypeFreshness[] {
    return [...this.#types].map(([type, { told, revision, at, behindSince, error }]) => ({
      type,
      // A change may come before the heartbeat that tells of it.
      written: told === undefined ? null : Math.max(told, revision ?? 0),
      applied: revision,
      appliedAt: at === undefined ? null : rfc3339(at),
      ...lagOf(this.#clock, behindSince),
      lastError: error ?? null,
    }));
  }

  /** Everything is decided by one reading of the clock: what becomes old between two would be looked at far too late. */
  #look(): void {
    this.#cancelLook();
    const now = this.#clock.mono();
    this.#events.verdict(this.#staleness(now));
    const why = this.#whyDead(now);
    if (why !== undefined) this.#events.dead(why);
    else this.#cancelLook = this.#clock.after(this.#untilNextLook(now), () => this.#look());
  }

  #untilNextLook(now: number): number {
    const silentMs = now - (this.#heard ?? now);
    const [stale, dead] = [INTERVALS_UNTIL_STALE * this.#intervalMs, INTERVALS_UNTIL_DEAD * this.#intervalMs];
    return (silentMs < stale ? stale : dead) - silentMs;
  }

  #staleness(now: number): Staleness | undefined {
    const limit = INTERVALS_UNTIL_STALE * this.#intervalMs;
    if (this.#heard !== undefined && now - this.#heard >= limit) {
      return { reason: 'nothing was heard of global', since: this.#heard };
    }
    if (this.#heard !== undefined && this.#heard - this.#wasHeard >= limit) {
      return { reason: 'global hears nothing of this zone', since: this.#wasHeard };
    }
    const behind = [...this.#types].filter(([, { behindSince }]) => now - (behindSince ?? now) >= limit);
    const [oldest] = behind.sort(([, a], [, b]) => (a.behindSince ?? 0) - (b.behindSince ?? 0));
    if (!oldest) return undefined;
    const [type, { behindSince, error }] = oldest;
    return { reason: `${type} is behind${error === undefined ? '' : `: ${error}`}`, since: behindSince ?? now };
  }

  /** What was refused came, so the link lives; what never came although global has it shows that it does not. */
  #whyDead(now: number): string | undefined {
    const limit = INTERVALS_UNTIL_DEAD * this.#intervalMs;
    if (now - (this.#heard ?? now) >= limit) return 'nothing was heard of global for too long';
    const missing = [...this.#types].find(
      ([, { told = 0, received, behindSince }]) =>
        received !== null && told > received && now - (behindSince ?? now) >= limit,
    );
    return missing && `global has a newer ${missing[0]}, and it does not come`;
  }

  /** What was applied, as global is told of it. */
  report(): ZoneReport {
    const applied = [...this.#types].flatMap(([type, { revision, at, error }]) =>
      revision === null || at === undefined
        ? []
        : [[type, { revision: BigInt(revision), time: rfc3339(at), error: error ?? '' }] as const],
    );
    return ZoneReport.fromPartial({ applied: Object.fromEntries(applied) });
  }
}

function isBehind({ told, revision }: Known): boolean {
  return told !== undefined && (revision === null || told > revision);
}
