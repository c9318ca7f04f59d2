import { type Clock, ControlPlaneError, type Entropy } from '@koguma/core';
import { type EventName, type ProxyType, SimulatedProxy } from '@koguma/koguma-dp';

/** How a proxy is: `connected` has all of its configuration, `waiting` will try again, `ended` will not. */
export type ProxyState = 'connecting' | 'connected' | 'waiting' | 'ended';

export interface ProxyOptions {
  readonly name: string;
  readonly token: string;
  /** A dataplane when left out. */
  readonly type?: ProxyType;
  /** Of a dataplane; `default` when left out. */
  readonly mesh?: string;
  /** Tags of its inbounds, one set for each; `{ 'kuma.io/service': name }` when left out. */
  readonly inbounds?: readonly Readonly<Record<string, string>>[];
}

/** Something that happened to a proxy. */
export interface ProxyEvent {
  readonly event: EventName;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly reason?: string;
}

interface Parts {
  readonly zone: string;
  /** Where the zone takes proxies: `https://localhost:6678`. */
  readonly controlPlane: string;
  /** PEM of whom it believes. */
  readonly authority: string;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

/** A proxy without Envoy: it bootstraps, and holds a real ADS stream over TLS to the port for proxies of a zone. */
export class LabProxy {
  readonly name: string;
  readonly zone: string;
  readonly token: string;
  /** Of its resource, in the API of its zone. */
  readonly path: string;
  readonly events: ProxyEvent[] = [];
  readonly #stopping = new AbortController();
  readonly #over: Promise<void>;
  #state: ProxyState = 'connecting';
  #reason: string | undefined;

  constructor(options: ProxyOptions, { zone, controlPlane, authority, clock, entropy }: Parts) {
    this.name = options.name;
    this.zone = zone;
    this.token = options.token;
    this.path = pathOf(options);
    const order = {
      controlPlane,
      authority,
      skipVerify: false,
      type: options.type ?? 'dataplane',
      mesh: (options.type ?? 'dataplane') === 'dataplane' ? (options.mesh ?? 'default') : '',
      name: options.name,
      resource: resourceOf(options),
      token: { inline: options.token },
    };
    const tell = (event: EventName, fields: Readonly<Record<string, string | number>>) => {
      const reason = fields.reason === undefined ? undefined : String(fields.reason);
      this.#happened(event, clock.wall(), reason);
    };
    const proxy = new SimulatedProxy({ order, clock: this.#waking(clock), entropy, tell });
    this.#over = proxy.run(this.#stopping.signal).catch((error: unknown) => {
      this.#happened('stopped', clock.wall(), ControlPlaneError.from(error).message);
    });
  }

  get state(): ProxyState {
    return this.#state;
  }

  /** Why it is not connected, in the words of the control plane; undefined while it is. */
  get reason(): string | undefined {
    return this.#reason;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#over;
  }

  #happened(event: EventName, at: number, reason: string | undefined): void {
    this.events.push({ event, at, ...(reason === undefined ? {} : { reason }) });
    if (event === 'connected') this.#reason = undefined;
    else if (reason !== undefined) this.#reason = reason;
    if (event === 'connected' || event === 'configured') this.#state = 'connected';
    else if (event === 'stopped') this.#state = 'ended';
    else if (event === 'refused' || event === 'disconnected' || event === 'no-bootstrap') this.#state = 'waiting';
  }

  /** It connects again when its wait is over, and says so only when it has. */
  #waking(clock: Clock): Clock {
    return {
      wall: () => clock.wall(),
      mono: () => clock.mono(),
      at: (wallMs, run) => clock.at(wallMs, run),
      after: (ms, run) =>
        clock.after(ms, () => {
          if (this.#state === 'waiting') this.#state = 'connecting';
          run();
        }),
    };
  }
}

function pathOf({ type = 'dataplane', name, mesh = 'default' }: ProxyOptions): string {
  if (type !== 'dataplane') return `/${type === 'ingress' ? 'zoneingresses' : 'zoneegresses'}/${name}`;
  return `/meshes/${mesh}/dataplanes/${name}`;
}

function resourceOf({ type = 'dataplane', name, mesh = 'default', inbounds }: ProxyOptions) {
  if (type !== 'dataplane') {
    const networking = { address: '10.0.0.2', port: 10_001 };
    return { type: type === 'ingress' ? 'ZoneIngress' : 'ZoneEgress', name, networking };
  }
  const sets = inbounds ?? [{ 'kuma.io/service': name }];
  const inbound = sets.map((tags, index) => ({ port: 8080 + index, servicePort: 80, tags }));
  return { type: 'Dataplane', mesh, name, networking: { address: '10.0.0.1', inbound } };
}
