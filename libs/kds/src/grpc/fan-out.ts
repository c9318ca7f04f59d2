import { ServerInterceptingCall, type ServerInterceptingCallInterface, type ServerInterceptor } from '@grpc/grpc-js';
import type { Cancel, Clock, Log } from '@koguma/core';

interface Parts {
  readonly clock: Clock;
  readonly log: Log;
  /** Milliseconds in which a peer has to take one message. */
  readonly sendTimeoutMs: number;
  /** Bytes that may be on their way to all peers together. */
  readonly budget: number;
  /** Ends the connection of a peer, given as `ip:port`. */
  readonly reset: (peer: string) => void;
}

/** One message of a stream, which has one on its way at most; others are behind it, in the stream's own queue. */
interface Message {
  readonly peer: string;
  readonly bytes: number;
  /** Hands it to HTTP/2, which copies it and keeps it until the peer takes it. */
  readonly send: () => unknown;
  /** When that was, in `mono` time. */
  sentAt: number;
}

/** What is this small never waits for others: a revocation reaches who reads, whoever else does not. */
const SMALL = 64 * 1024;
const LOOKS_PER_TIMEOUT = 20;

/**
 * Bounds what a server holds for peers that do not read, since gRPC itself waits for their flow control for ever. Large
 * messages are on their way to some peers at a time, the others wait; who takes nothing for too long is cut off, and
 * soon when others wait. A status would wait behind what is unread, so the whole connection is reset.
 */
export class FanOut {
  readonly #parts: Parts;
  /** Oldest first. */
  readonly #underWay = new Set<Message>();
  readonly #waiting = new Set<Message>();
  #bytes = 0;
  #cancelLook: Cancel | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Sees every call of the server that it is given to. */
  readonly interceptor: ServerInterceptor = (_method, call) => new MeteredCall(call, this);

  enter(message: Message): void {
    if (message.bytes <= SMALL || this.#hasRoomFor(message)) this.#send(message);
    else this.#waiting.add(message);
  }

  /** The message was taken, or never will be. */
  leave(message: Message): void {
    this.#forget(message);
    for (const next of this.#waiting) {
      if (!this.#hasRoomFor(next)) break;
      this.#waiting.delete(next);
      this.#send(next);
    }
  }

  #forget(message: Message): void {
    this.#waiting.delete(message);
    if (this.#underWay.delete(message)) this.#bytes -= message.bytes;
    if (this.#underWay.size > 0) return;
    this.#cancelLook?.();
    this.#cancelLook = undefined;
  }

  #hasRoomFor({ bytes }: Message): boolean {
    return this.#bytes === 0 || this.#bytes + bytes <= this.#parts.budget;
  }

  #send(message: Message): void {
    message.sentAt = this.#parts.clock.mono();
    this.#underWay.add(message);
    this.#bytes += message.bytes;
    this.#lookLater();
    message.send();
  }

  #lookLater(): void {
    const { clock, sendTimeoutMs } = this.#parts;
    this.#cancelLook ??= clock.after(sendTimeoutMs / LOOKS_PER_TIMEOUT, () => {
      this.#cancelLook = undefined;
      this.#look();
      if (this.#underWay.size > 0) this.#lookLater();
    });
  }

  #look(): void {
    const { clock, sendTimeoutMs } = this.#parts;
    const patience = this.#waiting.size > 0 ? sendTimeoutMs / LOOKS_PER_TIMEOUT : sendTimeoutMs;
    const isStuck = ({ sentAt }: Message) => clock.mono() - sentAt >= patience;
    for (const message of [...this.#underWay].filter(isStuck)) if (this.#underWay.has(message)) this.#cutOff(message);
  }

  #cutOff(message: Message): void {
    const { clock, log, reset } = this.#parts;
    const { peer, bytes, sentAt } = message;
    log.warn('a peer that does not read was cut off', { peer, bytes, waitedMs: Math.round(clock.mono() - sentAt) });
    for (const other of [...this.#underWay, ...this.#waiting]) if (other.peer === peer) this.#forget(other);
    reset(peer);
    this.leave(message);
  }
}

class MeteredCall extends ServerInterceptingCall {
  readonly #call: ServerInterceptingCallInterface;
  readonly #fanOut: FanOut;
  readonly #current: { message?: Message };

  constructor(call: ServerInterceptingCallInterface, fanOut: FanOut) {
    const current: { message?: Message } = {};
    super(call, { start: (next) => next({ onCancel: () => current.message && fanOut.leave(current.message) }) });
    this.#call = call;
    this.#fanOut = fanOut;
    this.#current = current;
  }

  override sendMessage(content: unknown, callback: () => void): void {
    const sent = () => {
      this.#fanOut.leave(message);
      callback();
    };
    const message: Message = {
      peer: this.getPeer(),
      bytes: content instanceof Uint8Array ? content.length : 0,
      send: () => isEnding(this.#call) || super.sendMessage(content, sent),
      sentAt: 0,
    };
    this.#current.message = message;
    this.#fanOut.enter(message);
  }
}

/**
 * Whether gRPC has ended the call by itself, as for bytes that are no message. It would write on, behind the end; Node
 * takes that for a failure and tells the peer nothing, which then waits for ever (seen with grpc-js 1.14.7).
 */
function isEnding(call: ServerInterceptingCallInterface): boolean {
  return (call as { wantTrailers?: boolean }).wantTrailers === true;
}
