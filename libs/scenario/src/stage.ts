import { type TokenKindName, tokenKind } from '@koguma/auth';
import { ControlPlaneError } from '@koguma/core';
import {
  type ControlPlaneClient,
  type DrivenLab,
  type DrivenNode,
  decodeToken,
  kindOf,
  type LabProxy,
} from '@koguma/testkit';
import type { Timeline } from './timeline.js';

/** A token of a scenario, and what is known of its life. */
export interface KnownToken {
  /** What the scenario calls it. */
  readonly as: string;
  readonly token: string;
  readonly kind: TokenKindName;
  /** '' for kinds whose keys live outside meshes. */
  readonly mesh: string;
  readonly kid: string;
  readonly jti: string;
  /** When it was issued, and revoked on global, in ms that have passed in the lab. */
  readonly issuedAt: number;
  revokedAt: number | undefined;
  /** The zone that issued it while it was cut off. */
  readonly whileCutOff: string | undefined;
}

/** What a scenario has in its hands while it is played. */
export class Stage {
  readonly lab: DrivenLab;
  readonly timeline: Timeline;
  /** What the calendar of the lab shows at a time that the scenario names. */
  readonly calendar: (time: number) => number;
  readonly tokens = new Map<string, KnownToken>();
  readonly taken = new Map<string, string>();
  readonly proxies = new Map<string, LabProxy>();
  /** Zones in which a key of users was put by hand. */
  readonly hasUserKey = new Set<string>();
  /** When something was last written, or the topology changed. */
  movedAt = 0;
  issuedWhilePartitioned = false;

  constructor(lab: DrivenLab, timeline: Timeline, calendar: Stage['calendar'] = (time) => time) {
    this.lab = lab;
    this.timeline = timeline;
    this.calendar = calendar;
  }

  /** The control plane of that name. @throws ControlPlaneError `not_found` that names those that there are */
  node(name: string): DrivenNode {
    return name === 'global' ? this.lab.global : this.lab.zone(this.zoneName(name));
  }

  /** Its client, which runs. @throws ControlPlaneError `unavailable` for one that is stopped */
  client(name: string): ControlPlaneClient {
    const node = this.node(name);
    if (!node.running) throw new ControlPlaneError('unavailable', `${name} is stopped`);
    return node;
  }

  zoneName(name: string): string {
    if (this.lab.zoneNames.includes(name)) return name;
    throw missing('zone', name, this.lab.zoneNames);
  }

  /** One zone, or all of them. */
  zonesOf(name: string): readonly string[] {
    return name === 'all' ? this.lab.zoneNames : [this.zoneName(name)];
  }

  token(as: string): KnownToken {
    const token = this.tokens.get(as);
    if (!token) throw missing('token', as, [...this.tokens.keys()]);
    return token;
  }

  proxy(name: string): LabProxy {
    const proxy = this.proxies.get(name);
    if (!proxy) throw missing('proxy', name, [...this.proxies.keys()]);
    return proxy;
  }

  /** Keeps a token under its name. @param at where it was issued */
  keep(as: string, token: string, at: string): KnownToken {
    const { jti, kid, claims } = decodeToken(token);
    const kind = kindOf(token);
    const mesh = tokenKind(kind).secretType === 'Secret' ? String(claims.Mesh) : '';
    const whileCutOff = at !== 'global' && this.isCutOff(at) ? at : undefined;
    const issuedAt = this.lab.clock.passed;
    const known = { as, token, kind, mesh, kid, jti, issuedAt, revokedAt: undefined, whileCutOff };
    this.tokens.set(as, known);
    return known;
  }

  /** Whether a zone cannot reach global. */
  isCutOff(zone: string): boolean {
    return !this.lab.global.running || this.lab.link(zone).condition === 'cut';
  }

  /** Something changed that takes a while to be everywhere. */
  moved(): void {
    this.movedAt = this.lab.clock.passed;
  }
}

function missing(what: string, name: string, known: readonly string[]): ControlPlaneError {
  const there = known.length === 0 ? 'there is none' : `there is ${known.join(', ')}`;
  return new ControlPlaneError('not_found', `there is no ${what} called ${name}: ${there}`);
}
