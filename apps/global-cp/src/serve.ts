import { createApiAdapter, type HttpDoors, Metrics, openHttpDoors } from '@koguma/api-server';
import { bothObserve, Certificates, type Config, maskConfig, UNOBSERVED, VERSION } from '@koguma/core';
import { clusterIdOf, KdsTransport } from '@koguma/kds';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { composeGlobal, type Global, type GlobalPorts } from './global.js';

/** A global control plane that people and zones can reach. */
export interface ServedGlobal extends Global {
  readonly ports: HttpDoors['ports'] & { readonly kds: number };
}

/** Opens the doors when there is something to serve: KDS for zones, then HTTP for people. */
export async function serveGlobal(config: Config, ports: GlobalPorts, hostname: string): Promise<ServedGlobal> {
  const log = ports.log.scope('api-server');
  const certificates = new Certificates({ config, clock: ports.clock, log: ports.log.scope('tls'), hostname });
  certificates.prepare();
  const metrics = new Metrics(ports.clock);
  const observer = bothObserve(metrics, ports.observer ?? UNOBSERVED);
  const global = await composeGlobal(config, { ...ports, observer }).catch(async (error: unknown) => {
    await ports.store.close();
    throw error;
  });
  const { manager, auth, keys, timeline, events, kds, endpoint, view, leadership, instanceId, tasks } = global;
  metrics.watch({ mode: 'global', zone: '', version: VERSION }, () => ({
    revision: view.revision.n,
    leads: leadership.leads,
    streams: { kds: kds.openStreams },
    sync: kds.report(),
  }));
  const clusterId = () => clusterIdOf(view);
  const identity = { mode: 'global', zone: undefined, hostname, instanceId, version: VERSION, clusterId } as const;
  const settings = { maxBodySize: config.koguma.http.maxBodySize };
  const shown = maskConfig(config);
  const api = {
    identity,
    manager,
    view,
    auth,
    sync: kds,
    keys,
    timeline,
    events,
    certificates,
    clock: ports.clock,
    log,
    config: shown,
    settings,
  };

  const { clock, entropy } = ports;
  const adapter = createApiAdapter({ ...settings, followers: { clock, entropy, log, observer } });
  const module = AppModule.with(api, endpoint, log);
  const app = await NestFactory.create(module, adapter, { logger: false, abortOnError: false });
  try {
    const transport = await kdsTransport(config, certificates, ports);
    app.connectMicroservice({ strategy: transport });
    await app.startAllMicroservices();
    const doors = await openHttpDoors(app, adapter, { config, certificates, unready: () => undefined, metrics, log });
    tasks.start('tls: changed files', (signal) => certificates.run(signal));
    const stop = async () => {
      kds.stop();
      await doors.close();
      await global.stop();
    };
    return { ...global, ports: { ...doors.ports, kds: transport.port }, stop };
  } catch (error) {
    await app.close();
    await global.stop();
    throw error;
  }
}

async function kdsTransport(
  { koguma, multizone }: Config,
  certificates: Certificates,
  { clock, log }: GlobalPorts,
): Promise<KdsTransport> {
  const { grpcPort, maxMsgSize: maxMessageSize, msgSendTimeout: sendTimeoutMs, tlsEnabled } = multizone.global.kds;
  const { interface: host, maxConnections, idleTimeout: idleMs } = koguma.multizone.global.kds;
  const tls = tlsEnabled ? await certificates.identity('multizone.global.kds') : undefined;
  const address = { host, port: grpcPort, name: 'zones (KDS)', maxConnections, tls };
  return new KdsTransport(address, { maxMessageSize, sendTimeoutMs, idleMs }, { clock, log: log.scope('kds') });
}
