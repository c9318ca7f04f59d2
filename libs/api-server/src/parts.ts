import type { Auth } from '@koguma/auth';
import type { Certificates, Clock, EventLog, Log } from '@koguma/core';
import type { ResourceManager, ResourceView } from '@koguma/resources';

/** What the API server tells of its control plane at `GET /`. */
export interface ControlPlaneIdentity {
  readonly mode: 'global' | 'zone';
  /** The zone's name; undefined on global. */
  readonly zone: string | undefined;
  readonly hostname: string;
  readonly instanceId: string;
  readonly version: string;
  /** The id of the global store that this control plane belongs to; undefined until it is known. */
  readonly clusterId: () => string | undefined;
}

/** Where `GET /koguma/sync` gets its answer: a JSON object, made by the kds lib. */
export interface SyncSource {
  report(): object;
}

/** Where `GET /koguma/keys` gets its answer: a JSON object, made by the kds lib. */
export interface KeysSource {
  report(): Promise<object>;
}

/** Where `GET /koguma/timeline` gets its answer, made by the kds lib. */
export interface TimelineSource {
  find(wanted: { readonly revocation?: string | undefined; readonly key?: string | undefined }): readonly object[];
}

/** What the REST door needs of a control plane. */
export interface ApiServerParts {
  readonly identity: ControlPlaneIdentity;
  readonly manager: ResourceManager;
  readonly view: ResourceView;
  readonly auth: Auth;
  readonly sync: SyncSource;
  readonly keys: KeysSource;
  readonly timeline: TimelineSource;
  /** Knows the client certificates of administrators; nobody has one when left out. */
  readonly certificates?: Pick<Certificates, 'isAdmin'>;
  readonly clock: Clock;
  readonly log: Log;
  /** What the log of this control plane has told lately. */
  readonly events: EventLog;
  /** The configuration as `GET /config` shows it: without secrets. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly settings: { readonly maxBodySize: number };
}

/** Where controllers find their {@link ApiServerParts}. */
export const PARTS = Symbol('ApiServerParts');
