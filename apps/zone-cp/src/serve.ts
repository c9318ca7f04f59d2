import { createApiAdapter, type HttpDoors, openHttpDoors, type SyncSource } from '@koguma/api-server';
import { Certificates, type Config, VERSION } from '@koguma/core';
import { clusterIdOf } from '@koguma/kds';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { composeZone, type Zone, type ZonePorts } from './zone.js';

/** A zone control plane that people can reach. */
export interface ServedZone extends Zone {
  readonly ports: HttpDoors['ports'];
}

/** Opens the doors. A zone that waits for its first sync serves and says so, and is not ready. */
export async function serveZone(config: Config, ports: ZonePorts, hostname: string): Promise<ServedZone> {
  const log = ports.log.scope('api-server');
  const certificates = new Certificates({ config, clock: ports.clock, log: ports.log.scope('tls'), hostname });
  const zone = await composeZone(config, ports);
  const { manager, auth, link, view, instanceId, tasks } = zone;
  const { name } = config.multizone.zone;
  const clusterId = () => clusterIdOf(view);
  const identity = { mode: 'zone', zone: name, hostname, instanceId, version: VERSION, clusterId } as const;
  const settings = { maxBodySize: config.koguma.http.maxBodySize };
  const sync = link ?? standAlone(zone, name);
  const api = { identity, manager, auth, sync, certificates, clock: ports.clock, log, settings };

  const adapter = createApiAdapter(settings);
  const app = await NestFactory.create(AppModule.with(api), adapter, { logger: false, abortOnError: false });
  try {
    const ready = () => link === undefined || link.state !== 'never-met';
    const doors = await openHttpDoors(app, adapter, { config, certificates, ready, log });
    tasks.start('tls: changed files', (signal) => certificates.run(signal));
    const stop = async () => {
      await doors.close();
      await zone.stop();
    };
    return { ...zone, ports: doors.ports, stop };
  } catch (error) {
    await zone.stop();
    throw error;
  }
}

function standAlone({ view }: Zone, zone: string): SyncSource {
  return { report: () => ({ mode: 'zone', zone, revision: view.revision, global: null, state: 'stand-alone' }) };
}
