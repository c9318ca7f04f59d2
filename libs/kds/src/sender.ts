import {
  type Cancel,
  type Clock,
  ControlPlaneError,
  type Entropy,
  jittered,
  type Log,
  type Observer,
  onBehalfOf,
  rfc3339,
  UNOBSERVED,
} from '@koguma/core';
import type { ResourceType } from '@koguma/resources';
import type { DeltaDiscoveryRequest } from './gen/envoy/service/discovery/v3/discovery.js';
import type { StreamIn, StreamOut } from './link.js';
import { type EncodedResponse, FROM_NOTHING, type Outbox } from './outbox.js';
import type { Outcome } from './subscription.js';

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 60_000;
/** Characters of what is kept of an error, for people. */
const LONGEST_ERROR = 1_000;

interface InFlight {
  readonly response: EncodedResponse;
  readonly from: number;
  /** What became of it, for who watches. */
  over(outcome: 'acknowledged' | 'rejected' | 'lost'): void;
}

/** How far the peer is with one type; revisions are those of this store. */
interface Progress {
  /** Everything up to here was sent. */
  sent: number;
  sentAt: number | undefined;
  /** Everything up to here was applied: acknowledged, with nothing refused before it. */
  applied: number | undefined;
  appliedAt: number | undefined;
  /** When the oldest change was written that is not applied, on `mono`. */
  behindSince: number | undefined;
  /** When the first change was written that is not under way yet, on `mono`. */
  waitingSince: number | undefined;
  inFlight: InFlight | undefined;
  /** Something sent after this revision was refused, and will be sent again. */
  refusedSince: number | undefined;
  retryDue: boolean;
  cancelRetry: Cancel | undefined;
  retries: number;
  lastError: string | undefined;
}

/** For people: what a peer has of a type. */
export interface TypeReport {
  readonly type: ResourceType;
  readonly written: number;
  readonly sent: number;
  readonly sentAt: string | null;
  readonly applied: number | null;
  readonly appliedAt: string | null;
  /** For how long something written has not been applied, in milliseconds. */
  readonly lagMs: number;
  /** Since when what the peer has is old; null when nothing newer was written. */
  readonly staleSince: string | null;
  /** What the peer refused last, or what it is not sent at all, with the reason. */
  readonly lastError: string | null;
}

interface Parts {
  /** Who asks, for the log. */
  readonly peer: string;
  readonly outbox: Outbox;
  readonly send: StreamOut<Uint8Array>;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  readonly observer?: Observer;
  /** Told of each response and answer. */
  readonly counted?: (type: ResourceType, outcome: Outcome) => void;
  /** Told up to which revision the peer was sent a type, and has applied it. */
  readonly reached?: (type: ResourceType, what: 'sent' | 'applied', revision: number) => void;
  /** Told what the peer says of itself in its first request. */
  readonly introduced?: (metadata: Readonly<Record<string, unknown>>) => void;
  /** Comes once and last. */
  readonly ended: (reason: ControlPlaneError | undefined) => void;
}

/**
 * The side of a KDS stream that answers: on GlobalToZoneSync global, on ZoneToGlobalSync the zone. At most one response
 * of a type is under way; the next one carries all that changed meanwhile. State belongs to the stream, never to a
 * peer's name: an old stream cannot harm a newer one.
 */
export class Sender implements StreamIn<DeltaDiscoveryRequest> {
  readonly #parts: Parts;
  readonly #types = new Map<ResourceType, Progress>();
  readonly #unsubscribe: () => void;
  #over = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#unsubscribe = parts.outbox.follow({
      changed: (types) => {
        for (const type of types) this.#written(type);
      },
      from: (type) => startOf(this.#types.get(type)),
    });
  }

  message(request: DeltaDiscoveryRequest): void {
    const type = request.typeUrl;
    if (this.#over || !this.#parts.outbox.holds(type)) return; // what is not held here is left unanswered
    const progress = this.#types.get(type);
    if (!progress) this.#subscribe(type, request);
    else if (progress.inFlight && request.responseNonce === progress.inFlight.response.nonce)
      this.#settle(type, progress, request);
  }

  closed(reason: ControlPlaneError | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#unsubscribe();
    for (const { cancelRetry, inFlight } of this.#types.values()) {
      cancelRetry?.();
      inFlight?.over('lost');
    }
    this.#parts.ended(reason);
  }

  /** Ends the stream from this side. */
  end(error: ControlPlaneError): void {
    if (this.#over) return;
    this.#parts.send.end(error);
    this.closed(error);
  }

  report(): TypeReport[] {
    return [...this.#types].map(([type, progress]) => ({
      type,
      written: this.#parts.outbox.latest(type),
      sent: progress.sent,
      sentAt: timeText(progress.sentAt),
      applied: progress.applied ?? null,
      appliedAt: timeText(progress.appliedAt),
      ...lagOf(this.#parts.clock, progress.behindSince),
      lastError: progress.lastError ?? this.#parts.outbox.trouble(type)?.slice(0, LONGEST_ERROR) ?? null,
    }));
  }

  #subscribe(type: ResourceType, { node, initialResourceVersions }: DeltaDiscoveryRequest): void {
    if (this.#types.size === 0) this.#parts.introduced?.(node?.metadata ?? {});
    const progress: Progress = {
      sent: FROM_NOTHING,
      sentAt: undefined,
      applied: undefined,
      appliedAt: undefined,
      behindSince: this.#parts.clock.mono(),
      waitingSince: undefined,
      inFlight: undefined,
      refusedSince: undefined,
      retryDue: false,
      cancelRetry: undefined,
      retries: 0,
      lastError: undefined,
    };
    this.#types.set(type, progress);
    const { outbox } = this.#parts;
    const resumes = Object.keys(initialResourceVersions).length > 0;
    this.#send(
      type,
      progress,
      FROM_NOTHING,
      resumes ? outbox.difference(type, initialResourceVersions) : outbox.response(type, FROM_NOTHING),
    );
  }

  #written(type: ResourceType): void {
    const progress = this.#types.get(type);
    if (!progress || this.#over) return;
    progress.waitingSince ??= this.#parts.clock.mono();
    this.#pump(type, progress);
  }

  #pump(type: ResourceType, progress: Progress): void {
    if (progress.inFlight || this.#over) return;
    const { outbox } = this.#parts;
    const from = progress.retryDue ? Math.min(progress.sent, progress.refusedSince ?? progress.sent) : progress.sent;
    if (from < outbox.latest(type)) this.#send(type, progress, from, outbox.response(type, from));
  }

  #send(type: ResourceType, progress: Progress, from: number, response: EncodedResponse): void {
    progress.inFlight = { response, from, over: this.#watched(type, response) };
    progress.retryDue = false;
    progress.sent = response.to;
    progress.sentAt = this.#parts.clock.wall();
    progress.behindSince ??= progress.waitingSince;
    progress.waitingSince = undefined;
    this.#parts.counted?.(type, 'sent');
    this.#parts.reached?.(type, 'sent', response.to);
    this.#parts.send.send(response.bytes);
  }

  /** From the sending of a response until it was answered. */
  #watched(type: ResourceType, { to: revision, requests }: EncodedResponse): InFlight['over'] {
    const { peer, observer = UNOBSERVED } = this.#parts;
    let over: InFlight['over'] = () => undefined;
    onBehalfOf(requests, () => {
      void observer.step(
        'kds send',
        { peer, type, revision },
        (tell) =>
          new Promise<void>((resolve) => {
            over = (outcome) => {
              tell({ outcome });
              resolve();
            };
          }),
      );
    });
    return over;
  }

  #settle(type: ResourceType, progress: Progress, { errorDetail }: DeltaDiscoveryRequest): void {
    const { from, response, over } = progress.inFlight as InFlight;
    progress.inFlight = undefined;
    over(errorDetail ? 'rejected' : 'acknowledged');
    if (errorDetail) this.#refused(type, progress, from, errorDetail.message);
    else this.#accepted(type, progress, from, response.to);
    this.#pump(type, progress);
  }

  #accepted(type: ResourceType, progress: Progress, from: number, to: number): void {
    this.#parts.counted?.(type, 'acknowledged');
    if (progress.refusedSince !== undefined && from > progress.refusedSince) return; // later changes, not the refused one
    progress.refusedSince = undefined;
    progress.retries = 0;
    progress.lastError = undefined;
    progress.applied = to;
    progress.behindSince = undefined;
    progress.appliedAt = this.#parts.clock.wall();
    this.#parts.reached?.(type, 'applied', to);
  }

  /** What a peer refuses is never counted as applied, and is offered again; newer changes do not wait for it. */
  #refused(type: ResourceType, progress: Progress, from: number, message: string): void {
    const { clock, entropy, log, peer, counted } = this.#parts;
    counted?.(type, 'rejected');
    progress.refusedSince = Math.min(from, progress.refusedSince ?? from);
    progress.lastError = message.slice(0, LONGEST_ERROR);
    const delay = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** progress.retries++);
    log.warn('a part of a response was refused', { peer, type, error: progress.lastError });
    progress.cancelRetry?.();
    progress.cancelRetry = clock.after(jittered(delay, entropy), () => {
      if (progress.refusedSince === undefined) return;
      progress.retryDue = true;
      this.#pump(type, progress);
    });
  }
}

/** From where on a peer that has not answered yet, or has refused something, is sent again what it lacks. */
function startOf(progress: Progress | undefined): number | undefined {
  if (!progress) return undefined;
  const { sent, inFlight, refusedSince } = progress;
  return Math.min(inFlight?.from ?? sent, refusedSince ?? sent);
}

/** How old something is, and since when. @param since on `mono`; undefined for what is not old */
export function lagOf(clock: Clock, since: number | undefined): { lagMs: number; staleSince: string | null } {
  if (since === undefined) return { lagMs: 0, staleSince: null };
  const lagMs = Math.round(clock.mono() - since);
  return { lagMs, staleSince: rfc3339(Math.round(clock.wall()) - lagMs) };
}

function timeText(wall: number | undefined): string | null {
  return wall === undefined ? null : rfc3339(wall);
}
