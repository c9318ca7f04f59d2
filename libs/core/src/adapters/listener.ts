import type { AddressInfo, Server, Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { ControlPlaneError } from '../errors.js';
import type { TlsIdentity } from '../tls/certificates.js';

export interface ListenAddress {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** What people know it as, in errors: `API server`. */
  readonly name: string;
  /** Connections beyond this are closed at once. */
  readonly maxConnections?: number;
  /** What a server of `node:tls` or `node:https` shows: set here, and again whenever it changes. */
  readonly tls?: TlsIdentity | undefined;
}

/** For `tls.createServer`: a peer that does not finish its handshake holds a connection no longer. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

const DEFAULT_MAX_CONNECTIONS = 20_000;

/**
 * Owns one listening socket and every connection that came through it: the one place that binds, limits and ends
 * them, whatever protocol the server speaks.
 */
export class Listener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  /** @throws ControlPlaneError `unavailable` that names the address and what needed it */
  static async open(server: Server, { host, port, name, maxConnections, tls }: ListenAddress): Promise<Listener> {
    if (server instanceof TlsServer !== (tls !== undefined)) throw new TypeError(`TLS for the ${name} is half set up`);
    const listener = new Listener(server);
    if (server instanceof TlsServer && tls) {
      server.setSecureContext(tls.context);
      server.once(
        'close',
        tls.follow(() => server.setSecureContext(tls.context)),
      );
    }
    server.maxConnections = maxConnections ?? DEFAULT_MAX_CONNECTIONS;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(refusal(error, `${host}:${port}`, name)));
      server.listen({ host, port }, resolve);
    });
    return listener;
  }

  /** The port that is really bound. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Ends the connection from `address` (`ip:port`) at once: what was not sent yet is thrown away. */
  reset(address: string): void {
    for (const socket of this.#sockets)
      if (`${socket.remoteAddress}:${socket.remotePort}` === address) socket.destroy();
  }

  /** Takes no more connections, and resets those still open after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const reset = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, graceMs);
    await closed;
    clearTimeout(reset);
  }
}

function refusal(error: NodeJS.ErrnoException, address: string, name: string): ControlPlaneError {
  const why: Record<string, string> = {
    EADDRINUSE: 'the port is in use: stop what uses it, or choose another port',
    EACCES: 'this user may not use the port: choose one above 1023',
    EADDRNOTAVAIL: 'this machine has no such address',
  };
  const reason = why[error.code ?? ''] ?? error.message;
  return new ControlPlaneError('unavailable', `cannot listen on ${address} for the ${name}: ${reason}`, {
    cause: error,
  });
}
