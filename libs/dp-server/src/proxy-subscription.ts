import { type Clock, rfc3339 } from '@koguma/core';
import type { Spec } from '@koguma/resources';
import { z } from 'zod';
import type { Outcome } from './xds/conversation.js';
import { XDS_TYPES, type XdsType } from './xds/snapshot.js';

/** What Kuma keeps of one stream (`kuma.mesh.v1alpha1.DiscoverySubscription`, JSON mapping). */
export interface DiscoverySubscription extends Spec {
  readonly id: string;
  readonly controlPlaneInstanceId: string;
  readonly connectTime: string;
  /** Absent while the stream is open. */
  readonly disconnectTime?: string;
}

type Counts = Record<Outcome, number>;

const text = z.string().max(200).optional().catch(undefined);
/** What a proxy tells of itself; what does not fit is left out, since it travels on. */
const version = z
  .object({
    kumaDp: z.object({ version: text, gitTag: text, gitCommit: text, buildDate: text }).optional().catch(undefined),
    envoy: z.object({ version: text, build: text }).optional().catch(undefined),
  })
  .optional()
  .catch(undefined);

/** One stream of a proxy, counted while it lasts. */
export class ProxySubscription {
  readonly id: string;
  readonly #clock: Clock;
  readonly #head: Pick<DiscoverySubscription, 'id' | 'controlPlaneInstanceId' | 'connectTime'>;
  readonly #counts = new Map<XdsType, Counts>();
  #lastUpdateTime: string | undefined;
  #disconnectTime: string | undefined;

  /** @param told the proxy's versions, as it says */
  constructor(clock: Clock, id: string, controlPlaneInstanceId: string, told: unknown) {
    this.#clock = clock;
    this.id = id;
    const known = version.parse(told);
    const connectTime = rfc3339(clock.wall());
    this.#head = { id, controlPlaneInstanceId, connectTime, ...(known ? { version: known } : {}) };
  }

  get isOpen(): boolean {
    return this.#disconnectTime === undefined;
  }

  count(type: XdsType, outcome: Outcome): void {
    const counts = this.#counts.get(type) ?? { sent: 0, acknowledged: 0, rejected: 0 };
    counts[outcome]++;
    this.#counts.set(type, counts);
    this.#lastUpdateTime = rfc3339(this.#clock.wall());
  }

  close(): void {
    this.#disconnectTime ??= rfc3339(this.#clock.wall());
  }

  toSpec(): DiscoverySubscription {
    const total: Counts = { sent: 0, acknowledged: 0, rejected: 0 };
    for (const counts of this.#counts.values())
      for (const outcome of ['sent', 'acknowledged', 'rejected'] as const) total[outcome] += counts[outcome];
    return {
      ...this.#head,
      id: this.id,
      ...(this.#disconnectTime === undefined ? {} : { disconnectTime: this.#disconnectTime }),
      status: {
        ...(this.#lastUpdateTime === undefined ? {} : { lastUpdateTime: this.#lastUpdateTime }),
        total: statsOf(total),
        ...Object.fromEntries(XDS_TYPES.map((type) => [type, statsOf(this.#counts.get(type))])),
      },
    };
  }
}

/** 64-bit counters are strings in protobuf's JSON mapping, and zeros are left out. */
function statsOf({ sent, acknowledged, rejected }: Counts = { sent: 0, acknowledged: 0, rejected: 0 }): Spec {
  return {
    ...(sent === 0 ? {} : { responsesSent: String(sent) }),
    ...(acknowledged === 0 ? {} : { responsesAcknowledged: String(acknowledged) }),
    ...(rejected === 0 ? {} : { responsesRejected: String(rejected) }),
  };
}
