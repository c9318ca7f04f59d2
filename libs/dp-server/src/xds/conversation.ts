import type { Status } from '@koguma/protobuf';
import type { Node } from '../gen/envoy/config/core/v3/base.js';
import type { Snapshot, XdsType } from './snapshot.js';

/** What requests of both dialects of ADS have in common. */
export interface Asked {
  readonly node?: Node | undefined;
  readonly typeUrl: string;
  /** The response that it answers; empty in a request that answers none. */
  readonly responseNonce: string;
  /** Why the response was not taken. */
  readonly errorDetail?: Status | undefined;
}

/** What became of a response. */
export type Outcome = 'sent' | 'acknowledged' | 'rejected';

/** Where a conversation says what it has to say. */
export interface Ears<Response> {
  send(response: Response): void;
  counted(type: XdsType, outcome: Outcome, why?: string): void;
}

/**
 * One dialect of ADS on one stream (the xDS protocol, "state of the world" or "incremental"): who asked for what, has
 * which version, and has answered. Of each type one response is under way at a time, so a proxy that does not read
 * costs no more than that.
 */
export interface Conversation<Request extends Asked> {
  /** @throws ControlPlaneError for what no proxy may ask */
  hear(request: Request): void;
  /** What the proxy should have from now on. */
  offer(snapshot: Snapshot): void;
}

/** Names of one type that one proxy can ask for. */
export const MOST_NAMES = 10_000;
/** Asks for all that there is, of types that a proxy gets whole. */
export const WILDCARD = '*';
export const WHOLE_TYPES: readonly XdsType[] = ['cds', 'lds'];
