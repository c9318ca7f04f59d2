import { type Clock, ControlPlaneError, type Entropy, type Log, sleep, type Tasks, VERSION } from '@koguma/core';
import {
  type Insights,
  isLabel,
  LABEL_RULE,
  type Leadership,
  type ResourceManager,
  type ResourceView,
  typesThatCross,
} from '@koguma/resources';
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery.js';
import type { GlobalReport, ZoneReport } from './gen/koguma/v1/sync.js';
import { Heart } from './heart.js';
import { type Hello, heldUntil, type KdsEndpoint, PINGS, type StreamIn, type StreamOut } from './link.js';
import type { Outbox } from './outbox.js';
import { Receiver } from './receiver.js';
import { Sender } from './sender.js';
import { Subscription } from './subscription.js';
import { mirrorOfZone } from './sync-policy.js';
import { Syncer } from './syncer.js';
import { registerZone, TELL_MS, ZoneInsights } from './zone-insights.js';
import { statusAsTold, type ZoneStatus, zoneStatus } from './zone-status.js';

interface Parts {
  readonly manager: ResourceManager;
  readonly view: ResourceView;
  readonly insights: Insights;
  readonly leadership: Leadership;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
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

/** One stream of a zone, while it is open: what is known of it belongs to the stream, never to the zone's name. */
interface OpenStream {
  readonly hello: Hello;
  /** On `wall`. */
  readonly since: number;
  /** When its zone last said that it lives, on `mono`. */
  lastSign: number;
  /** Of the stream that carries what zones get. */
  readonly sender?: Sender;
  end(reason: ControlPlaneError): void;
}

/** Global's side of KDS: takes the zones' streams, and knows who is connected and how far each one is. */
export class KdsServer implements KdsEndpoint {
  readonly #parts: Parts;
  readonly #insights: ZoneInsights;
  readonly #heart: Heart;
  readonly #streams = new Set<OpenStream>();
  readonly #lastSeen = new Map<string, number>();
  /** Zones that are written down, for as long as they are. */
  readonly #registered = new Set<string>();

  constructor(parts: Parts) {
    this.#parts = parts;
    const { settings, outbox, clock, tasks, view } = parts;
    this.#insights = new ZoneInsights(parts);
    this.#heart = new Heart({ outbox, clock, intervalMs: settings.heartbeatInterval });
    view.onChange(({ reset, entries }) => {
      if (reset || entries.some(({ key }) => key.type === 'Zone')) this.#cutTheDeleted();
    });
    if (this.#insights.shared) tasks.start('kds: tell replicas', (signal) => this.#tellReplicas(signal));
    if (settings.zoneHealthCheck.timeout > 0) tasks.start('kds: zone watch', (signal) => this.#cutTheSilent(signal));
  }

  /**
   * @throws ControlPlaneError `invalid` for a peer that does not say which zone it is, `conflict` for one that says it is
   *   a zone which is connected already
   */
  globalToZone(hello: Hello, send: StreamOut<Uint8Array>): StreamIn<DeltaDiscoveryRequest> {
    const { view, outbox, clock, entropy, log, instanceId } = this.#parts;
    const { zone, token } = this.#claimed(checked(hello));
    const subscription = new Subscription(clock, entropy.uuid(), instanceId, token !== '');
    const sender = new Sender({
      peer: zone,
      outbox,
      send,
      clock,
      entropy,
      log,
      introduced: (metadata) => subscription.introduce(metadata),
      counted: (type, outcome) => {
        subscription.count(type, outcome);
        this.#insights.changed(zone);
      },
      ended: (reason) => {
        this.#streams.delete(stream);
        this.#lastSeen.set(zone, clock.wall());
        this.#insights.closed(zone, subscription);
        log.info('zone disconnected', { zone, reason: reason?.message ?? 'the zone ended the stream' });
      },
    });
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
    const { manager, clock, log, instanceId } = this.#parts;
    const { zone } = this.#claimed(checked(hello));
    const syncer = new Syncer({ manager, clock, log, checks: [], mirror: mirrorOfZone(zone) });
    const receiver = new Receiver({
      zone,
      metadata: { version: { kumaCp: { version: VERSION } }, config: '', 'control-plane-id': instanceId },
      apply: (type, response, replace) => syncer.apply(type, response, { replace }),
      send,
      events: {
        applied: (type, _nonce, error) =>
          error !== undefined && log.warn('refused a part of what a zone sent', { zone, type, error }),
        over: () => this.#streams.delete(stream),
      },
    });
    const stream = this.#opened(hello, receiver);
    for (const type of typesThatCross('to-global')) receiver.subscribe(type);
    return receiver;
  }

  heartbeat(hello: Hello, send: StreamOut<GlobalReport>): StreamIn<ZoneReport> {
    return this.#heart.accept(checked(hello), send);
  }

  healthCheck(hello: Hello): number {
    const { zone, instanceId } = checked(hello);
    for (const stream of this.#streams) {
      if (stream.hello.zone === zone && stream.hello.instanceId === instanceId)
        stream.lastSign = this.#parts.clock.mono();
    }
    this.#insights.checked(zone);
    return this.#parts.settings.zoneHealthCheck.pollInterval;
  }

  /** Tells every zone to come back later. */
  stop(): void {
    const goingAway = new ControlPlaneError('unavailable', 'this global control plane is stopping');
    this.#heart.stop(goingAway);
    for (const stream of [...this.#streams]) stream.end(goingAway);
  }

  /** For `GET /koguma/sync`: each zone that is known, whether it is connected, and how far it is with each type. */
  report(): object {
    const { view } = this.#parts;
    return { mode: 'global', revision: view.revision, zones: view.list('Zone').map((zone) => this.#statusOf(zone)) };
  }

  #statusOf({ name, spec }: { readonly name: string; readonly spec: { readonly enabled?: unknown } }): ZoneStatus {
    const newest = [...this.#streams].findLast(({ hello, sender }) => sender && hello.zone === name);
    const told = newest ? undefined : this.#insights.told(name);
    if (told) return statusAsTold(told, this.#heart.staleAfterMs);
    return zoneStatus({
      zone: name,
      enabled: spec.enabled !== false,
      now: this.#parts.clock.wall(),
      staleAfterMs: this.#heart.staleAfterMs,
      lastSeen: this.#lastSeen.get(name) ?? this.#insights.lastSeen(name),
      connection: newest && {
        since: newest.since,
        types: newest.sender?.report() ?? [],
        heard: this.#heart.heardFrom(newest.hello),
      },
    });
  }

  /** Whoever asks another replica is told the same. */
  async #tellReplicas(signal: AbortSignal): Promise<void> {
    const { clock, view } = this.#parts;
    while (!signal.aborted) {
      await sleep(clock, TELL_MS, signal);
      const connected = new Set([...this.#streams].flatMap(({ hello, sender }) => (sender ? [hello.zone] : [])));
      for (const zone of view.list('Zone'))
        if (connected.has(zone.name)) this.#insights.tell(zone.name, { ...this.#statusOf(zone) });
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

  /**
   * Two control planes under one name would overwrite each other. Replicas of a zone share its store, and may follow each
   * other; of others the first one has the name, as long as it is there. One whose heartbeat fell silent is not: a zone
   * that came back with another disk is not locked out by its own dead connection. A plain Kuma tells of no store, and
   * is taken as Kuma's global takes it.
   */
  #claimed(hello: Hello): Hello {
    const others = [...this.#streams].filter(
      (stream) => stream.hello.zone === hello.zone && stream.hello.instanceId !== hello.instanceId,
    );
    const silent = others.filter(
      (stream) => (this.#heart.heardFrom(stream.hello)?.silentMs ?? 0) >= this.#heart.staleAfterMs,
    );
    const holder = others.find((stream) => !silent.includes(stream) && isForeign(stream.hello, hello));
    if (holder) {
      this.#parts.log.warn('a second control plane claims the name of a zone', { zone: hello.zone });
      throw new ControlPlaneError(
        'conflict',
        `another control plane is connected as zone ${hello.zone}, with another store: give this one a name of its own (KUMA_MULTIZONE_ZONE_NAME), or stop the other`,
      );
    }
    const replaced = new ControlPlaneError(
      'unavailable',
      'nothing is heard of this connection, and a newer one of the zone is there',
    );
    for (const stream of silent) stream.end(replaced);
    return hello;
  }

  /** As in Kuma, a zone whose control plane still runs comes back by itself, and is written down anew. */
  #cutTheDeleted(): void {
    const { view, log } = this.#parts;
    for (const zone of this.#registered) {
      if (view.get({ type: 'Zone', mesh: '', name: zone })) continue;
      this.#registered.delete(zone);
      const streams = [...this.#streams].filter(({ hello }) => hello.zone === zone);
      if (streams.length > 0) log.warn('a connected zone was deleted, its streams are ended', { zone });
      for (const stream of streams)
        stream.end(new ControlPlaneError('unavailable', `Zone ${JSON.stringify(zone)} was deleted on global`));
    }
  }

  /** Kuma's ZoneWatch: a zone that promised to say that it lives, and does not, has to dial again. */
  async #cutTheSilent(signal: AbortSignal): Promise<void> {
    const { clock, settings, log } = this.#parts;
    const { pollInterval, timeout } = settings.zoneHealthCheck;
    const silent = new ControlPlaneError('unavailable', 'the zone did not say in time that it lives');
    while (!signal.aborted) {
      await sleep(clock, pollInterval, signal);
      for (const stream of [...this.#streams]) {
        if (!stream.hello.features.includes(PINGS) || clock.mono() - stream.lastSign <= timeout) continue;
        log.warn('a zone is silent, its stream is ended', { zone: stream.hello.zone });
        stream.end(silent);
      }
    }
  }

  /** A zone that cannot be written down now is told to come back, or nobody would see it. */
  #register({ hello: { zone }, end }: OpenStream, subscription: Subscription): void {
    const { manager, view, clock, tasks } = this.#parts;
    tasks.start(`kds: register zone ${zone}`, async () => {
      try {
        await registerZone(manager, view, clock, zone);
        this.#registered.add(zone);
        this.#insights.opened(zone, subscription);
      } catch (error) {
        end(new ControlPlaneError('unavailable', 'the zone cannot be registered now', { cause: error }));
      }
    });
  }
}

/** True when both tell where they live, and it is not the same store. */
function isForeign(one: Hello, other: Hello): boolean {
  return one.storeId !== '' && other.storeId !== '' && one.storeId !== other.storeId;
}

function checked(hello: Hello): Hello {
  if (hello.zone === '')
    throw new ControlPlaneError('invalid', '"client-id" is not present in metadata: it must be the name of the zone');
  if (!isLabel(hello.zone)) throw new ControlPlaneError('invalid', `the zone's name (client-id) ${LABEL_RULE}`);
  return hello;
}
