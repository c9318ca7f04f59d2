import type { IncomingHttpHeaders } from 'node:http2';
import { gunzipSync, gzipSync } from 'node:zlib';
import { KDS_SYNC } from './kds-methods.js';
import { type DiscoveryRequest, type DiscoveryResponse, discoveryRequest, discoveryResponse } from './messages.js';
import { RawConnection, type RawStream } from './raw-connection.js';

/** One GlobalToZoneSync stream of a zone that takes no encoding but gzip and says so: no gRPC library lets its user say that. */
export class GzipOnlyZone {
  readonly responses: DiscoveryResponse[] = [];
  readonly #connection: RawConnection;
  readonly #stream: RawStream;

  constructor(
    readonly name: string,
    address: string,
  ) {
    this.#connection = new RawConnection(address);
    this.#stream = this.#connection.open(KDS_SYNC.globalToZone.path, {
      'grpc-encoding': 'gzip',
      'grpc-accept-encoding': 'gzip',
      'client-id': name,
      version: '2.14.3',
      'kds-version': 'v3',
      features: ['zone-ping-health', 'hash-suffix'],
    });
    this.#stream.read((message, isCompressed) => {
      const response = discoveryResponse.decode(isCompressed ? gunzipSync(message) : message);
      this.responses.push(response);
      this.send({ node: { id: this.name }, typeUrl: response.typeUrl, responseNonce: response.nonce });
    });
  }

  get headers(): IncomingHttpHeaders | undefined {
    return this.#stream.headers;
  }

  /** gRPC's, once global has ended the stream. */
  get status(): number | undefined {
    return this.#stream.status;
  }

  get statusText(): string {
    return this.#stream.statusText;
  }

  send(request: Partial<DiscoveryRequest>): void {
    this.#stream.send(gzipSync(discoveryRequest.encode(request)), { isCompressed: true });
  }

  subscribe(typeUrl: string): void {
    this.send({ node: { id: this.name }, typeUrl, resourceNamesSubscribe: ['*'] });
  }

  stop(): void {
    this.#connection.destroy();
  }
}
