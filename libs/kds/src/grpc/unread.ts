import { ServerInterceptingCall, type ServerInterceptingCallInterface, type ServerInterceptor } from '@grpc/grpc-js';
import type { Clock, Log } from '@koguma/core';

interface Parts {
  readonly clock: Clock;
  readonly log: Log;
  /** Milliseconds in which a peer has to take one message. */
  readonly sendTimeoutMs: number;
  /** Bytes under way to all peers together; beyond, the slowest give way. */
  readonly budget: number;
  /** Ends the connection of a peer, given as `ip:port`. */
  readonly reset: (peer: string) => void;
}

const LOOKS_PER_TIMEOUT = 20;

/**
 * Ends peers that do not take what they are sent: gRPC would wait for their flow control for ever, with the message in
 * memory. Each stream has one message under way here, and the others behind it in its own queue. A status would wait
 * behind what is unread, so the whole connection is reset.
 */
export class UnreadMessages {
  readonly #parts: Parts;
  /** Oldest first. */
  readonly #underWay = new Set<UnderWay>();
  #bytes = 0;
  #looking = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Watches every call of the server that it is given to. */
  readonly interceptor: ServerInterceptor = (_method, call) =>
    new WatchedCall(call, (bytes) => this.#begin({ peer: call.getPeer(), bytes, since: this.#parts.clock.mono() }));

  /** @returns what to call when the message was taken, or never will be */
  #begin(message: UnderWay): () => void {
    this.#underWay.add(message);
    this.#bytes += message.bytes;
    this.#lookLater();
    return () => this.#end(message);
  }

  #end(message: UnderWay): void {
    if (this.#underWay.delete(message)) this.#bytes -= message.bytes;
  }

  #lookLater(): void {
    if (this.#looking || this.#underWay.size === 0) return;
    this.#looking = true;
    const { clock, sendTimeoutMs } = this.#parts;
    clock.after(sendTimeoutMs / LOOKS_PER_TIMEOUT, () => {
      this.#looking = false;
      this.#look();
      this.#lookLater();
    });
  }

  #look(): void {
    const { clock, log, sendTimeoutMs, budget, reset } = this.#parts;
    for (const message of this.#underWay) {
      const waited = clock.mono() - message.since;
      const isSlow = this.#bytes > budget && waited >= sendTimeoutMs / LOOKS_PER_TIMEOUT;
      if (!isSlow && waited < sendTimeoutMs) return; // those behind it are younger
      this.#end(message);
      const { peer, bytes } = message;
      log.warn('a peer that does not read was cut off', { peer, bytes, waitedMs: Math.round(waited) });
      reset(peer);
    }
  }
}

interface UnderWay {
  readonly peer: string;
  readonly bytes: number;
  /** When it was handed to HTTP/2, in `mono` time. */
  readonly since: number;
}

class WatchedCall extends ServerInterceptingCall {
  readonly #begin: (bytes: number) => () => void;

  constructor(call: ServerInterceptingCallInterface, begin: (bytes: number) => () => void) {
    let taken: () => void = () => undefined;
    super(call, { start: (next) => next({ onCancel: () => taken() }) });
    this.#begin = (bytes) => (taken = begin(bytes));
  }

  override sendMessage(message: unknown, callback: () => void): void {
    const taken = this.#begin(message instanceof Uint8Array ? message.length : 0);
    super.sendMessage(message, () => {
      taken();
      callback();
    });
  }
}
