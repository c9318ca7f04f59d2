import { Auth, authSettings, readOnlyReason, type TokenCrypto } from '@koguma/auth';
import {
  type Clock,
  type Config,
  type Entropy,
  EventLog,
  type Log,
  type Observer,
  Tasks,
  UNOBSERVED,
} from '@koguma/core';
import {
  Admission,
  CLUSTER_ID_NAME,
  clusterIdOf,
  departuresToZones,
  type KdsEndpoint,
  KdsServer,
  KeyInventory,
  Outbox,
  sizeLimit,
  stayingHomeWarning,
  Timeline,
} from '@koguma/kds';
import {
  DEFAULT_MESH,
  Insights,
  Leadership,
  observedStore,
  ResourceManager,
  type ResourceStore,
  ResourceView,
} from '@koguma/resources';

/** The ports of a global control plane: what differs between a process, a test and a simulation. */
export interface GlobalPorts {
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly crypto: TokenCrypto;
  readonly log: Log;
  /** Who watches it at work; nobody when left out. */
  readonly observer?: Observer;
}

/** A global control plane without its doors. */
export interface Global {
  readonly manager: ResourceManager;
  readonly view: ResourceView;
  readonly auth: Auth;
  /** Every key, and all that depends on it. */
  readonly keys: KeyInventory;
  /** How revocations and keys reached the zones. */
  readonly timeline: Timeline;
  /** What happened lately. */
  readonly events: EventLog;
  readonly kds: KdsServer;
  /** What zones reach: `kds`, behind the check of who they are where there is one. */
  readonly endpoint: KdsEndpoint;
  /** Whether this one of several replicas does what only one may do. */
  readonly leadership: Leadership;
  readonly instanceId: string;
  /** What runs until `stop`; doors start theirs here. */
  readonly tasks: Tasks;
  stop(): Promise<void>;
}

/** Puts a global control plane together. Where that fails, nothing of it goes on; the store is left open. */
export async function composeGlobal(config: Config, ports: GlobalPorts): Promise<Global> {
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
    observer = UNOBSERVED,
  }: GlobalPorts & Pick<Global, 'events' | 'tasks'>,
): Promise<Global> {
  const store = observedStore(unobserved, observer);
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
    flushIntervalMs: config.multizone.global.kds.zoneInsightFlushInterval,
  });
  await insights.load(['ZoneInsight']);
  tasks.start('resources: insights', (signal) => insights.run(signal));

  const auth = new Auth({
    view,
    crypto,
    clock,
    entropy,
    log: log.scope('auth'),
    settings,
    federated: false,
    observer,
  });
  const manager = new ResourceManager({
    store,
    view,
    clock,
    log: log.scope('resources'),
    readOnly: (key) => readOnlyReason(key, 'global', config.apiServer.readOnly),
    hooks: [...auth.writeHooks, stayingHomeWarning, sizeLimit(view, config.multizone.global.kds.maxMsgSize)],
    unsafeDelete: config.store.unsafeDelete,
  });

  if (clusterIdOf(view) === undefined && !config.defaults.skipMeshCreation) await manager.ensure(DEFAULT_MESH, {});
  await manager.ensure({ type: 'Config', mesh: '', name: CLUSTER_ID_NAME }, { config: entropy.uuid() });
  await auth.prepare(manager);
  tasks.start('auth: admin token', (signal) =>
    leadership.whileLeading((term) => auth.run(manager, term, () => leadership.fence), signal),
  );

  // Zones take a first response for all there is, so nothing is sent before all of the above is in the store.
  const departures = departuresToZones(crypto.parseKey);
  const limit = config.multizone.global.kds.maxMsgSize;
  const outbox = new Outbox({ view, departures, limit, log: log.scope('kds') });
  const zones = () => view.list('Zone').map((zone) => zone.name);
  const timeline = new Timeline({ traces: auth.traces, view, clock, controlPlane: 'global', zones });
  const kds = new KdsServer({
    timeline,
    manager,
    view,
    insights,
    leadership,
    outbox,
    clock,
    entropy,
    log: log.scope('kds'),
    observer,
    tasks,
    instanceId,
    settings: {
      heartbeatInterval: config.koguma.multizone.global.kds.heartbeatInterval,
      zoneHealthCheck: config.multizone.global.kds.zoneHealthCheck,
    },
  });

  const admission = { endpoint: kds, validator: auth.validator, view, clock, log: log.scope('kds') };
  const endpoint = config.koguma.multizone.global.kds.authType === 'cpToken' ? new Admission(admission) : kds;

  return {
    manager,
    view,
    auth,
    keys: new KeyInventory({ auth, view, manager, controlPlane: 'global', kds }),
    timeline,
    events,
    kds,
    endpoint,
    leadership,
    instanceId,
    tasks,
    stop: async () => {
      kds.stop();
      await tasks.stop();
      await store.close();
    },
  };
}
