import { type Clock, ControlPlaneError, type Log, sleep } from '@koguma/core';
import type { ResourceView } from '@koguma/resources';
import type { Heart } from './heart.js';
import { type Hello, isForeign, PINGS } from './link.js';
import type { Sender } from './sender.js';
import type { Told } from './zone-insights.js';
import type { ZoneStatus } from './zone-status.js';

/** One stream of a zone, while it is open: what is known of it belongs to the stream, never to the zone's name. */
export interface OpenStream {
  readonly hello: Hello;
  /** On `wall`. */
  readonly since: number;
  /** When its zone last said that it lives, on `mono`. */
  lastSign: number;
  /** Of the stream that carries what zones get. */
  readonly sender?: Sender;
  end(reason: ControlPlaneError): void;
}

interface Parts {
  readonly view: ResourceView;
  readonly heart: Heart;
  /** What a replica that has a link with the zone told of it. */
  readonly told: (zone: string) => Told | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/** Durations in milliseconds. */
interface HealthCheck {
  readonly pollInterval: number;
  readonly timeout: number;
}

/** The streams of all zones that global has open: who may open one, and when one is ended from here. */
export class OpenStreams {
  readonly #parts: Parts;
  /** By zone, oldest first. */
  readonly #streams = new Map<string, Set<OpenStream>>();
  /** Zones that are written down, for as long as they are. */
  readonly #registered = new Set<string>();

  constructor(parts: Parts) {
    this.#parts = parts;
    parts.view.onChange(({ reset, entries }) => {
      if (reset || entries.some(({ key }) => key.type === 'Zone')) this.#cutTheDeleted();
    });
  }

  /**
   * Two control planes under one name would overwrite each other. Replicas of a zone share its store, and may follow each
   * other; of others the first one has the name, as long as it is there, also when it is at another replica of global. One whose heartbeat fell silent is not: a zone
   * that came back with another disk is not locked out by its own dead connection. A plain Kuma tells of no store, and
   * is taken as Kuma's global takes it.
   * @throws ControlPlaneError `conflict` for one that says it is a zone which is connected already
   */
  claim(hello: Hello): void {
    const { heart, log } = this.#parts;
    const others = this.#of(hello.zone).filter((stream) => stream.hello.instanceId !== hello.instanceId);
    const silent = others.filter((stream) => (this.silentMs(stream) ?? 0) >= heart.staleAfterMs);
    const holder = others.find((stream) => !silent.includes(stream) && isForeign(stream.hello, hello));
    const elsewhere = this.#ownerElsewhere(hello.zone);
    if (holder || (elsewhere && isForeign(elsewhere, hello))) {
      log.warn('a second control plane claims the name of a zone', { zone: hello.zone });
      throw nameIsTaken(hello);
    }
    const replaced = new ControlPlaneError(
      'unavailable',
      'nothing is heard of this connection, and a newer one of the zone is there',
    );
    for (const stream of silent) stream.end(replaced);
  }

  /**
   * Who lives in one store has one connection at a time: what is still under way on an older one is older than what is
   * said on this, and must not be taken for news. Of a plain Kuma's store nothing is known.
   */
  supersede({ hello: { zone, storeId } }: OpenStream): void {
    const reason = new ControlPlaneError('unavailable', 'a newer connection of the zone is there');
    const ofZone = this.#of(zone).filter(({ sender }) => !sender);
    for (const { hello, end } of ofZone.slice(0, -1)) if (storeId !== '' && hello.storeId === storeId) end(reason);
  }

  /**
   * How long ago a stream's control plane was last heard: by its heartbeat or, before that has begun, since it came or
   * said that it lives: its link may carry one way only. Undefined for a plain Kuma, which has no heartbeat.
   */
  silentMs({ hello, lastSign }: OpenStream): number | undefined {
    const { heart, clock } = this.#parts;
    const heard = heart.heardFrom(hello)?.silentMs;
    return heard ?? (hello.instanceId === '' ? undefined : clock.mono() - lastSign);
  }

  get size(): number {
    return this.#all().length;
  }

  add(stream: OpenStream): void {
    const { zone } = stream.hello;
    this.#streams.set(zone, (this.#streams.get(zone) ?? new Set()).add(stream));
  }

  delete(stream: OpenStream): void {
    const { zone } = stream.hello;
    const streams = this.#streams.get(zone);
    if (streams?.delete(stream) && streams.size === 0) this.#streams.delete(zone);
    this.#parts.heart.left(stream.hello);
  }

  /** Whether that control plane has a stream open. */
  has({ zone, instanceId }: Hello): boolean {
    return this.#of(zone).some(({ hello }) => hello.instanceId === instanceId);
  }

  /**
   * Replicas learn of each other's links a moment late: where two control planes came in under one name meanwhile, the
   * one that came first keeps it. Asked for whenever a replica told of the zone.
   */
  settle(zone: string): void {
    const elsewhere = this.#ownerElsewhere(zone);
    if (!elsewhere) return;
    for (const stream of this.#of(zone)) {
      const { hello, since } = stream;
      if (since < elsewhere.since || !isForeign(elsewhere, hello)) continue;
      this.#parts.log.warn('two control planes have the name of a zone, the later one is ended', { zone });
      stream.end(nameIsTaken(hello));
    }
  }

  /** The zone of these streams is written down: when that is deleted, they are ended. */
  registered(zone: string): void {
    this.#registered.add(zone);
  }

  /** The newest stream that carries what a zone gets; undefined when it has none. */
  newest(zone: string): OpenStream | undefined {
    return this.#of(zone).findLast(({ sender }) => sender);
  }

  /** The control plane of these streams said that it lives. */
  signOf({ zone, instanceId }: Hello): void {
    for (const stream of this.#of(zone))
      if (stream.hello.instanceId === instanceId) stream.lastSign = this.#parts.clock.mono();
  }

  endAll(reason: ControlPlaneError): void {
    for (const stream of this.#all()) stream.end(reason);
  }

  /** Kuma's ZoneWatch: a zone that promised to say that it lives, and does not, has to dial again. */
  async cutTheSilent({ pollInterval, timeout }: HealthCheck, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#parts;
    const silent = new ControlPlaneError('unavailable', 'the zone did not say in time that it lives');
    while (!signal.aborted) {
      await sleep(clock, pollInterval, signal);
      for (const stream of this.#all()) {
        if (!stream.hello.features.includes(PINGS) || clock.mono() - stream.lastSign <= timeout) continue;
        log.warn('a zone is silent, its stream is ended', { zone: stream.hello.zone });
        stream.end(silent);
      }
    }
  }

  #of(zone: string): OpenStream[] {
    return [...(this.#streams.get(zone) ?? [])];
  }

  #all(): OpenStream[] {
    return [...this.#streams.values()].flatMap((streams) => [...streams]);
  }

  /** Undefined also when nothing is heard of it any more: then it does not have the name. */
  #ownerElsewhere(zone: string): Told['owner'] {
    const { heart, told } = this.#parts;
    const { owner, report, ageMs } = told(zone) ?? {};
    const { heartbeat } = (report ?? {}) as Partial<ZoneStatus>;
    return (ageMs ?? 0) + (heartbeat?.heardMsAgo ?? 0) < heart.staleAfterMs ? owner : undefined;
  }

  /** As in Kuma, a zone whose control plane still runs comes back by itself, and is written down anew. */
  #cutTheDeleted(): void {
    const { view, log } = this.#parts;
    for (const zone of this.#registered) {
      if (view.get({ type: 'Zone', mesh: '', name: zone })) continue;
      this.#registered.delete(zone);
      const streams = this.#of(zone);
      if (streams.length > 0) log.warn('a connected zone was deleted, its streams are ended', { zone });
      for (const stream of streams)
        stream.end(new ControlPlaneError('unavailable', `Zone ${JSON.stringify(zone)} was deleted on global`));
    }
  }
}

function nameIsTaken({ zone }: Hello): ControlPlaneError {
  return new ControlPlaneError(
    'conflict',
    `another control plane is connected as zone ${zone}, with another store: give this one a name of its own (KUMA_MULTIZONE_ZONE_NAME), or stop the other`,
  );
}
