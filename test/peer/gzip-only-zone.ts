import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type DiscoveryRequest, type DiscoveryResponse, discoveryRequest, discoveryResponse } from './messages.js';

/**
 * One GlobalToZoneSync stream of a zone that takes no encoding but gzip and says so, written straight to HTTP/2: no
 * gRPC library lets its user say that.
 */
export class GzipOnlyZone {
  readonly responses: DiscoveryResponse[] = [];
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;
  headers: IncomingHttpHeaders | undefined;
  /** gRPC's, once global has ended the stream. */
  status: number | undefined;
  statusText = '';
  #bytes = Buffer.alloc(0);

  constructor(
    readonly name: string,
    address: string,
  ) {
    this.#session = connect(`http://${address}`);
    this.#stream = this.#session.request({
      ':method': 'POST',
      ':path': '/kuma.mesh.v1alpha1.KDSSyncService/GlobalToZoneSync',
      'content-type': 'application/grpc',
      te: 'trailers',
      'grpc-encoding': 'gzip',
      'grpc-accept-encoding': 'gzip',
      'client-id': name,
      version: '2.14.3',
      'kds-version': 'v3',
      features: ['zone-ping-health', 'hash-suffix'],
    });
    this.#stream.on('response', (headers) => {
      this.headers = headers;
      this.#ended(headers); // all in one when there was nothing but an error
    });
    this.#stream.on('trailers', (trailers) => this.#ended(trailers));
    this.#stream.on('error', () => undefined);
    this.#stream.on('data', (chunk: Buffer) => this.#read(chunk));
  }

  send(request: Partial<DiscoveryRequest>): void {
    const message = gzipSync(discoveryRequest.encode(request));
    const frame = Buffer.alloc(5);
    frame.writeUInt8(1);
    frame.writeUInt32BE(message.length, 1);
    this.#stream.write(Buffer.concat([frame, message]));
  }

  subscribe(typeUrl: string): void {
    this.send({ node: { id: this.name }, typeUrl, resourceNamesSubscribe: ['*'] });
  }

  stop(): void {
    this.#session.destroy();
  }

  #ended(headers: IncomingHttpHeaders): void {
    if (headers['grpc-status'] === undefined) return;
    this.status = Number(headers['grpc-status']);
    this.statusText = decodeURIComponent(String(headers['grpc-message'] ?? ''));
  }

  /** A message is one byte that tells whether it is compressed, four for its length, and itself. */
  #read(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    while (this.#bytes.length >= 5 && this.#bytes.length >= 5 + this.#bytes.readUInt32BE(1)) {
      const end = 5 + this.#bytes.readUInt32BE(1);
      const message = this.#bytes.subarray(5, end);
      const response = discoveryResponse.decode(this.#bytes[0] === 1 ? gunzipSync(message) : message);
      this.responses.push(response);
      this.#bytes = this.#bytes.subarray(end);
      this.send({ node: { id: this.name }, typeUrl: response.typeUrl, responseNonce: response.nonce });
    }
  }
}
