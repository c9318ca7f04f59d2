import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Metadata } from '@grpc/grpc-js';

/** What gRPC does not show of the HTTP/2 stream below one of its calls. */
export interface CallStream {
  /** How many `authorization` fields came; HTTP/2 in Node keeps the first alone. */
  readonly credentials: number;
  /** Ends the stream, some time after its status was sent: a peer that does not read would keep it for ever. */
  resetSoon(): void;
}

const GRACE_MS = 500;
/** In the metadata of a call: which stream is below it. Set here, whatever the peer says. */
const STREAM_ID = 'koguma-stream';

/** The streams below the gRPC calls that are open. */
export class CallStreams {
  readonly #streams = new Map<string, CallStream>();
  #ids = 0;

  /** Remembers a stream before gRPC is given it. @param fields names and values in turns, as they came */
  remember(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, fields: readonly string[]): void {
    const id = String(++this.#ids);
    headers[STREAM_ID] = id;
    this.#streams.set(id, {
      credentials: fields.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'authorization').length,
      resetSoon: () => {
        const timer = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), GRACE_MS);
        stream.once('close', () => clearTimeout(timer));
      },
    });
    stream.once('close', () => this.#streams.delete(id));
  }

  /** The stream below a call; undefined when it has closed already. */
  of(metadata: Metadata): CallStream | undefined {
    return this.#streams.get(String(metadata.get(STREAM_ID)[0]));
  }
}
