import { type Cancel, type Clock, ControlPlaneError, type Entropy, type Log, type Observer } from '@koguma/core';
import {
  type ConfigSpec,
  type Resource,
  type ResourceType,
  type ResourceView,
  typesThatCross,
} from '@koguma/resources';
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery.js';
import type { GlobalReport, ZoneReport } from './gen/koguma/v1/sync.js';
import { deferred, type Hello, type Link, type StreamOut } from './link.js';
import type { Outbox } from './outbox.js';
import { Receiver } from './receiver.js';
import { Sender, type TypeReport } from './sender.js';
import { Subscription } from './subscription.js';
import { CLUSTER_ID_NAME, mirrorOfGlobal } from './sync-policy.js';
import type { Syncer } from './syncer.js';
import { decodeResource, versionsOf } from './wire.js';

/** The global's identity comes first; nothing else is asked for before it is known. */
const IDENTITY: ResourceType = 'Config';
const THE_REST = typesThatCross('to-zones').filter((type) => type !== IDENTITY);

export interface ConnectionParts {
  /** The store is named when it is dialled, the token by the link that reads it. */
  readonly hello: Omit<Hello, 'storeId'>;
  /** What the zone tells global of itself in its first requests (Kuma's node metadata). */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly syncer: Syncer;
  /** What this zone has for global. */
  readonly outbox: Outbox;
  readonly view: ResourceView;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  readonly observer: Observer;
  /** The id of a global that may take the place of the one that this zone knows; '' for none. */
  readonly adoptClusterId: string;
}

/** What a connection has to tell; `over` comes once and last. */
export interface ConnectionEvents {
  /** Global answered, and is the one that this zone belongs to. */
  answered(): void;
  applied(type: ResourceType, nonce: string, error: string | undefined): void;
  /** Everything that global had is applied. */
  inSync(subscription: Subscription): void;
  /** This global has no heartbeat: it is a plain Kuma. */
  mute(): void;
  /** A heartbeat begins. @param speak sends a report that nobody asked for */
  listening(speak: (report: ZoneReport) => void): void;
  /** Global told what it has. @returns what this zone answers */
  heard(report: GlobalReport): ZoneReport;
  /** This zone does not take that global for its own. */
  refused(reason: string): void;
  over(reason: ControlPlaneError, subscription: Subscription): void;
}

/** How often a zone says that it lives when global leaves that to it, as in Kuma. */
const USUAL_HEALTH_CHECK_MS = 300_000;

/** Until everything came once, something new has to come this often: who only accepts a connection is no global. */
const PROGRESS_MS = 60_000;

/** One life of the link: what comes from global, and what goes to it. */
export class Connection {
  readonly #parts: ConnectionParts;
  readonly #link: Link;
  readonly #events: ConnectionEvents;
  readonly #subscription: Subscription;
  #receiver: Receiver | undefined;
  #sender: Sender | undefined;
  #heartbeat: StreamOut<ZoneReport> | undefined;
  #cancelHealthCheck: Cancel = () => undefined;
  #cancelDeadline: Cancel = () => undefined;
  /** This global was named to be adopted: what this zone made on its own gives way to it. */
  #adopting = false;
  /** This global answers with the difference to what a zone shows that it has. */
  #resumes = false;
  #over = false;

  constructor(parts: ConnectionParts, link: Link, events: ConnectionEvents) {
    this.#parts = parts;
    this.#link = link;
    this.#events = events;
    this.#subscription = new Subscription(parts.clock, parts.entropy.uuid(), '');
  }

  start(): void {
    const requests = deferred<DeltaDiscoveryRequest>();
    this.#receiver = this.#receive(requests.stream);
    requests.resolve(this.#link.globalToZone(this.#receiver));
    const responses = deferred<Uint8Array>();
    this.#sender = this.#send(responses.stream);
    responses.resolve(this.#link.zoneToGlobal(this.#sender));
    this.#receiver.subscribe(IDENTITY);
    this.#expectProgress();
    void this.#checkHealth();
  }

  end(reason: ControlPlaneError): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelHealthCheck();
    this.#cancelDeadline();
    this.#receiver?.end(reason);
    this.#sender?.end(reason);
    this.#heartbeat?.end(reason);
    this.#events.over(reason, this.#subscription);
  }

  /** Streams that are open, of the three that there are. */
  get openStreams(): number {
    return this.#over ? 0 : [this.#receiver, this.#sender, this.#heartbeat].filter(Boolean).length;
  }

  /** How far global is with what this zone has; empty before it asked. */
  report(): TypeReport[] {
    return this.#sender?.report() ?? [];
  }

  #receive(send: StreamOut<DeltaDiscoveryRequest>): Receiver {
    const { hello, metadata, syncer, observer } = this.#parts;
    return new Receiver({
      zone: hello.zone,
      metadata,
      apply: (type, response, replace) => syncer.apply(type, response, { replace, takeOver: this.#adopting }),
      send,
      observer,
      events: {
        welcomed: ({ resumes }) => {
          this.#resumes = resumes;
        },
        objectTo: (type, response, first) => this.#objectTo(type, response, first),
        applied: (type, nonce, error, first) => this.#applied(type, nonce, error, first),
        over: (reason) => this.end(reason),
      },
    });
  }

  #applied(type: ResourceType, nonce: string, error: string | undefined, first: boolean): void {
    this.#subscription.count(type, 'sent');
    this.#subscription.count(type, error === undefined ? 'acknowledged' : 'rejected');
    this.#events.applied(type, nonce, error);
    if (!first) return;
    this.#expectProgress();
    if (type === IDENTITY) this.#askForTheRest();
    else if (this.#receiver?.complete) {
      this.#cancelDeadline();
      this.#events.inSync(this.#subscription);
      this.#listen();
    }
  }

  #expectProgress(): void {
    const silent = new ControlPlaneError('unavailable', 'global accepted the connection and does not answer');
    this.#cancelDeadline();
    this.#cancelDeadline = this.#parts.clock.after(PROGRESS_MS, () => this.end(silent));
  }

  /** Where another link ended this one goes on: global is shown what is here, and sends what is not. */
  #askForTheRest(): void {
    const { view } = this.#parts;
    for (const type of THE_REST) {
      const mirrored = () => versionsOf(view.list(type).filter(mirrorOfGlobal.owns));
      this.#receiver?.subscribe(type, this.#resumes && !this.#adopting ? mirrored() : undefined);
    }
  }

  #listen(): void {
    const reports = deferred<ZoneReport>();
    this.#heartbeat = reports.stream;
    const stream = this.#link.heartbeat({
      message: (report) => reports.stream.send(this.#events.heard(report)),
      closed: (reason) => {
        if (reason?.code === 'unimplemented') this.#events.mute();
        else this.end(reason ?? lost());
      },
    });
    reports.resolve(stream);
    this.#events.listening((report) => reports.stream.send(report));
  }

  /** Kuma's globals cut a zone that promised to say that it lives and does not. */
  async #checkHealth(): Promise<void> {
    try {
      const wait = (await this.#link.healthCheck()) || USUAL_HEALTH_CHECK_MS;
      if (!this.#over) this.#cancelHealthCheck = this.#parts.clock.after(wait, () => void this.#checkHealth());
    } catch (error) {
      const reason = ControlPlaneError.from(error);
      if (reason.code !== 'unimplemented') this.end(reason);
    }
  }

  #send(send: StreamOut<Uint8Array>): Sender {
    const { outbox, clock, entropy, log, observer } = this.#parts;
    const ended = (reason: ControlPlaneError | undefined) => this.end(reason ?? lost());
    return new Sender({ peer: 'global', outbox, send, clock, entropy, log, observer, ended });
  }

  #objectTo(type: ResourceType, response: DeltaDiscoveryResponse, first: boolean): string | undefined {
    const objection = type === IDENTITY ? this.#objectToIdentity(idToldBy(response), first) : undefined;
    if (objection === undefined) this.#events.answered();
    else this.#events.refused(objection);
    return objection;
  }

  /** Two globals make different keys of the same names: taking the second for the first would replace them all. */
  #objectToIdentity(told: string | undefined, first: boolean): string | undefined {
    const { view, adoptClusterId } = this.#parts;
    const known = clusterIdOf(view);
    this.#adopting ||= told !== undefined && told === adoptClusterId;
    if (known === undefined || told === known || this.#adopting || (told === undefined && !first)) return undefined;
    if (told === undefined) return 'global does not tell its cluster id, and this zone belongs to one that has one';
    return (
      `this zone belongs to the global control plane with cluster id ${known}, and this one has ${told}: ` +
      `its keys would replace those that this zone has. To adopt it, start the zone with KOGUMA_MULTIZONE_ZONE_ADOPT_CLUSTER_ID=${told}`
    );
  }
}

function lost(): ControlPlaneError {
  return new ControlPlaneError('unavailable', 'global ended the stream');
}

function idToldBy(response: DeltaDiscoveryResponse): string | undefined {
  const config = response.resources
    .map((resource) => decodeResource(IDENTITY, resource))
    .find(({ key }) => key.name === CLUSTER_ID_NAME);
  return (config?.spec as ConfigSpec | undefined)?.config;
}

/** The id of the global that this control plane belongs to, or is; undefined before it is known. */
export function clusterIdOf(view: ResourceView): string | undefined {
  return view.get<Resource<ConfigSpec>>({ type: 'Config', mesh: '', name: CLUSTER_ID_NAME })?.spec.config;
}
