import { type KeyUse, type Trace, type Traces, traceName } from '@koguma/auth';
import { type Clock, rfc3339 } from '@koguma/core';
import { ZoneReport } from './gen/koguma/v1/sync.js';
import { durationOf } from './wire.js';

interface Parts {
  readonly traces: Traces;
  /** Undefined where issued tokens are not counted. */
  readonly issued: { readonly since: number; list(): readonly KeyUse[] } | undefined;
  readonly clock: Clock;
}

/** What happens together is told together, this much later. */
const GATHER_MS = 20;

/**
 * What a zone tells global of itself beyond what it applied: how many tokens its keys signed, and what came of
 * revocations and keys. The latter at once, and everything again when a heartbeat begins, since global may have missed it.
 */
export class ZoneVoice {
  readonly #parts: Parts;
  readonly #news = new Map<string, Trace>();
  #speak: (() => void) | undefined;
  #gathering = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    parts.traces.onChange((trace) => {
      if (!this.#speak || !isFelt(trace)) return;
      this.#news.set(traceName(trace), trace);
      if (!this.#gathering) this.#gather();
    });
  }

  /** A heartbeat begins. @param speak sends a report now */
  begin(speak: () => void): void {
    this.#speak = speak;
    this.#news.clear();
    for (const trace of this.#parts.traces.list()) if (isFelt(trace)) this.#news.set(traceName(trace), trace);
  }

  /** The heartbeat is over. */
  fallSilent(): void {
    this.#speak = undefined;
  }

  /** Adds what is new to a report that is sent now. */
  complete(report: ZoneReport): ZoneReport {
    const { issued, clock } = this.#parts;
    const now = clock.mono();
    const ago = (at: number | undefined) => (at === undefined ? undefined : durationOf(now - at));
    const traces = [...this.#news.values()].map(({ kind, mesh, of, id, closed, ...at }) => ({
      ...{ kind, mesh, of, id, closed, applied: ago(at.applied) },
      ...{ firstRefusal: ago(at.firstRefusal), lastClosed: ago(at.lastClosed) },
    }));
    this.#news.clear();
    return ZoneReport.fromPartial({
      ...report,
      countedSince: issued && rfc3339(issued.since),
      issued: (issued?.list() ?? []).map(({ unexpired, latestExpiry, ...key }) => ({
        ...key,
        unexpired: BigInt(unexpired),
        latestExpiry: rfc3339(latestExpiry * 1000),
      })),
      traces,
    });
  }

  #gather(): void {
    this.#gathering = true;
    this.#parts.clock.after(GATHER_MS, () => {
      this.#gathering = false;
      if (this.#news.size > 0) this.#speak?.();
    });
  }
}

/** That it was applied is told by the acknowledgement: of what nobody has felt there is no more to say. */
function isFelt({ firstRefusal, closed }: Trace): boolean {
  return firstRefusal !== undefined || closed > 0;
}
