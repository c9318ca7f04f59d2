import { createApiAdapter, openSleepingDoor } from '@koguma/api-server';
import type { Config } from '@koguma/core';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { apiParts } from './serve.js';
import { composeZone, type Zone, type ZonePorts } from './zone.js';

const GRACE_MS = 300;

/** A zone control plane whose API is put together when somebody first connects to it. */
export interface SleepingZone extends Zone {
  readonly ports: { readonly api: number };
}

/**
 * Opens the one door of a zone that is one of very many in its process: REST without TLS. It has no port for proxies and
 * none for diagnostics; its link to global is as real as any.
 */
export async function serveSleepingZone(config: Config, ports: ZonePorts, hostname: string): Promise<SleepingZone> {
  const zone = await composeZone(config, ports);
  const api = apiParts(config, zone, ports, hostname);
  const { interface: host, port } = config.apiServer.http;
  try {
    const door = await openSleepingDoor({ host, port, name: 'API server' }, async () => {
      const adapter = createApiAdapter(api.settings);
      const options = { logger: false, abortOnError: false } as const;
      return { app: await NestFactory.create(AppModule.with(api), adapter, options), adapter };
    });
    const stop = async () => {
      await door.close(GRACE_MS);
      await zone.stop();
    };
    return { ...zone, ports: { api: door.port }, stop };
  } catch (error) {
    await zone.stop();
    throw error;
  }
}
