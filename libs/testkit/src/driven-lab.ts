import type { TokenKindName } from '@koguma/auth';
import type { Cancel } from '@koguma/core';
import type { ControlPlaneClient } from './control-plane.js';
import type { Duration } from './duration.js';
import type { LabProxy, ProxyOptions } from './lab-proxy.js';

/** A lab that can be driven, whether it is in this process on virtual time (`startLab`) or runs elsewhere (`connectLab`). */
export interface DrivenLab {
  readonly global: DrivenNode;
  readonly zoneNames: readonly string[];
  /** @throws TypeError that names the zones that there are */
  zone(name: string): DrivenNode;
  link(zone: string): DrivenLink;
  readonly clock: DrivenTime;
  /** Proxies that were started by this lab, and not stopped. */
  readonly proxies: readonly LabProxy[];
  startProxy(zone: string, options: ProxyOptions): LabProxy;
  stopProxy(proxy: LabProxy): Promise<void>;
  /** Signs a token with a key at hand, at the time of the lab and without any control plane. */
  signOffline(kind: TokenKindName, request: object, key: { kid: string; pem: string }): Promise<string>;
  /** Whether a zone has applied all that global has. */
  isSynced(zone: string): boolean | Promise<boolean>;
  /** How a zone sees its own link: `in-sync`, `stale`, `cut-off`, …; `stopped` when it does not run. */
  linkState(zone: string): string | Promise<string>;
}

/** A control plane: what it answers, and its life. */
export interface DrivenNode extends ControlPlaneClient {
  readonly name: string;
  readonly running: boolean;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Ends it, and loses all that it stored. `start` starts it anew. */
  wipe(): Promise<void>;
  /** Sets its clock wrong, against that of the lab; `0` sets it right. */
  skew(by: Duration): void | Promise<void>;
}

/** Which way something travels between a zone and its global. */
export type Direction = 'to-global' | 'to-zone';
/** How a link is. */
export type LinkCondition = 'up' | 'slow' | 'half-open' | 'cut';

/** The link between a zone and its global. */
export interface DrivenLink {
  readonly condition: LinkCondition;
  cut(): void | Promise<void>;
  halfOpen(direction: Direction): void | Promise<void>;
  slow(latency: Duration, jitter?: Duration): void | Promise<void>;
  flap(): void | Promise<void>;
  heal(): void | Promise<void>;
}

/** The time of a lab. */
export interface DrivenTime {
  /** What its calendar shows, in milliseconds since the Unix epoch. */
  readonly now: number;
  /** Milliseconds that have passed in it. */
  readonly passed: number;
  /** How long that may take which follows at once, in milliseconds: nothing, where time stands still meanwhile. */
  readonly promptMs: number;
  advance(duration: Duration): Promise<void>;
  set(time: string | number): Promise<void>;
  /** @returns how many milliseconds passed until something was so; undefined when it was not within the limit */
  passUntil(condition: () => boolean | Promise<boolean>, limitMs: number): Promise<number | undefined>;
  /** Calls back whenever something may have happened. */
  watch(watcher: () => Promise<void>): Cancel;
}
