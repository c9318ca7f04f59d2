import { connect, createServer, type Socket } from 'node:net';
import { Listener } from '@koguma/core';
import { type Dial, grpcDial } from '@koguma/kds';

const MAX_MESSAGE_SIZE = 16 * 1024 * 1024;

/** A wire between a zone and its global that can be cut, and that remembers every byte that it carried. */
export class Relay {
  /** The chunks of each connection in each direction. */
  readonly #carried: Buffer[][] = [];
  readonly #sockets = new Set<Socket>();
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
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
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
    this.#join(fromZone, toGlobal);
    this.#join(toGlobal, fromZone);
  }

  #join(from: Socket, to: Socket): void {
    const chunks: Buffer[] = [];
    this.#carried.push(chunks);
    this.#sockets.add(from);
    from.on('data', (chunk) => {
      chunks.push(chunk);
      to.write(chunk);
    });
    from.on('end', () => to.end());
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
