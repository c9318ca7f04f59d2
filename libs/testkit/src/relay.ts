import { FaultyWire, type Lane, systemEntropy, WHOLE_WIRE, type WireFault } from '@koguma/core';
import { type Dial, grpcDial } from '@koguma/kds';

type Direction = 'to-global' | 'to-zone';

const LANES: Readonly<Record<Direction, Lane>> = { 'to-global': 'there', 'to-zone': 'back' };
const MAX_MESSAGE_SIZE = 16 * 1024 * 1024;

/** A wire between a zone and its global that can be cut, and that remembers every byte that it carried. */
export class Relay {
  /** The chunks of each connection in each direction. */
  readonly #carried: Readonly<Record<Lane, Map<object, Buffer[]>>> = { there: new Map(), back: new Map() };
  readonly #wire: FaultyWire;
  #fault = WHOLE_WIRE;
  #globalPort = 0;

  private constructor(wire: FaultyWire) {
    this.#wire = wire;
  }

  static async open(): Promise<Relay> {
    const wire = await FaultyWire.open({
      to: () => ({ host: '127.0.0.1', port: relay.#globalPort }),
      entropy: systemEntropy,
      seen: (chunk, connection, lane) => relay.#remember(chunk, connection, lane),
    });
    const relay: Relay = new Relay(wire);
    return relay;
  }

  /** For a lab's `dialThrough`: dials global by way of this wire. */
  dial(address: string): Dial {
    this.#globalPort = Number(address.split(':').at(-1));
    return grpcDial(`grpc://127.0.0.1:${this.#wire.port}`, { maxMessageSize: MAX_MESSAGE_SIZE });
  }

  /** Breaks what is connected, and lets nobody through until it is mended. */
  cut(): void {
    this.#set({ ...this.#fault, cut: true });
  }

  /** A half-open link: what goes in one direction does not arrive, and neither side sees that. */
  stall(direction: Direction): void {
    const lane = LANES[direction];
    const stalled = { ...this.#fault.lanes[lane], stalled: true };
    this.#set({ ...this.#fault, lanes: { ...this.#fault.lanes, [lane]: stalled } });
  }

  /** Lets everything through again; what was held up arrives late. */
  mend(): void {
    this.#set(WHOLE_WIRE);
  }

  /** What was carried so far is of no interest any more. */
  forget(): void {
    for (const connections of Object.values(this.#carried)) connections.clear();
  }

  /** Whether these bytes, in one piece, crossed in either direction. */
  hasCarried(bytes: Buffer): boolean {
    const all = Object.values(this.#carried).flatMap((connections) => [...connections.values()]);
    for (const chunks of all) if (chunks.length > 1) chunks.splice(0, chunks.length, Buffer.concat(chunks));
    return all.some(([joined]) => joined?.includes(bytes));
  }

  close(): Promise<void> {
    return this.#wire.close();
  }

  #set(fault: WireFault): void {
    this.#fault = fault;
    this.#wire.set(fault);
  }

  #remember(chunk: Buffer, connection: object, lane: Lane): void {
    const chunks = this.#carried[lane].get(connection) ?? [];
    chunks.push(chunk);
    this.#carried[lane].set(connection, chunks);
  }
}
