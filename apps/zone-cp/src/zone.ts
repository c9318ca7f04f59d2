import { Auth, authSettings, readOnlyReason, type TokenCrypto } from '@koguma/auth';
import {
  type Clock,
  type Config,
  type Entropy,
  EventLog,
  KUMA_VERSION,
  type Log,
  maskConfig,
  type Observer,
  Tasks,
  UNOBSERVED,
  VERSION,
} from '@koguma/core';
import { composeDpServer, type DpServer, dpServerSettings, membershipCheck } from '@koguma/dp-server';
import {
  CLUSTER_ID_NAME,
  clusterIdOf,
  type Dial,
  departuresToGlobal,
  KeyInventory,
  mirrorOfGlobal,
  Outbox,
  PINGS,
  Syncer,
  Timeline,
  ZoneInsights,
  ZoneLink,
  ZoneVoice,
} from '@koguma/kds';
import {
  DEFAULT_MESH,
  Insights,
  isInsight,
  Leadership,
  observedStore,
  ResourceManager,
  type ResourceStore,
  ResourceView,
  typesThatCross,
} from '@koguma/resources';

/** The ports of a zone control plane: what differs between a process, a test and a simulation. */
export interface ZonePorts {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly crypto: TokenCrypto;
  readonly log: Log;
  readonly dial: Dial;
  /** Who watches it at work; nobody when left out. */
  readonly observer?: Observer;
}

/** A zone control plane without its doors. */
export interface Zone {
  readonly manager: ResourceManager;
  readonly view: ResourceView;
  readonly auth: Auth;
  /** Every key, and all that depends on it here. */
  readonly keys: KeyInventory;
  /** Since when revocations and keys count here, and where that was felt. */
  readonly timeline: Timeline;
  /** What happened lately. */
  readonly events: EventLog;
  readonly insights: Insights;
  /** Undefined in a stand-alone zone, which has no global and owns its meshes and keys itself. */
  readonly link: ZoneLink | undefined;
  /** What stands behind the port for proxies. */
  readonly dp: DpServer;
  /** Whether this one of several replicas does what only one may do. */
  readonly leadership: Leadership;
  readonly instanceId: string;
  /** What runs until `stop`; doors start theirs here. */
  readonly tasks: Tasks;
  stop(): Promise<void>;
}

/** Puts a zone control plane together. Where that fails, nothing of it goes on; the store is left open. */
export async function composeZone(config: Config, ports: ZonePorts): Promise<Zone> {
  const { clock, log: output } = ports;
  const events = new EventLog(clock);
  const log = events.watch(output);
  const tasks = new Tasks((owner, error) => log.error('a background task failed', { owner, error: String(error) }));
  try {
    return await composed(config, { ...ports, log, events, tasks });
  } catch (error) {
    await tasks.stop();
    throw error;
  }
}

/** Read from top to bottom, this is the architecture. */
async function composed(
  config: Config,
  {
    store: unobserved,
    clock,
    entropy,
    crypto,
    log,
    events,
    tasks,
    dial,
    observer = UNOBSERVED,
  }: ZonePorts & Pick<Zone, 'events' | 'tasks'>,
): Promise<Zone> {
  const store = observedStore(unobserved, observer);
  const { name, globalAddress } = config.multizone.zone;
  const federated = globalAddress !== '';
  const settings = authSettings(config, crypto.parseKey);
  const instanceId = entropy.uuid();

  const leadership = new Leadership({ store, clock, log: log.scope('store'), instanceId });
  await leadership.claim();
  tasks.start('resources: leadership', (signal) => leadership.run(signal));

  const view = new ResourceView({ store, clock, log: log.scope('store') });
  await view.load();
  tasks.start('resources: view', (signal) => view.run(signal));

  const insights = new Insights({
    store,
    view,
    clock,
    log: log.scope('store'),
    flushIntervalMs: config.xdsServer.dataplaneStatusFlushInterval,
  });
  await insights.load(['ZoneInsight', ...typesThatCross('to-global').filter(isInsight)]);

  let link: ZoneLink | undefined;
  const hint = () => link?.hint() ?? '';
  const auth = new Auth({
    view,
    crypto,
    clock,
    entropy,
    log: log.scope('auth'),
    settings,
    federated,
    hint,
    observer,
  });
  const manager = new ResourceManager({
    store,
    view,
    clock,
    log: log.scope('resources'),
    readOnly: (key) =>
      readOnlyReason(key, federated ? 'federated-zone' : 'stand-alone-zone', config.apiServer.readOnly),
    hooks: [...auth.writeHooks, membershipCheck(view)],
    zone: name,
    unsafeDelete: config.store.unsafeDelete,
  });

  if (federated) {
    const zoneLink = new ZoneLink({
      hello: { zone: name, version: VERSION, instanceId, features: ['hash-suffix', PINGS], token: '' },
      metadata: nodeMetadata(config, instanceId),
      globalAddress,
      dial,
      syncer: new Syncer({ manager, clock, log: log.scope('kds'), checks: auth.writeHooks, mirror: mirrorOfGlobal }),
      outbox: new Outbox({
        view,
        insights,
        departures: departuresToGlobal(name),
        limit: config.multizone.zone.kds.maxMsgSize,
        log: log.scope('kds'),
      }),
      manager,
      view,
      voice: new ZoneVoice({ traces: auth.traces, issued: auth.issued, clock }),
      insights: new ZoneInsights({ insights, clock, leadership, instanceId }),
      leadership,
      clock,
      entropy,
      log: log.scope('kds'),
      observer,
      backoff: {
        baseMs: config.koguma.multizone.zone.reconnect.base,
        maxMs: config.koguma.multizone.zone.reconnect.max,
      },
      adoptClusterId: config.koguma.multizone.zone.adoptClusterId,
    });
    await zoneLink.recall();
    link = zoneLink;
    tasks.start('kds: link to global', (signal) => leadership.whileLeading((term) => zoneLink.run(term), signal));
  } else {
    if (clusterIdOf(view) === undefined && !config.defaults.skipMeshCreation) await manager.ensure(DEFAULT_MESH, {});
    await manager.ensure({ type: 'Config', mesh: '', name: CLUSTER_ID_NAME }, { config: entropy.uuid() });
  }
  // After auth, so that keys and revocations have moved when the streams that stand on them hear of it.
  const dp = composeDpServer({
    settings: dpServerSettings(config),
    auth,
    manager,
    view,
    insights,
    leadership,
    clock,
    entropy,
    log: log.scope('dp-server'),
    instanceId,
  });
  tasks.start('resources: insights', (signal) => insights.run(signal));
  await auth.prepare(manager);
  tasks.start('auth: admin token', (signal) =>
    leadership.whileLeading((term) => auth.run(manager, term, () => leadership.fence), signal),
  );

  return {
    manager,
    view,
    auth,
    keys: new KeyInventory({ auth, view, manager, controlPlane: name }),
    timeline: new Timeline({ traces: auth.traces, view, clock, controlPlane: name, zones: () => [] }),
    events,
    insights,
    link,
    dp,
    leadership,
    instanceId,
    tasks,
    stop: async () => {
      await tasks.stop();
      await store.close();
    },
  };
}

/** What a zone tells global of itself, as Kuma's zones do. */
function nodeMetadata(config: Config, instanceId: string): Record<string, unknown> {
  return {
    version: { kumaCp: { version: VERSION, gitTag: '', gitCommit: '', buildDate: '', basedOnKuma: KUMA_VERSION } },
    config: JSON.stringify(maskConfig(config)),
    'control-plane-id': instanceId,
    features: ['zone-token', 'hash-suffix'],
  };
}
