import { createServer, type Socket } from 'node:net';
import { type ListenAddress, Listener } from '@koguma/core';
import type { INestApplication } from '@nestjs/common';
import type { ApiAdapter } from './http-adapter.js';
import type { HttpDoor } from './http-door.js';

/** An application, and the adapter that it was put together with. */
export interface Awake {
  readonly app: INestApplication;
  readonly adapter: ApiAdapter;
}

/**
 * Opens a port whose application is put together when somebody first connects: where a thousand control planes share a
 * process, few of them are ever asked. When that fails the caller is hung up on, and the next one finds it tried again.
 * @throws ControlPlaneError `unavailable` when the address cannot be bound
 */
export async function openSleepingDoor(address: ListenAddress, wake: () => Promise<Awake>): Promise<HttpDoor> {
  let awake: Promise<Awake> | undefined;
  const wakeUp = async () => {
    const { app, adapter } = await wake();
    await app.init();
    await adapter.getInstance().ready();
    return { app, adapter };
  };
  // What Node's own HTTP server asks of a connection; what comes meanwhile waits in the socket.
  const options = { allowHalfOpen: true, noDelay: true, pauseOnConnect: true };
  const server = createServer(options, (socket: Socket) => {
    socket.once('error', () => socket.destroy());
    awake ??= wakeUp();
    awake.then(
      ({ adapter }) => {
        adapter.getHttpServer().emit('connection', socket);
        socket.resume();
      },
      () => {
        awake = undefined;
        socket.destroy();
      },
    );
  });
  const listener = await Listener.open(server, address);
  return {
    port: listener.port,
    async close(graceMs) {
      const woken = await awake?.catch(() => undefined);
      woken?.adapter.startClosing();
      await listener.close(graceMs);
      await woken?.app.close();
    },
  };
}
