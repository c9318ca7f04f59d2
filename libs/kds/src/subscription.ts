import { type Clock, rfc3339 } from '@koguma/core';
import type { KdsSubscription, ResourceType, Spec } from '@koguma/resources';

export type Outcome = 'sent' | 'acknowledged' | 'rejected';
type Counts = Record<Outcome, number>;

/** Characters of what is kept of a zone's configuration, and of its version: room for any real one. */
const LONGEST_CONFIG = 256 * 1024;
const LONGEST_VERSION = 4 * 1024;

/** One connection between a zone and global, counted while it lasts, in the shape that Kuma keeps (KDSSubscription). */
export class Subscription {
  readonly id: string;
  readonly #clock: Clock;
  readonly #globalInstanceId: string;
  readonly #showedToken: boolean;
  readonly #connectTime: string;
  readonly #byType = new Map<ResourceType, Counts>();
  #disconnectTime: string | undefined;
  #lastUpdateTime: string | undefined;
  #about: Spec = {};

  /** @param showedToken whether the zone showed a token, good or not */
  constructor(clock: Clock, id: string, globalInstanceId: string, showedToken = false) {
    this.#clock = clock;
    this.id = id;
    this.#globalInstanceId = globalInstanceId;
    this.#showedToken = showedToken;
    this.#connectTime = rfc3339(clock.wall());
  }

  /** Keeps what the zone tells of itself in its first request (Kuma's node metadata); what does not fit is left out. */
  introduce({ version, config, 'control-plane-id': id }: Readonly<Record<string, unknown>>): void {
    const isVersion = typeof version === 'object' && version !== null;
    this.#about = {
      ...(typeof id === 'string' && id.length <= LONGEST_VERSION ? { zoneInstanceId: id } : {}),
      ...(isVersion && JSON.stringify(version).length <= LONGEST_VERSION ? { version } : {}),
      ...(typeof config === 'string' && config.length <= LONGEST_CONFIG ? { config } : {}),
    };
  }

  count(type: ResourceType, outcome: Outcome): void {
    const counts = this.#byType.get(type) ?? { sent: 0, acknowledged: 0, rejected: 0 };
    counts[outcome]++;
    this.#byType.set(type, counts);
    this.#lastUpdateTime = rfc3339(this.#clock.wall());
  }

  close(): void {
    this.#disconnectTime ??= rfc3339(this.#clock.wall());
  }

  toSpec(): KdsSubscription {
    const total: Counts = { sent: 0, acknowledged: 0, rejected: 0 };
    const stat: Record<string, Spec> = {};
    for (const [type, counts] of this.#byType) {
      stat[type] = statsOf(counts);
      for (const outcome of ['sent', 'acknowledged', 'rejected'] as const) total[outcome] += counts[outcome];
    }
    return {
      id: this.id,
      globalInstanceId: this.#globalInstanceId,
      ...this.#about,
      ...(this.#showedToken ? { authTokenProvided: true } : {}),
      connectTime: this.#connectTime,
      ...(this.#disconnectTime === undefined ? {} : { disconnectTime: this.#disconnectTime }),
      status: {
        ...(this.#lastUpdateTime === undefined ? {} : { lastUpdateTime: this.#lastUpdateTime }),
        total: statsOf(total),
        stat,
      },
    };
  }
}

/** 64-bit counters are strings in protobuf's JSON mapping, and zeros are left out. */
function statsOf({ sent, acknowledged, rejected }: Counts): Spec {
  return {
    ...(sent === 0 ? {} : { responsesSent: String(sent) }),
    ...(acknowledged === 0 ? {} : { responsesAcknowledged: String(acknowledged) }),
    ...(rejected === 0 ? {} : { responsesRejected: String(rejected) }),
  };
}
