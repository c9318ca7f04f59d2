import { createApiAdapter, type HttpDoor, openDiagnostics, openHttpDoor } from '@koguma/api-server';
import { type Config, VERSION } from '@koguma/core';
import { clusterIdOf } from '@koguma/kds';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { composeZone, type Zone, type ZonePorts } from './zone.js';

/** A zone control plane that people can reach. */
export interface ServedZone extends Zone {
  readonly ports: { readonly api: number; readonly diagnostics: number };
}

const HTTP_GRACE_MS = 300;

/** Opens the doors. A zone that waits for its first sync serves and says so, and is not ready. */
export async function serveZone(config: Config, ports: ZonePorts, hostname: string): Promise<ServedZone> {
  const { clock } = ports;
  const log = ports.log.scope('api-server');
  const zone = await composeZone(config, ports);
  const { manager, auth, link, view, instanceId } = zone;
  const { name } = config.multizone.zone;
  const identity = {
    mode: 'zone',
    zone: name,
    hostname,
    instanceId,
    version: VERSION,
    clusterId: () => clusterIdOf(view),
  } as const;
  const sync = link ?? {
    report: () => ({ mode: 'zone', zone: name, revision: view.revision, global: null, state: 'stand-alone' }),
  };
  const api = { identity, manager, auth, sync, clock, log, settings: { maxBodySize: config.koguma.http.maxBodySize } };
  const { apiServer, diagnostics, koguma } = config;
  const ready = () => link === undefined || link.state !== 'never-met';

  const adapter = createApiAdapter(api.settings);
  const app = await NestFactory.create(AppModule.with(api), adapter, { logger: false, abortOnError: false });

  const doors: Pick<HttpDoor, 'close'>[] = [];
  const stop = async () => {
    await Promise.all(doors.map((door) => door.close(HTTP_GRACE_MS)));
    await app.close();
    await zone.stop();
  };
  try {
    const apiDoor = await openHttpDoor(app, adapter, {
      host: apiServer.http.interface,
      port: apiServer.http.port,
      name: 'API server',
    });
    doors.push(apiDoor);
    const address = { host: koguma.diagnostics.interface, port: diagnostics.serverPort, name: 'diagnostics' };
    const diagnosticsDoor = await openDiagnostics({ ready }, address);
    doors.push(diagnosticsDoor);
    return { ...zone, ports: { api: apiDoor.port, diagnostics: diagnosticsDoor.port }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
