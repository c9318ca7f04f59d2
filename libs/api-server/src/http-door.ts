import { type ListenAddress, Listener } from '@koguma/core';
import type { INestApplication } from '@nestjs/common';
import type { ApiAdapter } from './http-adapter.js';

/** A socket that serves an application. */
export interface HttpDoor {
  /** The port that is really bound. */
  readonly port: number;
  /**
   * Takes no more connections, lets what runs end, and resets what is still open after `graceMs`. The application
   * itself goes on: close it afterwards.
   */
  close(graceMs: number): Promise<void>;
}

/**
 * Initializes the application, if nobody has, and opens its door. Nest never listens itself.
 * @throws ControlPlaneError `unavailable` when the address cannot be bound
 */
export async function openHttpDoor(
  app: INestApplication,
  adapter: ApiAdapter,
  address: ListenAddress,
): Promise<HttpDoor> {
  await app.init();
  await adapter.getInstance().ready();
  const listener = await Listener.open(adapter.getHttpServer(), address);
  return {
    port: listener.port,
    close(graceMs) {
      adapter.startClosing();
      return listener.close(graceMs);
    },
  };
}
