import type { Config } from '@koguma/core';
import type { INestApplication } from '@nestjs/common';
import { openDiagnostics } from './diagnostics-door.js';
import type { ApiAdapter } from './http-adapter.js';
import { type HttpDoor, openHttpDoor } from './http-door.js';

/** The HTTP ports of a control plane. */
export interface HttpDoors {
  readonly ports: { readonly api: number; readonly diagnostics: number };
  /** Closes the ports and the application behind them. */
  close(): Promise<void>;
}

/** Requests under way may end; what is open after this is reset. */
const GRACE_MS = 300;

/**
 * Opens the API server, then diagnostics, so that who finds this control plane ready can use it.
 * @throws ControlPlaneError `unavailable` when an address cannot be bound; nothing is left open then
 */
export async function openHttpDoors(
  app: INestApplication,
  adapter: ApiAdapter,
  { apiServer, diagnostics, koguma }: Config,
  ready: () => boolean,
): Promise<HttpDoors> {
  const doors: HttpDoor[] = [];
  const close = async () => {
    await Promise.all(doors.map((door) => door.close(GRACE_MS)));
    await app.close();
  };
  try {
    const { interface: host, port } = apiServer.http;
    const api = await openHttpDoor(app, adapter, { host, port, name: 'API server' });
    doors.push(api);
    const address = { host: koguma.diagnostics.interface, port: diagnostics.serverPort, name: 'diagnostics' };
    const health = await openDiagnostics({ ready }, address);
    doors.push(health);
    return { ports: { api: api.port, diagnostics: health.port }, close };
  } catch (error) {
    await close();
    throw error;
  }
}
