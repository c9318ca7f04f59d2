import { type Clock, ControlPlaneError, type Entropy, type Log, rfc3339, type Tasks } from '@koguma/core';
import { isLabel, LABEL_RULE, type ResourceManager, type ResourceView } from '@koguma/resources';
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery.js';
import { GlobalSession } from './global-session.js';
import type { Hello, KdsEndpoint, StreamIn, StreamOut } from './link.js';
import type { Outbox } from './outbox.js';
import { Subscription } from './subscription.js';
import { registerZone, ZoneInsights } from './zone-insights.js';

interface Parts {
  readonly manager: ResourceManager;
  readonly view: ResourceView;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  readonly tasks: Tasks;
  readonly instanceId: string;
  readonly flushIntervalMs: number;
}

/** Global's side of KDS: takes the zones' streams, and knows who is connected and how far each one is. */
export class KdsServer implements KdsEndpoint {
  readonly #parts: Parts;
  readonly #insights: ZoneInsights;
  readonly #sessions = new Map<GlobalSession, { readonly zone: string; readonly since: number }>();
  readonly #lastSeen = new Map<string, number>();
  /** The streams that zones hold open for requests of this global. */
  readonly #held = new Set<StreamOut<DeltaDiscoveryRequest>>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#insights = new ZoneInsights(parts);
    parts.tasks.start('kds: zone insights', (signal) => this.#insights.run(signal));
  }

  /** @throws ControlPlaneError `invalid` for a peer that does not say which zone it is */
  globalToZone(hello: Hello, send: StreamOut<Uint8Array>): StreamIn<DeltaDiscoveryRequest> {
    const { manager, view, outbox, clock, entropy, log, instanceId, tasks } = this.#parts;
    const { zone } = checked(hello);
    const subscription = new Subscription(clock, entropy.uuid(), instanceId);
    const session: GlobalSession = new GlobalSession({
      zone,
      outbox,
      subscription,
      send,
      clock,
      entropy,
      log,
      counted: () => this.#insights.changed(zone),
      ended: () => {
        this.#sessions.delete(session);
        this.#lastSeen.set(zone, clock.wall());
        this.#insights.closed(zone, subscription);
      },
    });
    this.#sessions.set(session, { zone, since: clock.wall() });
    log.info('zone connected', { zone, version: hello.version });
    tasks.start(`kds: register zone ${zone}`, async () => {
      try {
        await registerZone(manager, view, clock, zone);
        this.#insights.opened(zone, subscription);
      } catch (error) {
        session.end(new ControlPlaneError('unavailable', 'the zone cannot be registered now', { cause: error }));
      }
    });
    return session;
  }

  /** Held open: zones have nothing to send that this global asks for. */
  zoneToGlobal(hello: Hello, send: StreamOut<DeltaDiscoveryRequest>): StreamIn<DeltaDiscoveryResponse> {
    checked(hello);
    this.#held.add(send);
    return { message: () => undefined, closed: () => this.#held.delete(send) };
  }

  /** Tells every zone to come back later. */
  stop(): void {
    const goingAway = new ControlPlaneError('unavailable', 'this global control plane is stopping');
    for (const session of [...this.#sessions.keys()]) session.end(goingAway);
    for (const stream of this.#held) stream.end(goingAway);
    this.#held.clear();
  }

  /** For `GET /koguma/sync`: each zone that is known, whether it is connected, and how far it is with each type. */
  report(): object {
    const { view } = this.#parts;
    const zones = view.list('Zone').map(({ name, spec }) => {
      const session = [...this.#sessions].findLast(([, about]) => about.zone === name);
      const seen = this.#lastSeen.get(name);
      return {
        zone: name,
        enabled: spec.enabled ?? true,
        state: session ? 'Online' : 'Offline',
        since: session ? rfc3339(session[1].since) : seen === undefined ? null : rfc3339(seen),
        types: session?.[0].report() ?? [],
      };
    });
    return { mode: 'global', revision: view.revision, zones };
  }
}

function checked(hello: Hello): Hello {
  if (hello.zone === '')
    throw new ControlPlaneError('invalid', '"client-id" is not present in metadata: it must be the name of the zone');
  if (!isLabel(hello.zone)) throw new ControlPlaneError('invalid', `the zone's name (client-id) ${LABEL_RULE}`);
  return hello;
}
