import { type Trace, type TraceSubject, type Traces, tokenKind, traceName } from '@koguma/auth';
import { type Clock, rfc3339 } from '@koguma/core';
import type { ResourceType, ResourceView } from '@koguma/resources';
import type { Trace as ToldTrace } from './gen/koguma/v1/sync.js';
import { millisecondsOf } from './wire.js';

/** Milliseconds from the write on global, on a zone from its arrival there; null for what has not happened, or not been told. */
export interface Milestones {
  readonly controlPlane: string;
  readonly sent: number | null;
  readonly applied: number | null;
  /** When a token was first refused there because of it. */
  readonly firstRefusal: number | null;
  /** When a stream of a proxy was last ended there because of it, and how many were. */
  readonly lastClosed: number | null;
  readonly closed: number;
}

/** How one revocation, or one key that came, changed or went, reached each control plane. */
export interface Travel extends TraceSubject {
  /** The secret that it was written in. */
  readonly name: string;
  readonly writtenAt: string;
  readonly revision: number;
  /** Who is asked first; on global, then its zones. */
  readonly milestones: readonly Milestones[];
}

interface Parts {
  readonly traces: Traces;
  readonly view: ResourceView;
  readonly clock: Clock;
  /** Whose: `global`, or a zone's name. */
  readonly controlPlane: string;
  /** Zones that are to be shown although nothing has reached them. */
  readonly zones: () => readonly string[];
}

/** When a zone was sent a write, and had applied it, on `mono`. */
interface Reached {
  sent?: number;
  applied?: number;
}

/** One change of a type, which many subjects may have come with. */
interface Write {
  readonly revision: number;
  readonly zones: Map<string, Reached>;
  /** How many of the subjects are remembered. */
  subjects: number;
}

/** What was felt of a subject in a zone, on `mono`. */
interface Felt {
  firstRefusal?: number | undefined;
  lastClosed?: number | undefined;
  closed?: number;
}

interface Entry {
  readonly subject: TraceSubject;
  readonly written: number;
  readonly writtenAt: string;
  readonly type: ResourceType;
  readonly write: Write;
  readonly zones: Map<string, Felt>;
}

/** As many as traces are remembered. */
const REMEMBERED = 200;

/**
 * Follows the latest revocations and keys from their write on global into each zone: by what was sent and acknowledged,
 * and by what zones tell of themselves. It is memory only, and begins with the process.
 */
export class Timeline {
  readonly #parts: Parts;
  readonly #entries = new Map<string, Entry>();
  /** Of the remembered subjects, by rising revision. */
  readonly #writes = new Map<ResourceType, Write[]>();

  constructor(parts: Parts) {
    this.#parts = parts;
    parts.traces.onChange((trace) => {
      // A trace that begins on global is the write itself, in a zone its arrival; later calls tell what came of it here.
      if (trace.firstRefusal === undefined && trace.closed === 0) this.#begin(trace);
    });
  }

  /** What a zone was sent, or has acknowledged, up to a revision. */
  reached(zone: string, type: ResourceType, what: 'sent' | 'applied', revision: number): void {
    const now = this.#parts.clock.mono();
    const writes = this.#writes.get(type) ?? [];
    for (let at = writes.length - 1; at >= 0; at--) {
      const write = writes[at] as Write;
      if (write.revision > revision) continue;
      const reached = inZone(write.zones, zone);
      if (reached[what] !== undefined) return; // and so have all before it
      reached[what] = now;
    }
  }

  /** What a zone told of itself, now. */
  told(zone: string, traces: readonly ToldTrace[]): void {
    const now = this.#parts.clock.mono();
    for (const { kind, mesh, of, id, firstRefusal, lastClosed, closed } of traces) {
      const entry = this.#entries.get(traceName({ kind, mesh, of, id } as TraceSubject));
      if (!entry) continue;
      const felt = inZone(entry.zones, zone);
      // What is told again after a lost link is told of the same moment; what was before the write is of an earlier one.
      const at = (ago: typeof firstRefusal) => (ago === undefined ? undefined : now - millisecondsOf(ago));
      const [refusal, end] = [at(firstRefusal), at(lastClosed)];
      if (refusal !== undefined && refusal >= entry.written) felt.firstRefusal ??= refusal;
      if (end !== undefined && end >= entry.written) [felt.lastClosed, felt.closed] = [end, closed];
    }
  }

  /** Every travel, or those of a revoked token's id, or of the key in a secret of that name; newest first. */
  find({ revocation, key }: { revocation?: string | undefined; key?: string | undefined } = {}): Travel[] {
    const matches = ({ subject }: Entry) =>
      (revocation === undefined || (subject.of === 'revocation' && subject.id === revocation.toLowerCase())) &&
      (key === undefined || (subject.of === 'key' && secretOf(subject) === key));
    return [...this.#entries.values()]
      .filter(matches)
      .reverse()
      .map((entry) => this.#travel(entry));
  }

  #begin(trace: Trace): void {
    const { clock, view } = this.#parts;
    const name = traceName(trace);
    const { of, kind, mesh, id } = trace;
    const type = tokenKind(kind).secretType;
    this.#forget(name);
    this.#entries.set(name, {
      subject: { of, kind, mesh, id },
      written: trace.applied,
      writtenAt: rfc3339(Math.round(clock.wall())),
      type,
      write: this.#writeAt(type, view.revision.n),
      zones: new Map(),
    });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > REMEMBERED && oldest !== undefined) this.#forget(oldest);
  }

  #writeAt(type: ResourceType, revision: number): Write {
    const writes = this.#writes.get(type) ?? [];
    this.#writes.set(type, writes);
    const last = writes.at(-1);
    const write = last?.revision === revision ? last : { revision, zones: new Map(), subjects: 0 };
    if (write !== last) writes.push(write);
    write.subjects++;
    return write;
  }

  #forget(name: string): void {
    const { type, write } = this.#entries.get(name) ?? {};
    this.#entries.delete(name);
    if (!type || !write || --write.subjects > 0) return;
    this.#writes.set(
      type,
      (this.#writes.get(type) ?? []).filter((one) => one !== write),
    );
  }

  #travel({ subject, written, writtenAt, write, zones }: Entry): Travel {
    const here = this.#parts.traces.list().find((trace) => traceName(trace) === traceName(subject));
    const names = [...new Set([...this.#parts.zones(), ...write.zones.keys(), ...zones.keys()])].sort();
    const since = (at: number | undefined) => (at === undefined ? null : Math.max(0, round(at - written)));
    const row = (controlPlane: string, reached: Reached & Felt): Milestones => ({
      controlPlane,
      sent: since(reached.sent),
      applied: since(reached.applied),
      firstRefusal: since(reached.firstRefusal),
      lastClosed: since(reached.lastClosed),
      closed: reached.closed ?? 0,
    });
    const { firstRefusal, lastClosed, closed = 0 } = here ?? {};
    const milestones = [
      row(this.#parts.controlPlane, { applied: written, firstRefusal, lastClosed, closed }),
      ...names.map((name) => row(name, { ...write.zones.get(name), ...zones.get(name) })),
    ];
    return { ...subject, name: secretOf(subject), writtenAt, revision: write.revision, milestones };
  }
}

/** What is known of a zone, to be added to. */
function inZone<V extends Reached | Felt>(zones: Map<string, V>, zone: string): V {
  const known = zones.get(zone) ?? ({} as V);
  zones.set(zone, known);
  return known;
}

/** The secret that a subject is written in. */
function secretOf({ of, kind, mesh, id }: TraceSubject): string {
  const row = tokenKind(kind);
  return of === 'key' ? `${row.signingKeyPrefix(mesh)}-${id}` : row.revocations(mesh);
}

/** To a tenth of a millisecond. */
function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}
