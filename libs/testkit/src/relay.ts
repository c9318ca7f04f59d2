import { connect, createServer, type Socket } from 'node:net';
import { Listener } from '@koguma/core';
import { type Dial, grpcDial } from '@koguma/kds';

type Direction = 'to-global' | 'to-zone';

const MAX_MESSAGE_SIZE = 16 * 1024 * 1024;

/** A wire between a zone and its global that can be cut, and that remembers every byte that it carried. */
export class Relay {
  /** The chunks of each connection in each direction. */
  readonly #carried: Buffer[][] = [];
  /** Where what comes from each socket goes. */
  readonly #sockets = new Map<Socket, Direction>();
  readonly #stalled = new Set<Direction>();
  #listener: Listener | undefined;
  #globalPort = 0;
  #isCut = false;

  static async open(): Promise<Relay> {
    const relay = new Relay();
    const server = createServer((fromZone) => relay.#carry(fromZone));
    relay.#listener = await Listener.open(server, { host: '127.0.0.1', port: 0, name: 'relay' });
    return relay;
  }

  /** For a lab's `dialThrough`: dials global by way of this wire. */
  dial(address: string): Dial {
    this.#globalPort = Number(address.split(':').at(-1));
    return grpcDial(`grpc://127.0.0.1:${this.#listener?.port}`, { maxMessageSize: MAX_MESSAGE_SIZE });
  }

  /** Breaks what is connected, and lets nobody through until it is mended. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets.keys()) socket.destroy();
  }

  /** A half-open link: what goes in one direction does not arrive, and neither side sees that. */
  stall(direction: Direction): void {
    this.#stalled.add(direction);
    for (const [socket, where] of this.#sockets) if (where === direction) socket.pause();
  }

  /** Lets everything through again; what was held up arrives late. */
  mend(): void {
    this.#isCut = false;
    this.#stalled.clear();
    for (const socket of this.#sockets.keys()) socket.resume();
  }

  /** What was carried so far is of no interest any more. */
  forget(): void {
    for (const chunks of this.#carried) chunks.length = 0;
  }

  /** Whether these bytes, in one piece, crossed in either direction. */
  hasCarried(bytes: Buffer): boolean {
    for (const chunks of this.#carried) if (chunks.length > 1) chunks.splice(0, chunks.length, Buffer.concat(chunks));
    return this.#carried.some(([all]) => all?.includes(bytes));
  }

  async close(): Promise<void> {
    this.cut();
    await this.#listener?.close(0);
  }

  #carry(fromZone: Socket): void {
    if (this.#isCut) return void fromZone.destroy();
    const toGlobal = connect(this.#globalPort, '127.0.0.1');
    this.#join(fromZone, toGlobal, 'to-global');
    this.#join(toGlobal, fromZone, 'to-zone');
  }

  #join(from: Socket, to: Socket, direction: Direction): void {
    const chunks: Buffer[] = [];
    this.#carried.push(chunks);
    this.#sockets.set(from, direction);
    from.on('data', (chunk) => {
      chunks.push(chunk);
      to.write(chunk);
    });
    if (this.#stalled.has(direction)) from.pause();
    from.on('end', () => to.end());
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
