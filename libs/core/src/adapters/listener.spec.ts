import { connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Listener } from './listener.js';

const HOST = '127.0.0.1';
const listeners: Listener[] = [];
afterEach(async () => {
  for (const listener of listeners.splice(0)) await listener.close(0);
});

/** A server that says hello and then nothing more. */
async function greeter(maxConnections?: number): Promise<Listener> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write('hello');
  });
  const limit = maxConnections === undefined ? {} : { maxConnections };
  const listener = await Listener.open(server, { host: HOST, port: 0, name: 'greeter', ...limit });
  listeners.push(listener);
  return listener;
}

interface Visit {
  readonly socket: Socket;
  readonly greeted: Promise<boolean>;
  readonly closed: Promise<void>;
}

function visit({ port }: Listener): Visit {
  const socket = connect(port, HOST);
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const greeted = new Promise<boolean>((resolve) => {
    socket.once('data', () => resolve(true));
    socket.once('close', () => resolve(false));
  });
  return { socket, greeted, closed };
}

describe('a listener', () => {
  it('tells the port that it got, and how many are connected', async () => {
    const listener = await greeter();
    expect(listener.port).toBeGreaterThan(0);
    const { socket, greeted, closed } = visit(listener);
    expect([await greeted, listener.connections]).toEqual([true, 1]);
    socket.destroy();
    await closed;
  });

  it('closes connections beyond its limit at once, and takes new ones when others leave', async () => {
    const listener = await greeter(2);
    const visits = [visit(listener), visit(listener)];
    expect(await Promise.all(visits.map(({ greeted }) => greeted))).toEqual([true, true]);
    expect(await visit(listener).greeted).toBe(false);
    visits[0]?.socket.end();
    await visits[0]?.closed;
    expect(await visit(listener).greeted).toBe(true);
  });

  it('ends the one connection that it is told to', async () => {
    const listener = await greeter();
    const [bad, good] = [visit(listener), visit(listener)];
    expect(await Promise.all([bad.greeted, good.greeted])).toEqual([true, true]);
    listener.reset(`${bad.socket.localAddress}:${bad.socket.localPort}`);
    listener.reset(`${HOST}:1`);
    await bad.closed;
    expect([listener.connections, good.socket.readyState]).toEqual([1, 'open']);
  });

  it('that closes resets who is still there', async () => {
    const listener = await greeter();
    const { greeted, closed } = visit(listener);
    await greeted;
    await listener.close(0);
    await closed;
  });

  it('that cannot have its port says what needed it, and what to do', async () => {
    const { port } = await greeter();
    await expect(Listener.open(createServer(), { host: HOST, port, name: 'greeter' })).rejects.toMatchObject({
      code: 'unavailable',
      message: `cannot listen on ${HOST}:${port} for the greeter: the port is in use: stop what uses it, or choose another port`,
    });
  });
});
