import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SeededEntropy } from '../entropy.js';
import { FaultyWire, type LaneFault, WHOLE_WIRE } from './faulty-wire.js';

let echo: Server;
let wire: FaultyWire;
let client: Socket;
let heard: string;
let heardThere: string;
beforeEach(async () => {
  [heard, heardThere] = ['', ''];
  echo = createServer((socket) => {
    socket
      .on('error', () => undefined)
      .on('data', (chunk) => {
        heardThere += chunk;
        socket.write(chunk);
      });
  }).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const { port } = echo.address() as { port: number };
  wire = await FaultyWire.open({ to: () => ({ host: '127.0.0.1', port }), entropy: new SeededEntropy(1) });
  client = await visit();
});
afterEach(async () => {
  client.destroy();
  await wire.close();
  echo.close();
});

async function visit(): Promise<Socket> {
  const socket = connect(wire.port, '127.0.0.1');
  socket.on('error', () => undefined).on('data', (chunk) => (heard += chunk));
  await once(socket, 'connect');
  return socket;
}

const lane = (fault: Partial<LaneFault>) => ({ ...WHOLE_WIRE.lanes.there, ...fault });
const wrong = (there: Partial<LaneFault>, back: Partial<LaneFault> = {}) =>
  wire.set({ ...WHOLE_WIRE, lanes: { there: lane(there), back: lane(back) } });
/** Resolves when the client has heard so much. */
async function hears(text: string): Promise<number> {
  const began = performance.now();
  while (heard.length < text.length) await once(client, 'data');
  expect(heard).toBe(text);
  return performance.now() - began;
}

describe('a wire', () => {
  it('carries what comes, both ways, and the end of it', async () => {
    client.write('hello');
    await hears('hello');
    client.end();
    await once(client, 'close');
  });

  it('that is cut breaks what is connected and lets nobody through, until it is whole', async () => {
    wire.set({ ...WHOLE_WIRE, cut: true });
    await once(client, 'close');
    const next = await visit();
    await once(next, 'close');
    wire.set(WHOLE_WIRE);
    client = await visit();
    client.write('again');
    await hears('again');
  });

  it('that is half-open carries one way, and what was held up arrives when it is whole', async () => {
    wrong({}, { stalled: true });
    client.write('one');
    while (heardThere !== 'one') await turn();
    expect(heard).toBe('');
    wrong({ stalled: true });
    await hears('one');
    client.write('two');
    await turn();
    expect(heardThere).toBe('one');
    wire.set(WHOLE_WIRE);
    await hears('onetwo');
  });

  it('that is slow takes its time in that direction, and keeps the order', async () => {
    wrong({ latencyMs: 40, jitterMs: 20 });
    for (const word of ['a', 'b', 'c', 'd']) client.write(word);
    expect(await hears('abcd')).toBeGreaterThanOrEqual(39);
  });

  it('that is narrow carries so many bytes a second', async () => {
    wrong({}, { bytesPerSecond: 10_000 });
    client.write('x'.repeat(1_000));
    expect(await hears('x'.repeat(1_000))).toBeGreaterThanOrEqual(95);
  });

  it('that loses bytes breaks its connections', async () => {
    wrong({ drop: 1 });
    client.write('lost');
    await once(client, 'close');
    expect(heardThere).toBe('');
  });

  it('that flaps is whole and cut in turn', async () => {
    wire.set({ ...WHOLE_WIRE, flap: { upMs: 20, downMs: 20 } });
    await once(client, 'close');
    let answered = false;
    while (!answered) {
      client = await visit();
      client.write('x');
      answered = await Promise.race([once(client, 'data').then(() => true), once(client, 'close').then(() => false)]);
    }
    await once(client, 'close');
  });
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
