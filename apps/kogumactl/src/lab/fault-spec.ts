import {
  type LaneFault,
  NANOS_PER_MILLISECOND,
  parseDuration,
  type Violation,
  violationsIn,
  WHOLE_WIRE,
  type WireFault,
} from '@koguma/core';
import { z } from 'zod';

const LONGEST_TTL_MS = 24 * 3_600_000;
const DEFAULT_TTL = '5m';
const MOST_BYTES = 1_000_000_000;
const FASTEST = 1_000_000;
/** Times beyond this cannot be written (ECMA-262, time values). */
const FARTHEST_MS = 4_000 * 365 * 24 * 3_600_000;

/** A Go duration, in milliseconds. */
function duration(rule: string, allowed: (ms: number) => boolean) {
  return z.string('must be a duration such as 200ms or 1m30s').transform((text, context) => {
    try {
      const ms = Number(parseDuration(text)) / Number(NANOS_PER_MILLISECOND);
      if (allowed(ms)) return ms;
    } catch {
      // Told below, with what is allowed.
    }
    context.addIssue(`must be a duration ${rule}, such as 200ms or 1m30s`);
    return z.NEVER;
  });
}

const short = duration('up to 1h', (ms) => ms > 0 && ms <= 3_600_000);
const ttl = duration('up to 24h', (ms) => ms > 0 && ms <= LONGEST_TTL_MS).prefault(DEFAULT_TTL);
const yes = z.literal(true, 'must be true, or left out').optional();
const DIRECTIONS = ['to-zone', 'to-global'] as const;

const linkFault = z
  .strictObject({
    cut: yes,
    halfOpen: z
      .enum(DIRECTIONS, `must be ${DIRECTIONS.join(' or ')}: the direction in which nothing arrives`)
      .optional(),
    latency: short.optional(),
    jitter: short.optional(),
    bandwidth: z
      .int('must be a whole number of bytes per second')
      .min(1, 'must be 1 or more')
      .max(MOST_BYTES)
      .optional(),
    drop: z.number('must be a number').gt(0, 'must be above 0').max(1, 'must be at most 1, which is always').optional(),
    flap: z.strictObject({ up: short, down: short }, 'must be {"up": DURATION, "down": DURATION}').optional(),
    direction: z.enum(['both', ...DIRECTIONS], `must be both, ${DIRECTIONS.join(' or ')}`).default('both'),
    ttl,
  })
  .refine(({ direction: _, ttl: __, ...faults }) => Object.values(faults).some((one) => one !== undefined), {
    error: 'must have one of cut, halfOpen, latency, jitter, bandwidth, drop, flap',
  })
  .transform(({ ttl: ttlMs, ...fault }): LinkOrder => ({ ttlMs, wire: wireOf(fault), told: told(fault) }));

const WHAT = ['crash', 'restart', 'wipe'] as const;
const cpFault = z
  .strictObject({ crash: yes, restart: yes, wipe: yes, ttl })
  .refine(({ crash, restart, wipe }) => (restart ? !(crash || wipe) : crash || wipe), {
    error: `must have one of ${WHAT.join(', ')}, or crash and wipe`,
  })
  .transform(
    ({ crash, wipe, ttl: ttlMs }): ControlPlaneOrder => ({
      ttlMs,
      what: crash ? 'crash' : 'restart',
      wipes: wipe === true,
    }),
  );

const clockFault = z
  .strictObject({
    offset: duration('of either sign', (ms) => Math.abs(ms) <= FARTHEST_MS).optional(),
    speed: z.number('must be a number').positive(NOT_FROZEN()).max(FASTEST, `must be at most ${FASTEST}`).optional(),
    freeze: z.undefined(NOT_FROZEN()).optional(),
    ttl,
  })
  .refine(({ offset, speed }) => offset !== undefined || speed !== undefined, {
    error: 'must have offset, speed, or both',
  })
  .transform(({ ttl: ttlMs, offset, speed }): ClockOrder => ({ ttlMs, offsetMs: offset, speed }));

function NOT_FROZEN(): string {
  return 'a running lab cannot be frozen: its sockets, and the delays of what runs, go on while its time stands still; set offset, or a speed above 0';
}

/** What is to happen to the link of a zone, and for how long. */
export interface LinkOrder {
  readonly ttlMs: number;
  readonly wire: WireFault;
  /** As it was asked for, for who lists faults. */
  readonly told: string;
}

export interface ControlPlaneOrder {
  readonly ttlMs: number;
  /** A crash lasts, a restart does not. */
  readonly what: 'crash' | 'restart';
  /** Whether its store is emptied in between. */
  readonly wipes: boolean;
}

/** What is left out stays as it is. */
export interface ClockOrder {
  readonly ttlMs: number;
  readonly offsetMs: number | undefined;
  readonly speed: number | undefined;
}

/** An order that cannot be carried out, by the fields that are wrong. */
export class BadOrder extends Error {
  constructor(readonly violations: readonly Violation[]) {
    super(violations.map(({ field, reason }) => (field === '' ? reason : `${field}: ${reason}`)).join('; '));
  }
}

/** @throws BadOrder */
export const readLinkOrder = (body: unknown): LinkOrder => read(linkFault, body);
/** @throws BadOrder */
export const readControlPlaneOrder = (body: unknown): ControlPlaneOrder => read(cpFault, body);
/** @throws BadOrder */
export const readClockOrder = (body: unknown): ClockOrder => read(clockFault, body);

function read<T>(schema: z.ZodType<T>, body: unknown): T {
  const { data, error } = schema.safeParse(body);
  if (data) return data;
  const unknown = (error?.issues ?? []).flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys : []));
  const others = violationsIn({ issues: (error?.issues ?? []).filter(({ code }) => code !== 'unrecognized_keys') });
  throw new BadOrder([...unknown.map((field) => ({ field, reason: 'is not known here' })), ...others]);
}

interface Fault {
  readonly cut?: true | undefined;
  readonly halfOpen?: (typeof DIRECTIONS)[number] | undefined;
  readonly latency?: number | undefined;
  readonly jitter?: number | undefined;
  readonly bandwidth?: number | undefined;
  readonly drop?: number | undefined;
  readonly flap?: { readonly up: number; readonly down: number } | undefined;
  readonly direction: 'both' | (typeof DIRECTIONS)[number];
}

function wireOf({ cut, halfOpen, flap, direction, ...slow }: Fault): WireFault {
  const lane = (towards: (typeof DIRECTIONS)[number]): LaneFault => {
    const {
      latency = 0,
      jitter = 0,
      bandwidth = 0,
      drop = 0,
    } = direction === 'both' || direction === towards ? slow : {};
    const stalled = halfOpen === towards;
    return { stalled, latencyMs: latency, jitterMs: jitter, bytesPerSecond: bandwidth, drop };
  };
  return {
    ...WHOLE_WIRE,
    cut: cut === true,
    flap: flap && { upMs: flap.up, downMs: flap.down },
    lanes: { there: lane('to-global'), back: lane('to-zone') },
  };
}

function told({ direction, flap, ...fault }: Fault): string {
  const parts = [
    fault.cut && 'cut',
    fault.halfOpen && `half-open ${fault.halfOpen}`,
    fault.latency && `latency ${fault.latency}ms`,
    fault.jitter && `jitter ${fault.jitter}ms`,
    fault.bandwidth && `bandwidth ${fault.bandwidth} bytes/s`,
    fault.drop && `drop ${fault.drop}`,
    flap && `flap ${flap.up}ms up, ${flap.down}ms down`,
    direction !== 'both' && direction,
  ];
  return parts.filter((part) => typeof part === 'string').join(', ');
}
