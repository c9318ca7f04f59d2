import {
  type ApiServerParts,
  createApiAdapter,
  type HttpDoors,
  Metrics,
  openHttpDoors,
  type SyncSource,
} from '@koguma/api-server';
import { bothObserve, Certificates, type Config, type Log, maskConfig, UNOBSERVED, VERSION } from '@koguma/core';
import { BootstrapServer, type DpDoor, doorCertificate, dpServerSettings, openDpDoor } from '@koguma/dp-server';
import { clusterIdOf } from '@koguma/kds';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { composeZone, type Zone, type ZonePorts } from './zone.js';

/** Proxies that do not read their farewell are reset after this. */
const GRACE_MS = 300;

/** A zone control plane that people and proxies can reach. */
export interface ServedZone extends Zone {
  readonly ports: HttpDoors['ports'] & { readonly dp: number };
}

/** Opens the doors. A zone that waits for its first sync serves and says so, and is not ready. */
export async function serveZone(config: Config, ports: ZonePorts, hostname: string): Promise<ServedZone> {
  const log = ports.log.scope('api-server');
  const certificates = new Certificates({ config, clock: ports.clock, log: ports.log.scope('tls'), hostname });
  certificates.prepare();
  const metrics = new Metrics(ports.clock);
  const observer = bothObserve(metrics, ports.observer ?? UNOBSERVED);
  const zone = await composeZone(config, { ...ports, observer }).catch(async (error: unknown) => {
    await ports.store.close();
    throw error;
  });
  const { link, tasks } = zone;
  const api = apiParts(config, zone, ports, hostname, certificates);
  metrics.watch({ mode: 'zone', zone: config.multizone.zone.name, version: VERSION }, () => ({
    revision: zone.view.revision.n,
    leads: zone.leadership.leads,
    streams: { ads: zone.dp.sessions.size, kds: link?.openStreams ?? 0 },
    sync: api.sync.report(),
  }));

  const { clock, entropy } = ports;
  const adapter = createApiAdapter({ ...api.settings, followers: { clock, entropy, log, observer } });
  const app = await NestFactory.create(AppModule.with(api), adapter, { logger: false, abortOnError: false });
  let door: DpDoor | undefined;
  try {
    door = await openProxyDoor(config, zone, certificates, ports.log);
    const unready = () => link?.unready;
    const doors = await openHttpDoors(app, adapter, { config, certificates, unready, metrics, log });
    tasks.start('tls: changed files', (signal) => certificates.run(signal));
    const { port, close } = door;
    const stop = async () => {
      await Promise.all([close(GRACE_MS), doors.close()]);
      await zone.stop();
    };
    return { ...zone, ports: { ...doors.ports, dp: port }, stop };
  } catch (error) {
    await door?.close(0);
    await zone.stop();
    throw error;
  }
}

/** What the REST door of a zone needs. @param certificates where there is TLS */
export function apiParts(
  config: Config,
  zone: Zone,
  { clock, log }: ZonePorts,
  hostname: string,
  certificates?: Certificates,
): ApiServerParts {
  const { manager, auth, keys, timeline, events, link, view, instanceId } = zone;
  const { name } = config.multizone.zone;
  return {
    identity: { mode: 'zone', zone: name, hostname, instanceId, version: VERSION, clusterId: () => clusterIdOf(view) },
    manager,
    view,
    auth,
    sync: link ?? standAlone(zone, name),
    keys,
    timeline,
    events,
    ...(certificates ? { certificates } : {}),
    clock,
    log: log.scope('api-server'),
    config: maskConfig(config),
    settings: { maxBodySize: config.koguma.http.maxBodySize },
  };
}

async function openProxyDoor(config: Config, { dp }: Zone, certificates: Certificates, log: Log): Promise<DpDoor> {
  const tls = await certificates.identity('dpServer');
  const address = { host: config.koguma.dpServer.interface, port: config.dpServer.port, name: 'proxies', tls };
  const bootstrap = new BootstrapServer({
    admission: dp.admission,
    settings: dpServerSettings(config),
    certificate: doorCertificate(tls),
    port: () => door.port,
  });
  const door: DpDoor = await openDpDoor({ ads: dp.ads, bootstrap, log: log.scope('dp-server') }, address);
  return door;
}

function standAlone({ view }: Zone, zone: string): SyncSource {
  return { report: () => ({ mode: 'zone', zone, revision: view.revision, global: null, state: 'stand-alone' }) };
}
