import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';

/** What a stream is opened with, beside what makes it gRPC. */
type Headers = OutgoingHttpHeaders;

/** An HTTP/2 connection to a gRPC server on which everything can be said, also what no gRPC library lets its user say. */
export class RawConnection {
  readonly #session: ClientHttp2Session;
  readonly #closed: Promise<void>;

  constructor(address: string) {
    // Node counts what waits to be sent, too, and would give up by itself.
    this.#session = connect(`http://${address}`, { maxSessionMemory: 1_000 });
    this.#session.on('error', () => undefined);
    this.#closed = new Promise((resolve) => this.#session.once('close', resolve));
  }

  /** Resolves when the connection is gone, whoever ended it. */
  closed(): Promise<void> {
    return this.#closed;
  }

  get isClosed(): boolean {
    return this.#session.destroyed;
  }

  /** How many streams the server lets it open. */
  get streamLimit(): number | undefined {
    return this.#session.remoteSettings.maxConcurrentStreams;
  }

  open(path: string, headers: Headers = {}): RawStream {
    return new RawStream(this.#session.request({ ...GRPC, ':path': path, ...headers }));
  }

  destroy(): void {
    this.#session.destroy();
  }
}

const GRPC: Headers = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };

/** One stream of a {@link RawConnection}. It reads nothing until it is told to, so that its flow control stays closed. */
export class RawStream {
  readonly #stream: ClientHttp2Stream;
  headers: IncomingHttpHeaders | undefined;
  /** gRPC's, once the server has ended the stream with one. */
  status: number | undefined;
  statusText = '';
  /** HTTP/2's, once the stream is over: 0 in good order. */
  closedWith: number | undefined;
  #unread = Buffer.alloc(0);

  constructor(stream: ClientHttp2Stream) {
    this.#stream = stream;
    stream.on('response', (headers) => {
      this.headers = headers;
      this.#take(headers); // all in one when there was nothing but an error
    });
    stream.on('trailers', (trailers) => this.#take(trailers));
    stream.on('error', () => undefined);
    stream.on('close', () => {
      this.closedWith = stream.rstCode;
    });
  }

  /** Reads what comes, and calls `onMessage` with each message and whether it is compressed. */
  read(onMessage: (message: Buffer, isCompressed: boolean) => void = () => undefined): this {
    this.#stream.on('data', (chunk: Buffer) => {
      this.#unread = Buffer.concat([this.#unread, chunk]);
      while (this.#unread.length >= 5 && this.#unread.length >= 5 + this.#unread.readUInt32BE(1)) {
        const end = 5 + this.#unread.readUInt32BE(1);
        const [message, isCompressed] = [this.#unread.subarray(5, end), this.#unread[0] === 1];
        this.#unread = this.#unread.subarray(end);
        onMessage(message, isCompressed);
      }
    });
    return this;
  }

  /** A message is one byte that tells whether it is compressed, four for its length, and itself. */
  send(message: Uint8Array, { isCompressed = false, length = message.length } = {}): void {
    const frame = Buffer.alloc(5);
    frame.writeUInt8(isCompressed ? 1 : 0);
    frame.writeUInt32BE(length, 1);
    if (this.#stream.writable) this.#stream.write(Buffer.concat([frame, message]));
  }

  /** Nothing more comes from this side. */
  end(): void {
    if (this.#stream.writable) this.#stream.end();
  }

  /** Resolves when the stream is over, whoever ended it. */
  closed(): Promise<void> {
    return this.#stream.closed ? Promise.resolve() : new Promise((resolve) => this.#stream.once('close', resolve));
  }

  #take(headers: IncomingHttpHeaders): void {
    if (headers['grpc-status'] === undefined) return;
    this.status = Number(headers['grpc-status']);
    this.statusText = decodeURIComponent(String(headers['grpc-message'] ?? ''));
  }
}
