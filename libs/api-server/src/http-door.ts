import { HANDSHAKE_TIMEOUT_MS, type ListenAddress, Listener } from '@koguma/core';
import type { INestApplication } from '@nestjs/common';
import { type CertificateCheck, checkClients } from './client-certificates.js';
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

/** Where a door is; with `tls` it is one of HTTPS. */
export interface DoorAddress extends ListenAddress {
  /** What is asked of client certificates, where `tls` says whose are believed. */
  readonly clients?: CertificateCheck;
}

/**
 * Initializes the application, if nobody has, and opens a door to it. Nest never listens itself.
 * @throws ControlPlaneError `unavailable` when the address cannot be bound
 */
export async function openHttpDoor(
  app: INestApplication,
  adapter: ApiAdapter,
  address: DoorAddress,
): Promise<HttpDoor> {
  await app.init();
  await adapter.getInstance().ready();
  const server = address.tls ? httpsServer(adapter, address) : adapter.getHttpServer();
  const listener = await Listener.open(server, address);
  return {
    port: listener.port,
    close(graceMs) {
      adapter.startClosing();
      return listener.close(graceMs);
    },
  };
}

function httpsServer(adapter: ApiAdapter, { tls, clients }: DoorAddress) {
  const requestCert = tls?.context.ca !== undefined;
  const options = { handshakeTimeout: HANDSHAKE_TIMEOUT_MS, requestCert, rejectUnauthorized: false };
  const server = adapter.createHttpsServer(options);
  if (requestCert && clients) checkClients(server, clients);
  return server;
}
