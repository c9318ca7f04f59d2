import type { Server } from 'node:https';
import { TLSSocket } from 'node:tls';
import type { Log } from '@koguma/core';

/** What a door asks of client certificates. */
export interface CertificateCheck {
  /** Nobody gets in without one. */
  readonly required: boolean;
  readonly log: Log;
}

/**
 * Ends the connection of a client whose certificate is not believed, or that has none where one is required. Node
 * itself can only do the second for everybody, and then says nothing.
 */
export function checkClients(server: Server, { required, log }: CertificateCheck): void {
  server.prependListener('secureConnection', (socket) => {
    const certificate = socket.getPeerX509Certificate();
    if (socket.authorized || (certificate === undefined && !required)) return;
    const reason = certificate === undefined ? 'none was shown' : String(socket.authorizationError);
    log.warn('client certificate refused', { reason, remoteAddress: socket.remoteAddress });
    socket.destroy();
  });
}

/** The fingerprint of the client certificate that a request came with, if it is a believed one. */
export function certificateOf(socket: unknown): string | undefined {
  return socket instanceof TLSSocket && socket.authorized ? socket.getPeerX509Certificate()?.fingerprint256 : undefined;
}
