import { readFileSync } from 'node:fs';
import { connect as connectHttp2, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from 'node:http2';
import { request } from 'node:https';
import { LOCALHOST_CERT_FILE, type WiredLab } from '@koguma/testkit';
import { Envoy, type EnvoyOptions } from '../peer/envoy.js';

type Tags = Readonly<Record<string, string>>;
type Options = Partial<EnvoyOptions> & { readonly name?: string };

/** A dataplane of a mesh, with an inbound for each set of tags. */
export function dataplane(name: string, ...inbounds: readonly Tags[]) {
  const sets = inbounds.length === 0 ? [{ 'kuma.io/service': 'web' }] : inbounds;
  const inbound = sets.map((tags, index) => ({ port: 8080 + index, servicePort: 80 + index, tags }));
  return { type: 'Dataplane', mesh: 'default', name, networking: { address: '10.0.0.1', inbound } };
}

/** A zone ingress or egress. */
export function zoneProxy(type: 'ZoneIngress' | 'ZoneEgress', name: string) {
  return { type, name, networking: { address: '10.0.0.2', port: 10_001 } };
}

/** An answer of the proxy port. */
export interface DoorAnswer {
  readonly status: number;
  readonly type: string | undefined;
  readonly text: string;
}

/** Where proxies live. */
interface Surroundings {
  zone(name: string): { readonly served: { readonly ports: { readonly dp: number } } };
  readonly until: WiredLab['until'];
}

/** The proxies of a lab, each on a connection of its own. */
export class Proxies {
  readonly #lab: () => Surroundings;
  readonly #all: Envoy[] = [];

  constructor(lab: () => Surroundings) {
    this.#lab = lab;
  }

  /** Starts a dataplane that brings itself along. */
  start(zone: string, token: string, resource: { name: string; mesh?: string }, options: Options = {}): Envoy {
    const { mesh = 'default', name } = resource;
    return this.open(zone, { id: `${mesh}.${name}`, resource, token, ...options });
  }

  open(zone: string, options: Omit<EnvoyOptions, 'port'>): Envoy {
    const envoy = new Envoy({ port: this.portOf(zone), ...options });
    this.#all.push(envoy);
    return envoy;
  }

  /** Starts one and waits until it has all that it needs. */
  async connected(...args: Parameters<Proxies['start']>): Promise<Envoy> {
    const envoy = this.start(...args);
    await this.#lab().until(
      () => envoy.isReady || envoy.end !== undefined,
      () => `${args[2].name} has its configuration: ${JSON.stringify(envoy.responses)}`,
    );
    if (envoy.end) throw new Error(`refused: ${JSON.stringify(envoy.end)}`);
    return envoy;
  }

  /** Waits until a stream has ended, and tells how. */
  async endOf(envoy: Envoy): Promise<{ code: number; details: string }> {
    await this.#lab().until(() => envoy.end !== undefined, 'the stream has ended');
    return envoy.end ?? { code: -1, details: '' };
  }

  portOf(zone: string): number {
    return this.#lab().zone(zone).served.ports.dp;
  }

  closeAll(): void {
    for (const envoy of this.#all.splice(0)) envoy.close();
  }
}

const ca = readFileSync(LOCALHOST_CERT_FILE);

/** Sends a request to a proxy port over HTTP/1.1. */
export function send(
  port: number,
  path: string,
  body: string,
  headers: Record<string, string> = {},
): Promise<DoorAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: 'localhost', port, path, method: 'POST', ca, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const { statusCode: status = 0, headers: answered } = response;
        resolve({ status, type: answered['content-type'], text: Buffer.concat(chunks).toString() });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Sends a request to a proxy port over HTTP/2, to which the peer is asked to agree by ALPN. */
export function sendOverHttp2(
  port: number,
  path: string,
  body: string,
  headers: Record<string, string> = {},
): Promise<DoorAnswer> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`https://localhost:${port}`, { ca });
    session.on('error', reject);
    const stream = session.request({ ':method': 'POST', ':path': path, ...headers });
    const chunks: Buffer[] = [];
    let head: IncomingHttpHeaders & IncomingHttpStatusHeader = {};
    stream.on('response', (received) => {
      head = received;
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('end', () => {
      session.close();
      resolve({ status: head[':status'] ?? 0, type: head['content-type'], text: Buffer.concat(chunks).toString() });
    });
    stream.end(body);
  });
}
