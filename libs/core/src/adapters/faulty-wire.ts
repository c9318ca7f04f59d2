import { connect, createServer, type Socket } from 'node:net';
import type { Entropy } from '../entropy.js';
import { Listener } from './listener.js';

/** From who dialled to who was dialled, or the other way. */
export type Lane = 'there' | 'back';

/** What happens to bytes in one direction. Zero is nothing. */
export interface LaneFault {
  /** Nothing arrives, and neither side sees that. */
  readonly stalled: boolean;
  readonly latencyMs: number;
  /** Up to so much is added to the latency, differently for each chunk; their order stays. */
  readonly jitterMs: number;
  readonly bytesPerSecond: number;
  /** How likely a chunk is lost, from 0 to 1: a connection that loses bytes is broken. */
  readonly drop: number;
}

/** What happens to a wire. */
export interface WireFault {
  /** What is connected breaks, and nobody gets through. */
  readonly cut: boolean;
  /** It is whole for so long, then cut for so long, and so on. */
  readonly flap: { readonly upMs: number; readonly downMs: number } | undefined;
  readonly lanes: Readonly<Record<Lane, LaneFault>>;
}

const WHOLE_LANE: LaneFault = { stalled: false, latencyMs: 0, jitterMs: 0, bytesPerSecond: 0, drop: 0 };

/** A wire with nothing wrong. */
export const WHOLE_WIRE: WireFault = { cut: false, flap: undefined, lanes: { there: WHOLE_LANE, back: WHOLE_LANE } };

interface WireParts {
  /** Where the wire leads; asked for each connection. */
  readonly to: () => { readonly host: string; readonly port: number };
  readonly entropy: Entropy;
  /** On the loopback address; 0, or nothing, takes any free port. */
  readonly port?: number;
  /** Sees each chunk that comes in, of either direction. */
  readonly seen?: (chunk: Buffer, connection: object, lane: Lane) => void;
}

/** Bytes that may wait in one direction before its source is stopped. */
const MOST_WAITING = 1024 * 1024;

/**
 * A TCP wire between two programs, where bytes can be held up, slowed down or lost. It knows nothing of what it
 * carries, so TLS goes through it whole.
 */
export class FaultyWire {
  readonly #parts: WireParts;
  readonly #pipes = new Set<Pipe>();
  #listener: Listener | undefined;
  #fault = WHOLE_WIRE;
  #isDown = false;
  #flap: NodeJS.Timeout | undefined;

  private constructor(parts: WireParts) {
    this.#parts = parts;
  }

  /** @throws ControlPlaneError `unavailable` when the port cannot be had */
  static async open(parts: WireParts): Promise<FaultyWire> {
    const wire = new FaultyWire(parts);
    const server = createServer((socket) => wire.#carry(socket));
    const { port = 0 } = parts;
    wire.#listener = await Listener.open(server, { host: '127.0.0.1', port, name: 'link between control planes' });
    return wire;
  }

  get port(): number {
    return this.#listener?.port ?? 0;
  }

  /** From now on this is wrong with it, and nothing else. What was held up and is not any more arrives now. */
  set(fault: WireFault): void {
    this.#fault = fault;
    clearTimeout(this.#flap);
    this.#isDown = fault.cut;
    if (fault.flap) this.#swing(fault.flap, false);
    if (this.#isDown) this.#break();
    for (const pipe of this.#pipes) pipe.changed();
  }

  async close(): Promise<void> {
    clearTimeout(this.#flap);
    this.#isDown = true;
    this.#break();
    await this.#listener?.close(0);
  }

  #swing(flap: NonNullable<WireFault['flap']>, down: boolean): void {
    this.#isDown = down;
    if (down) this.#break();
    this.#flap = setTimeout(() => this.#swing(flap, !down), down ? flap.downMs : flap.upMs);
  }

  #break(): void {
    for (const pipe of [...this.#pipes]) pipe.destroy();
  }

  #carry(from: Socket): void {
    if (this.#isDown) return void from.destroy();
    const to = connect(this.#parts.to());
    const connection = {};
    const destroy = () => {
      for (const pipe of pipes) {
        this.#pipes.delete(pipe);
        pipe.end();
      }
      from.destroy();
      to.destroy();
    };
    const pipe = (lane: Lane, source: Socket, target: Socket) =>
      new Pipe({
        ...{ source, target, destroy },
        fault: () => this.#fault.lanes[lane],
        entropy: this.#parts.entropy,
        seen: (chunk) => this.#parts.seen?.(chunk, connection, lane),
      });
    const pipes = [pipe('there', from, to), pipe('back', to, from)];
    for (const one of pipes) this.#pipes.add(one);
  }
}

interface PipeParts {
  readonly source: Socket;
  readonly target: Socket;
  readonly fault: () => LaneFault;
  readonly entropy: Entropy;
  readonly seen: (chunk: Buffer) => void;
  /** Breaks the connection that it is one direction of. */
  readonly destroy: () => void;
}

/** One direction of one connection: what came is passed on in order, each chunk when it is due. */
class Pipe {
  readonly #parts: PipeParts;
  /** An undefined chunk is the end. */
  readonly #waiting: { readonly chunk: Buffer | undefined; due: number }[] = [];
  #bytes = 0;
  /** When the last chunk so far will have gone. */
  #free = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: PipeParts) {
    this.#parts = parts;
    const { source, target, destroy } = parts;
    source.on('data', (chunk) => this.#take(chunk));
    source.on('end', () => this.#take(undefined));
    source.on('error', destroy);
    target.on('drain', () => this.#passOn());
    source.on('close', () => this.#waiting.length === 0 && destroy());
    this.changed();
  }

  destroy(): void {
    this.#parts.destroy();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
  }

  /** The fault is another one: what waits is judged anew. */
  changed(): void {
    this.#free = 0;
    for (const item of this.#waiting) item.due = this.#dueOf(item.chunk);
    this.#passOn();
  }

  #take(chunk: Buffer | undefined): void {
    if (chunk) {
      this.#parts.seen(chunk);
      const { drop } = this.#parts.fault();
      if (drop > 0 && this.#parts.entropy.random() < drop) {
        this.destroy();
        return;
      }
      this.#bytes += chunk.length;
    }
    this.#waiting.push({ chunk, due: this.#dueOf(chunk) });
    this.#passOn();
  }

  #dueOf(chunk: Buffer | undefined): number {
    const { latencyMs, jitterMs, bytesPerSecond } = this.#parts.fault();
    const arrival = performance.now() + latencyMs + (jitterMs > 0 ? jitterMs * this.#parts.entropy.random() : 0);
    const duration = bytesPerSecond > 0 ? ((chunk?.length ?? 0) * 1_000) / bytesPerSecond : 0;
    this.#free = Math.max(arrival, this.#free) + duration;
    return this.#free;
  }

  #passOn(): void {
    clearTimeout(this.#timer);
    const { source, target, fault } = this.#parts;
    if (!fault().stalled) {
      for (let [next] = this.#waiting; next; [next] = this.#waiting) {
        const wait = next.due - performance.now();
        if (wait > 0) {
          this.#timer = setTimeout(() => this.#passOn(), wait);
          break;
        }
        this.#waiting.shift();
        if (!next.chunk) target.end();
        else {
          this.#bytes -= next.chunk.length;
          target.write(next.chunk);
        }
      }
    }
    // Who sends more than is passed on waits, as with any slow peer.
    if (this.#bytes > MOST_WAITING || target.writableLength > MOST_WAITING) source.pause();
    else source.resume();
  }
}
