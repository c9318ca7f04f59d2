import { createApiAdapter, type HttpDoor, openDiagnostics, openHttpDoor } from '@koguma/api-server';
import { type Config, VERSION } from '@koguma/core';
import { clusterIdOf, KdsTransport } from '@koguma/kds';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { composeGlobal, type Global, type GlobalPorts } from './global.js';

/** A global control plane that people and zones can reach. */
export interface ServedGlobal extends Global {
  readonly ports: { readonly api: number; readonly diagnostics: number; readonly kds: number };
}

const HTTP_GRACE_MS = 300;

/** Opens the doors: KDS and REST when there is something to serve, diagnostics last, so that `ready` means it. */
export async function serveGlobal(config: Config, ports: GlobalPorts, hostname: string): Promise<ServedGlobal> {
  const { clock } = ports;
  const log = ports.log.scope('api-server');
  const global = await composeGlobal(config, ports);
  const { manager, auth, kds, view, instanceId } = global;
  const identity = {
    mode: 'global',
    zone: undefined,
    hostname,
    instanceId,
    version: VERSION,
    clusterId: () => clusterIdOf(view),
  } as const;
  const api = {
    identity,
    manager,
    auth,
    sync: kds,
    clock,
    log,
    settings: { maxBodySize: config.koguma.http.maxBodySize },
  };
  const { apiServer, diagnostics, multizone, koguma } = config;

  const adapter = createApiAdapter(api.settings);
  const app = await NestFactory.create(AppModule.with(api, kds, log), adapter, { logger: false, abortOnError: false });
  const transport = new KdsTransport(
    { host: koguma.multizone.global.kds.interface, port: multizone.global.kds.grpcPort, name: 'zones (KDS)' },
    multizone.global.kds.maxMsgSize,
  );
  app.connectMicroservice({ strategy: transport });

  const doors: Pick<HttpDoor, 'close'>[] = [];
  const stop = async () => {
    kds.stop();
    await Promise.all(doors.map((door) => door.close(HTTP_GRACE_MS)));
    await app.close();
    await global.stop();
  };
  try {
    await app.startAllMicroservices();
    const apiDoor = await openHttpDoor(app, adapter, {
      host: apiServer.http.interface,
      port: apiServer.http.port,
      name: 'API server',
    });
    doors.push(apiDoor);
    const address = { host: koguma.diagnostics.interface, port: diagnostics.serverPort, name: 'diagnostics' };
    const diagnosticsDoor = await openDiagnostics({ ready: () => true }, address);
    doors.push(diagnosticsDoor);
    return { ...global, ports: { api: apiDoor.port, diagnostics: diagnosticsDoor.port, kds: transport.port }, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
