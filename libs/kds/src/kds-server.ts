import {
  type Clock,
  ControlPlaneError,
  type Entropy,
  type Log,
  type Observer,
  sleep,
  type Tasks,
  VERSION,
} from '@koguma/core';
import {
  type Insights,
  isInsight,
  isLabel,
  LABEL_RULE,
  type Leadership,
  type ResourceKey,
  type ResourceManager,
  type ResourceView,
  typesThatCross,
} from '@koguma/resources';
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery.js';
import type { GlobalReport, ZoneReport } from './gen/koguma/v1/sync.js';
import { Heart } from './heart.js';
import { type Hello, heldUntil, type KdsEndpoint, type StreamIn, type StreamOut } from './link.js';
import { type OpenStream, OpenStreams } from './open-streams.js';
import type { Outbox } from './outbox.js';
import { Receiver } from './receiver.js';
import { Sender } from './sender.js';
import { Subscription } from './subscription.js';
import { mirrorOfZone } from './sync-policy.js';
import { Syncer } from './syncer.js';
import type { Timeline } from './timeline.js';
import { registerZone, TELL_MS, ZoneInsights } from './zone-insights.js';
import { type CountedTokens, ZoneMemory } from './zone-memory.js';
import { ZoneStandings } from './zone-standings.js';
import type { ZoneStatus } from './zone-status.js';

interface Parts {
  readonly manager: ResourceManager;
  readonly view: ResourceView;
  readonly insights: Insights;
  readonly leadership: Leadership;
  readonly outbox: Outbox;
  readonly timeline: Timeline;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  readonly observer: Observer;
  readonly tasks: Tasks;
  readonly instanceId: string;
  readonly settings: KdsServerSettings;
}

/** Durations in milliseconds. */
export interface KdsServerSettings {
  /** How often zones are told what global has (koguma.v1). */
  readonly heartbeatInterval: number;
  /** Kuma's: how often a zone should say that it lives, and after how long without a word it is cut; 0: not at all. */
  readonly zoneHealthCheck: { readonly pollInterval: number; readonly timeout: number };
}

/** Global's side of KDS: takes the zones' streams, and knows who is connected and how far each one is. */
export class KdsServer implements KdsEndpoint {
  readonly #parts: Parts;
  readonly #insights: ZoneInsights;
  readonly #heart: Heart;
  readonly #streams: OpenStreams;
  readonly #standings: ZoneStandings;
  readonly #memory = new ZoneMemory();

  constructor(parts: Parts) {
    this.#parts = parts;
    const { settings, outbox, clock, tasks, timeline } = parts;
    this.#insights = new ZoneInsights(parts);
    this.#heart = new Heart({
      outbox,
      clock,
      intervalMs: settings.heartbeatInterval,
      heard: (zone, { countedSince: since, issued: uses, traces }) => {
        this.#memory.counts(zone, { since, uses });
        timeline.told(zone, traces);
      },
      isConnected: (hello) => this.#streams.has(hello),
    });
    this.#streams = new OpenStreams({ ...parts, heart: this.#heart, told: (zone) => this.#insights.told(zone) });
    this.#standings = new ZoneStandings({
      ...{ ...parts, insights: this.#insights },
      ...{ heart: this.#heart, streams: this.#streams, memory: this.#memory },
    });
    // After the streams, which end those of a zone that is gone and tell of it.
    parts.view.onChange(({ reset, entries }) => {
      for (const { key, resource } of entries) if (key.type === 'Zone' && !resource) this.#forget(key.name);
      if (reset) this.#startAnew();
    });
    parts.insights.onChange(({ entries }) => {
      for (const { key } of entries) if (key.type === 'ZoneInsight') this.#streams.settle(key.name);
    });
    if (this.#insights.shared) tasks.start('kds: tell replicas', (signal) => this.#tellReplicas(signal));
    const { zoneHealthCheck } = settings;
    if (zoneHealthCheck.timeout === 0) return;
    tasks.start('kds: zone watch', (signal) => this.#streams.cutTheSilent(zoneHealthCheck, signal));
  }

  /**
   * @throws ControlPlaneError `invalid` for a peer that does not say which zone it is, `conflict` for one that says it is
   *   a zone which is connected already
   */
  globalToZone(hello: Hello, send: StreamOut<Uint8Array>): StreamIn<DeltaDiscoveryRequest> {
    const { view, outbox, timeline, clock, entropy, log, observer, instanceId } = this.#parts;
    const { zone, token } = this.#admitted(hello);
    const subscription = new Subscription(clock, entropy.uuid(), instanceId, token !== '');
    const sender = new Sender({
      peer: zone,
      outbox,
      send,
      clock,
      entropy,
      log,
      observer,
      introduced: (metadata) => subscription.introduce(metadata),
      counted: (type, outcome) => {
        subscription.count(type, outcome);
        this.#insights.changed(zone);
      },
      reached: (type, what, revision) => {
        timeline.reached(zone, type, what, revision);
        if (what === 'applied') this.#memory.acknowledged(zone, type, revision);
      },
      ended: (reason) => {
        this.#standings.left(zone);
        this.#streams.delete(stream);
        this.#insights.closed(zone, subscription);
        log.info('zone disconnected', { zone, reason: reason?.message ?? 'the zone ended the stream' });
      },
    });
    this.#memory.met(zone, hello.storeId);
    const stream = this.#opened(hello, sender);
    log.info('zone connected', { zone, version: hello.version });
    this.#register(stream, subscription);
    // What a zone got from another replica is in the store, and must not be taken back by one that lags behind.
    return heldUntil(view.caughtUp(), sender, (cause) =>
      sender.end(new ControlPlaneError('unavailable', 'the store cannot be read now', { cause })),
    );
  }

  /** Asks the zone for its proxies, and keeps what it sends as the zone's. */
  zoneToGlobal(hello: Hello, send: StreamOut<DeltaDiscoveryRequest>): StreamIn<DeltaDiscoveryResponse> {
    const { manager, clock, log, observer, instanceId } = this.#parts;
    const { zone } = this.#admitted(hello);
    const syncer = new Syncer({ manager, clock, log, checks: [], mirror: mirrorOfZone(zone) });
    const receiver = new Receiver({
      zone,
      metadata: { version: { kumaCp: { version: VERSION } }, config: '', 'control-plane-id': instanceId },
      apply: (type, response, replace) => syncer.apply(type, response, { replace }),
      send,
      observer,
      events: {
        applied: (type, nonce, error) => {
          if (error !== undefined) log.warn('refused a part of what a zone sent', { zone, type, error });
          else if (!isInsight(type)) log.info('applied', { peer: zone, type, nonce });
        },
        over: () => this.#streams.delete(stream),
      },
    });
    const stream = this.#opened(hello, receiver);
    this.#streams.supersede(stream);
    for (const type of typesThatCross('to-global')) receiver.subscribe(type);
    return receiver;
  }

  heartbeat(hello: Hello, send: StreamOut<GlobalReport>): StreamIn<ZoneReport> {
    return this.#heart.accept(checked(hello), send);
  }

  healthCheck(hello: Hello): number {
    const { zone } = checked(hello);
    this.#streams.signOf(hello);
    this.#insights.checked(zone);
    return this.#parts.settings.zoneHealthCheck.pollInterval;
  }

  /** How many streams zones have open here. */
  get openStreams(): number {
    return this.#streams.size;
  }

  /** Tells every zone to come back later. */
  stop(): void {
    const goingAway = new ControlPlaneError('unavailable', 'this global control plane is stopping');
    this.#heart.stop(goingAway);
    this.#streams.endAll(goingAway);
  }

  /** For `GET /koguma/sync`: each zone that is known, whether it is connected, and how far it is with each type. */
  report(): object {
    const { view, outbox } = this.#parts;
    const written = Object.fromEntries(outbox.types.map((type) => [type, outbox.latest(type)]));
    return { mode: 'global', revision: view.revision, written, zones: this.zones() };
  }

  /** Whether a zone has what is sent of a resource now; undefined when nobody knows, or nothing of it is sent. */
  has(zone: string, key: ResourceKey): boolean | undefined {
    return this.#standings.has(zone, key);
  }

  /** What a zone last told of the tokens that it issued; undefined when it told nothing. */
  counted(zone: string): CountedTokens | undefined {
    return this.#memory.counted(zone);
  }

  /** How each zone that is known stands. */
  zones(): ZoneStatus[] {
    return this.#standings.all();
  }

  /** Whoever asks another replica is told the same. */
  async #tellReplicas(signal: AbortSignal): Promise<void> {
    const { clock, view } = this.#parts;
    while (!signal.aborted) {
      await sleep(clock, TELL_MS, signal);
      for (const zone of view.list('Zone')) {
        const { hello, since } = this.#streams.newest(zone.name) ?? {};
        if (hello)
          this.#insights.tell(
            zone.name,
            { ...this.#standings.of(zone.name) },
            { storeId: hello.storeId, since: since ?? 0 },
          );
      }
    }
  }

  #opened(hello: Hello, side: Sender | Receiver): OpenStream {
    const { clock } = this.#parts;
    const sender = side instanceof Sender ? { sender: side } : {};
    const end = (reason: ControlPlaneError) => side.end(reason);
    const stream: OpenStream = { hello, since: clock.wall(), lastSign: clock.mono(), ...sender, end };
    this.#streams.add(stream);
    return stream;
  }

  /** The view was read anew: it may be of a store that was put back, and says nothing of what is gone. */
  #startAnew(): void {
    this.#memory.startAnew();
    const { view } = this.#parts;
    for (const zone of this.#memory.zones) if (!view.get({ type: 'Zone', mesh: '', name: zone })) this.#forget(zone);
  }

  /** The next zone of that name is another one. */
  #forget(zone: string): void {
    this.#memory.forget(zone);
    this.#insights.forget(zone);
  }

  #admitted(hello: Hello): Hello {
    this.#streams.claim(checked(hello));
    return hello;
  }

  /** A zone that cannot be written down now is told to come back, or nobody would see it. */
  #register({ hello: { zone }, end }: OpenStream, subscription: Subscription): void {
    const { manager, view, clock, tasks } = this.#parts;
    tasks.start(`kds: register zone ${zone}`, async () => {
      try {
        await registerZone(manager, view, clock, zone);
        this.#streams.registered(zone);
        this.#insights.opened(zone, subscription);
      } catch (error) {
        end(new ControlPlaneError('unavailable', 'the zone cannot be registered now', { cause: error }));
      }
    });
  }
}

function checked(hello: Hello): Hello {
  if (hello.zone === '')
    throw new ControlPlaneError('invalid', '"client-id" is not present in metadata: it must be the name of the zone');
  if (!isLabel(hello.zone)) throw new ControlPlaneError('invalid', `the zone's name (client-id) ${LABEL_RULE}`);
  return hello;
}
