import type { Spec } from './resource.js';

/**
 * One connection of a zone to global, as Kuma keeps it (`kuma.system.v1alpha1.KDSSubscription`, JSON mapping):
 * times are RFC 3339, 64-bit counters are strings.
 */
export interface KdsSubscription extends Spec {
  readonly id: string;
  readonly globalInstanceId: string;
  readonly zoneInstanceId?: string;
  readonly connectTime: string;
  /** Absent while the connection is open. */
  readonly disconnectTime?: string;
  readonly status?: Spec;
  readonly version?: Spec;
  /** The zone's configuration as JSON text, secrets masked. */
  readonly config?: string;
}

/** The control plane that global has a link with under a zone's name: the epoch of its store, and since when. */
export interface ZoneLinkOwner {
  readonly storeId: string;
  /** On global's `wall`, in milliseconds. */
  readonly since: number;
}

export interface ZoneInsightSpec extends Spec {
  readonly subscriptions?: readonly KdsSubscription[];
  /** What the replica that has the link tells the others of it. Not Kuma's. */
  readonly koguma?: {
    readonly instanceId: string;
    readonly at: string;
    readonly report: Spec;
    /** Whose link it is, on global; see {@link ZoneLinkOwner}. */
    readonly owner?: ZoneLinkOwner;
  };
}

/** Connected, as Kuma shows it: some subscription is open. It says nothing of being in sync. */
export function isOnline(insight: ZoneInsightSpec | undefined): boolean {
  return insight?.subscriptions?.some((subscription) => subscription.disconnectTime === undefined) ?? false;
}
