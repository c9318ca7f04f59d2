import type { Certificates, Config, Log } from '@koguma/core';
import type { INestApplication } from '@nestjs/common';
import { openDiagnostics } from './diagnostics-door.js';
import type { ApiAdapter } from './http-adapter.js';
import { type DoorAddress, type HttpDoor, openHttpDoor } from './http-door.js';
import type { Metrics } from './metrics.js';

/** The HTTP ports of a control plane. */
export interface HttpDoors {
  readonly ports: {
    readonly api: number;
    /** The API server with TLS; undefined where that is off. */
    readonly https: number | undefined;
    readonly diagnostics: number;
  };
  /** Closes the ports and the application behind them. */
  close(): Promise<void>;
}

/** Requests under way may end; what is open after this is reset. */
const GRACE_MS = 500;

interface Opening {
  readonly config: Config;
  readonly certificates: Certificates;
  /** Why this control plane cannot do its work; undefined when it can. */
  readonly unready: () => string | undefined;
  readonly metrics: Metrics;
  readonly log: Log;
}

/**
 * Opens the API server, with TLS and without, then diagnostics, so that who finds this control plane ready can use it.
 * @throws ControlPlaneError `unavailable` when an address cannot be bound, `invalid` when the certificate cannot be
 * served; nothing is left open then
 */
export async function openHttpDoors(
  app: INestApplication,
  adapter: ApiAdapter,
  { config, certificates, unready, metrics, log }: Opening,
): Promise<HttpDoors> {
  const { apiServer, diagnostics, koguma } = config;
  const doors: HttpDoor[] = [];
  const close = async () => {
    await Promise.all(doors.map((door) => door.close(GRACE_MS)));
    await app.close();
  };
  const open = async (address: DoorAddress) => {
    const door = await openHttpDoor(app, adapter, address);
    doors.push(door);
    return door.port;
  };
  try {
    const { http, https } = apiServer;
    const api = await open({ host: http.interface, port: http.port, name: 'API server' });
    let secure: number | undefined;
    if (https.enabled) {
      const tls = await certificates.identity('apiServer.https');
      const clients = { required: https.requireClientCert, log };
      secure = await open({ host: https.interface, port: https.port, name: 'API server with TLS', tls, clients });
    }
    const address = { host: koguma.diagnostics.interface, port: diagnostics.serverPort, name: 'diagnostics' };
    const health = await openDiagnostics({ unready, registry: metrics.registry, log }, address);
    doors.push(health);
    return { ports: { api, https: secure, diagnostics: health.port }, close };
  } catch (error) {
    await close();
    throw error;
  }
}
