import { ControlPlaneError, jittered, parseRfc3339, rfc3339, sleep } from '@koguma/core';
import {
  type Leadership,
  type Resource,
  type ResourceManager,
  type ResourceType,
  type Spec,
  typesThatCross,
  type ZoneInsightSpec,
} from '@koguma/resources';
import { Connection, type ConnectionParts, clusterIdOf } from './connection.js';
import { Freshness, type Staleness } from './freshness.js';
import type { ZoneReport } from './gen/koguma/v1/sync.js';
import type { Dial } from './link.js';
import { registerZone, TELL_MS, type ZoneInsights } from './zone-insights.js';
import type { ZoneVoice } from './zone-voice.js';

/**
 * How the link to global is. `in-sync`: everything that global had is applied, or on its way for a moment. `stale`: the
 * link is there, and for longer than the bound nothing was heard, or something that global has was not applied.
 */
export type LinkState = 'never-met' | 'connecting' | 'in-sync' | 'stale' | 'cut-off' | 'refused';

/** The same in the words that global has for a zone. */
const STATUS: Readonly<Record<LinkState, 'Online' | 'Stale' | 'Offline'>> = {
  'never-met': 'Offline',
  connecting: 'Offline',
  'in-sync': 'Online',
  stale: 'Stale',
  'cut-off': 'Offline',
  refused: 'Offline',
};

type ToldReport = Spec & { readonly state: LinkState };

interface Parts extends ConnectionParts {
  readonly globalAddress: string;
  readonly dial: Dial;
  readonly manager: ResourceManager;
  readonly insights: ZoneInsights;
  /** What this zone tells of itself. */
  readonly voice: ZoneVoice;
  /** Of several replicas of a zone one speaks to global. */
  readonly leadership: Leadership;
  readonly backoff: { readonly baseMs: number; readonly maxMs: number };
}

/**
 * The zone's side of KDS: dials global, asks for every type, applies what comes, and dials again when the link
 * breaks. It never wipes anything because of a lost link; the zone lives on from its own store.
 */
export class ZoneLink {
  readonly #parts: Parts;
  readonly #listeners = new Set<(state: LinkState) => void>();
  readonly #freshness: Freshness;
  #state: LinkState = 'never-met';
  #since: number;
  #reason: string | undefined;
  #connection: Connection | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#since = parts.clock.wall();
    this.#freshness = new Freshness(parts.clock, typesThatCross('to-zones'), {
      verdict: (staleness) => this.#judged(staleness),
      dead: (reason) => this.#connection?.end(new ControlPlaneError('unavailable', reason)),
    });
  }

  get state(): LinkState {
    return this.#toldByLeader()?.state ?? this.#state;
  }

  /** Why a key may be missing here, for error messages; '' when this zone has been in sync once. */
  readonly hint = (): string => {
    if (this.state !== 'never-met') return '';
    return `this zone has never synced with its global control plane (${this.#parts.globalAddress}), so it has no keys yet`;
  };

  /** Streams to global that are open here. */
  get openStreams(): number {
    return this.#connection?.openStreams ?? 0;
  }

  /** Why this zone cannot do its work yet; undefined once it was in sync, whatever became of global since. */
  get unready(): string | undefined {
    const hint = this.hint();
    return hint === '' ? undefined : `${hint}: ${this.#reason ?? 'it has just started'}`;
  }

  /** Tells the state now and whenever it changes. */
  watch(listener: (state: LinkState) => void): void {
    this.#listeners.add(listener);
    listener(this.#state);
  }

  /** Dials until the signal ends: at once, then after the base of the backoff, twice that, and so on, with jitter, from the start again after a good link. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, entropy, backoff, log } = this.#parts;
    let failures = 0;
    const telling = this.#parts.insights.shared ? this.#tellReplicas(signal) : undefined;
    while (!signal.aborted) {
      const { reason, wasInSync } = await this.#once(signal);
      if (signal.aborted) break;
      if (wasInSync) failures = 0;
      const delay = jittered(Math.min(backoff.maxMs, backoff.baseMs * 2 ** Math.min(failures++, 16)), entropy);
      log.warn('the link to global is down', { reason: reason.message, retryInMs: Math.round(delay) });
      await sleep(clock, delay, signal);
    }
    await telling;
  }

  /** For `GET /koguma/sync`, also while global is dead. */
  report(): object {
    const told = this.#toldByLeader();
    return told ? { ...told, revision: this.#parts.view.revision } : this.#report();
  }

  #report(): Spec {
    const { hello, globalAddress, view, clock } = this.#parts;
    const { silentMs } = this.#freshness;
    return {
      mode: 'zone',
      zone: hello.zone,
      revision: view.revision,
      global: globalAddress,
      clusterId: clusterIdOf(view) ?? null,
      state: this.#state,
      status: STATUS[this.#state],
      since: rfc3339(Math.min(this.#since, clock.wall())),
      lagMs: this.#lagMs(),
      reason: this.#state === 'in-sync' ? null : (this.#reason ?? null),
      heartbeat: silentMs === undefined ? null : { heardMsAgo: Math.round(silentMs) },
      types: this.#freshness.types(),
      toGlobal: this.#connection?.report() ?? [],
    };
  }

  /** What this zone knows of its link from an earlier life: it is cut off since that one lost global. Call it once, before `run`. */
  async recall(): Promise<void> {
    const { manager, view, clock, hello } = this.#parts;
    await registerZone(manager, view, clock, hello.zone);
    const insight = await manager.get<Resource<ZoneInsightSpec>>({ type: 'ZoneInsight', mesh: '', name: hello.zone });
    const last = insight?.spec.subscriptions?.at(-1);
    if (!last) return;
    this.#enter('cut-off', 'this zone has just started');
    this.#since = parseRfc3339(last.disconnectTime ?? '') ?? this.#since;
  }

  /** How the link is by the word of the replica that has it; undefined on that one, and where there are no others. */
  #toldByLeader(): ToldReport | undefined {
    const { leadership, insights, hello } = this.#parts;
    return leadership.leads ? undefined : (insights.told(hello.zone)?.report as ToldReport | undefined);
  }

  async #tellReplicas(signal: AbortSignal): Promise<void> {
    const { insights, clock, hello } = this.#parts;
    while (!signal.aborted) {
      insights.tell(hello.zone, this.#report());
      await sleep(clock, TELL_MS, signal);
    }
  }

  /** One connection, from dialling to its end. */
  #once(signal: AbortSignal): Promise<{ reason: ControlPlaneError; wasInSync: boolean }> {
    return new Promise((resolve) => {
      const { insights, hello } = this.#parts;
      const link = this.#parts.dial({ ...hello, storeId: this.#parts.view.revision.epoch });
      let wasInSync = false;
      const connection = new Connection(this.#parts, link, {
        applied: (type, nonce, error) => this.#wasApplied(type, nonce, error),
        answered: () => this.#state === 'cut-off' && this.#enter('connecting'),
        inSync: (subscription) => {
          wasInSync = true;
          insights.opened(hello.zone, subscription);
          this.#enter('in-sync');
          this.#freshness.listen();
        },
        mute: () => {
          this.#freshness.deafen();
          this.#parts.voice.fallSilent();
        },
        listening: (speak) => this.#parts.voice.begin(() => speak(this.#says(this.#freshness.report()))),
        heard: (report) => this.#says(this.#freshness.hear(report)),
        refused: (reason) => this.#enter('refused', reason),
        over: (reason, subscription) => {
          signal.removeEventListener('abort', stop);
          link.close();
          this.#freshness.deafen();
          this.#parts.voice.fallSilent();
          if (wasInSync) insights.closed(hello.zone, subscription);
          this.#lost(reason);
          resolve({ reason, wasInSync });
        },
      });
      this.#connection = connection;
      const stop = () => connection.end(new ControlPlaneError('unavailable', 'this zone is stopping'));
      signal.addEventListener('abort', stop, { once: true });
      connection.start();
    });
  }

  #says(report: ZoneReport): ZoneReport {
    return this.#parts.voice.complete(report);
  }

  #lost(reason: ControlPlaneError): void {
    const oldSince = this.#state === 'stale' ? this.#since : undefined;
    if (STATUS[this.#state] !== 'Offline') this.#enter('cut-off', reason.message);
    else if (this.#state === 'connecting') this.#state = 'cut-off'; // since it was lost, not since this try
    if (this.#state !== 'refused') this.#reason = reason.message;
    // What was old already is not fresh again because its link is over.
    if (oldSince !== undefined) this.#since = oldSince;
  }

  #wasApplied(type: ResourceType, nonce: string, error: string | undefined): void {
    const partly = error === undefined ? {} : { error };
    this.#parts.log.info('applied', { peer: 'global', type, revision: revisionIn(nonce), ...partly });
    this.#freshness.applied(type, revisionIn(nonce), error);
    if (STATUS[this.#state] !== 'Offline') this.#parts.insights.changed(this.#parts.hello.zone);
  }

  #judged(staleness: Staleness | undefined): void {
    if (STATUS[this.#state] === 'Offline') return;
    if (staleness) {
      this.#enter('stale', staleness.reason);
      this.#since = this.#wallAt(staleness.since);
    } else this.#enter('in-sync');
  }

  /** How old what is here may be, in milliseconds; null for a zone that never had anything. */
  #lagMs(): number | null {
    if (this.#state === 'never-met') return null;
    if (this.#state !== 'in-sync') return Math.max(0, this.#parts.clock.wall() - this.#since);
    return Math.max(...this.#freshness.types().map(({ lagMs }) => lagMs));
  }

  #wallAt(mono: number): number {
    return Math.round(this.#parts.clock.wall() - (this.#parts.clock.mono() - mono));
  }

  #enter(state: LinkState, reason?: string): void {
    this.#reason = reason;
    if (state === this.#state) return;
    if (state !== 'connecting') this.#since = this.#parts.clock.wall();
    this.#state = state;
    this.#parts.log.info('link state', { state, ...(reason === undefined ? {} : { reason }) });
    for (const listener of this.#listeners) listener(state);
  }
}

/** Koguma's nonces tell global's revision (`type@revision`); those of other globals do not. */
function revisionIn(nonce: string): number | null {
  const digits = /@(\d+)$/.exec(nonce)?.[1];
  return digits === undefined ? null : Number(digits);
}
