import { type Clock, ControlPlaneError, type Entropy, type Log, rfc3339, type Tasks, VERSION } from '@koguma/core';
import {
  type Insights,
  isLabel,
  LABEL_RULE,
  type ResourceManager,
  type ResourceView,
  typesThatCross,
} from '@koguma/resources';
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery.js';
import type { Hello, KdsEndpoint, StreamIn, StreamOut } from './link.js';
import type { Outbox } from './outbox.js';
import { Receiver } from './receiver.js';
import { Sender } from './sender.js';
import { Subscription } from './subscription.js';
import { mirrorOfZone } from './sync-policy.js';
import { Syncer } from './syncer.js';
import { registerZone, ZoneInsights } from './zone-insights.js';

interface Parts {
  readonly manager: ResourceManager;
  readonly view: ResourceView;
  readonly insights: Insights;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  readonly tasks: Tasks;
  readonly instanceId: string;
}

/** A zone's two streams, while they are open. */
interface Session {
  readonly zone: string;
  readonly since: number;
  readonly sender: Sender;
}

/** Global's side of KDS: takes the zones' streams, and knows who is connected and how far each one is. */
export class KdsServer implements KdsEndpoint {
  readonly #parts: Parts;
  readonly #insights: ZoneInsights;
  readonly #sessions = new Set<Session>();
  readonly #receivers = new Set<Receiver>();
  readonly #lastSeen = new Map<string, number>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#insights = new ZoneInsights(parts);
  }

  /** @throws ControlPlaneError `invalid` for a peer that does not say which zone it is */
  globalToZone(hello: Hello, send: StreamOut<Uint8Array>): StreamIn<DeltaDiscoveryRequest> {
    const { outbox, clock, entropy, log, instanceId } = this.#parts;
    const { zone } = checked(hello);
    const subscription = new Subscription(clock, entropy.uuid(), instanceId);
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
        this.#sessions.delete(session);
        this.#lastSeen.set(zone, clock.wall());
        this.#insights.closed(zone, subscription);
        log.info('zone disconnected', { zone, reason: reason?.message ?? 'the zone ended the stream' });
      },
    });
    const session: Session = { zone, since: clock.wall(), sender };
    this.#sessions.add(session);
    log.info('zone connected', { zone, version: hello.version });
    this.#register(session, subscription);
    return sender;
  }

  /** Asks the zone for its proxies, and keeps what it sends as the zone's. */
  zoneToGlobal(hello: Hello, send: StreamOut<DeltaDiscoveryRequest>): StreamIn<DeltaDiscoveryResponse> {
    const { manager, clock, log, instanceId } = this.#parts;
    const { zone } = checked(hello);
    const syncer = new Syncer({ manager, clock, log, checks: [], mirror: mirrorOfZone(zone) });
    const receiver = new Receiver({
      zone,
      metadata: { version: { kumaCp: { version: VERSION } }, config: '', 'control-plane-id': instanceId },
      apply: (type, response, first) => syncer.apply(type, response, { replace: first }),
      send,
      events: {
        applied: (type, _nonce, error) =>
          error !== undefined && log.warn('refused a part of what a zone sent', { zone, type, error }),
        over: () => this.#receivers.delete(receiver),
      },
    });
    this.#receivers.add(receiver);
    receiver.subscribe(...typesThatCross('to-global'));
    return receiver;
  }

  /** Tells every zone to come back later. */
  stop(): void {
    const goingAway = new ControlPlaneError('unavailable', 'this global control plane is stopping');
    for (const { sender } of [...this.#sessions]) sender.end(goingAway);
    for (const receiver of [...this.#receivers]) receiver.end(goingAway);
  }

  /** For `GET /koguma/sync`: each zone that is known, whether it is connected, and how far it is with each type. */
  report(): object {
    const { view } = this.#parts;
    const zones = view.list('Zone').map(({ name, spec }) => {
      const session = [...this.#sessions].findLast((one) => one.zone === name);
      const seen = this.#lastSeen.get(name);
      return {
        zone: name,
        enabled: spec.enabled ?? true,
        state: session ? 'Online' : 'Offline',
        since: session ? rfc3339(session.since) : seen === undefined ? null : rfc3339(seen),
        types: session?.sender.report() ?? [],
      };
    });
    return { mode: 'global', revision: view.revision, zones };
  }

  /** A zone that cannot be written down now is told to come back, or nobody would see it. */
  #register({ zone, sender }: Session, subscription: Subscription): void {
    const { manager, view, clock, tasks } = this.#parts;
    tasks.start(`kds: register zone ${zone}`, async () => {
      try {
        await registerZone(manager, view, clock, zone);
        this.#insights.opened(zone, subscription);
      } catch (error) {
        sender.end(new ControlPlaneError('unavailable', 'the zone cannot be registered now', { cause: error }));
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
