import { type Clock, epochSeconds } from '@koguma/core';
import type { StoredKey } from './signing-keys.js';

/** How many tokens a key signed that can still be good, as far as this control plane counted. */
export interface KeyUse {
  readonly kind: StoredKey['kind'];
  readonly mesh: string;
  readonly kid: string;
  readonly thumbprint: string;
  /** Never fewer than there are; what expires together is counted together. */
  readonly unexpired: number;
  /** Seconds since the epoch. */
  readonly latestExpiry: number;
}

interface Count {
  readonly key: StoredKey;
  /** How many expire up to a time, by that time divided by `width`. */
  readonly buckets: Map<number, number>;
  /** Seconds. */
  width: number;
  latestExpiry: number;
}

const FIRST_WIDTH = 60;
const MOST_BUCKETS = 256;
const MOST_KEYS = 200;

/**
 * How many tokens each key signed, and until when the last of them is good: for who wants to delete a key. It is a
 * bounded count in memory, nothing that names a token; no check ever reads it.
 */
export class IssuedTokens {
  readonly #clock: Clock;
  /** By thumbprint: serials are used again. The key used last is last. */
  readonly #counts = new Map<string, Count>();
  /** Milliseconds of `wall`; what was issued before is not known. */
  readonly since: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.since = clock.wall();
  }

  /** @param expiresAt seconds since the epoch */
  record(key: StoredKey, expiresAt: number): void {
    const { thumbprint } = key.key;
    const count = this.#counts.get(thumbprint) ?? { key, buckets: new Map(), width: FIRST_WIDTH, latestExpiry: 0 };
    this.#counts.delete(thumbprint);
    this.#counts.set(thumbprint, count);
    add(count.buckets, Math.ceil(expiresAt / count.width), 1);
    count.latestExpiry = Math.max(count.latestExpiry, expiresAt);
    while (count.buckets.size > MOST_BUCKETS && !this.#dropExpired(count)) coarsen(count);
    const [oldest] = this.#counts.keys();
    if (this.#counts.size > MOST_KEYS && oldest !== undefined) this.#counts.delete(oldest);
  }

  /** Of every key that signed here since {@link since}. */
  list(): KeyUse[] {
    return [...this.#counts.values()].map((count) => {
      this.#dropExpired(count);
      const { kind, mesh, kid, key } = count.key;
      const unexpired = [...count.buckets.values()].reduce((sum, n) => sum + n, 0);
      return { kind, mesh, kid, thumbprint: key.thumbprint, unexpired, latestExpiry: count.latestExpiry };
    });
  }

  /** @returns whether there were any */
  #dropExpired({ buckets, width }: Count): boolean {
    const now = epochSeconds(this.#clock);
    const gone = [...buckets.keys()].filter((end) => end * width <= now);
    for (const end of gone) buckets.delete(end);
    return gone.length > 0;
  }
}

/** Times are rounded up, so that nothing is taken for expired before it is. */
function coarsen(count: Count): void {
  const fine = [...count.buckets];
  count.buckets.clear();
  count.width *= 2;
  for (const [end, n] of fine) add(count.buckets, Math.ceil(end / 2), n);
}

function add(buckets: Map<number, number>, end: number, n: number): void {
  buckets.set(end, (buckets.get(end) ?? 0) + n);
}
