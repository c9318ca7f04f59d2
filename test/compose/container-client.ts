import { request } from 'node:https';
import { type Answer, type CallOptions, ControlPlaneClient } from '@koguma/testkit';

const PATIENCE_MS = 10_000;

/** A control plane behind TLS, of an authority that this machine does not know, for its administrator. */
export class ContainerClient extends ControlPlaneClient {
  readonly #ca: string;
  readonly #token: string;

  constructor(url: string, ca: string, token: string) {
    super(() => url);
    this.#ca = ca;
    this.#token = token;
  }

  /** Whether it answers at all: the port of a container is open before there is anybody behind it. */
  serves(): Promise<boolean> {
    return this.get('/').then(
      ({ status }) => status === 200,
      () => false,
    );
  }

  override call<B = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    { token = this.#token, headers = {} }: CallOptions = {},
  ): Promise<Answer<B>> {
    const options = {
      method,
      ca: this.#ca,
      agent: false as const,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, ...headers },
      signal: AbortSignal.timeout(PATIENCE_MS),
    };
    return new Promise((resolve, reject) => {
      const sent = request(`${this.url}${path}`, options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const isJson = response.headers['content-type']?.includes('json') && text !== '';
          const told = Object.entries(response.headers).map(([name, value]): [string, string] => [name, String(value)]);
          resolve({
            status: response.statusCode ?? 0,
            body: (isJson ? JSON.parse(text) : {}) as B,
            text,
            headers: new Headers(told),
          });
        });
      });
      sent.on('error', reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}
