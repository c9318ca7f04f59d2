import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import type { ApiServer } from '../config/config-file.js';
import { Failure } from '../failure.js';

/** One request, by its path below the address of the API server. */
export interface Call {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: readonly (readonly [name: string, value: string])[];
  /** Sent as JSON. */
  readonly body?: object;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/**
 * Sends one request over HTTP or TLS (1.2 or later). The server's certificate is verified unless the API server says
 * otherwise. No proxy of the environment is used, and no redirect is followed: a token goes where it was meant to go.
 * @throws Error of Node, with its `code`, when there is no answer; Failure for a certificate file that cannot be read
 */
export async function send(
  server: ApiServer,
  call: Call,
  userAgent: string,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  const url = address(server, call);
  const body = call.body === undefined ? undefined : JSON.stringify(call.body);
  const options: RequestOptions = {
    method: call.method,
    headers: { ...headers(server, body !== undefined), 'user-agent': userAgent },
    agent: false,
    ...(signal ? { signal } : {}),
    ...(url.protocol === 'https:' ? tls(server) : {}),
  };
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const outgoing = request(url, options, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** A path of the address stays: `https://host/api` and `/meshes` make `https://host/api/meshes`. */
function address({ url }: ApiServer, { path, query = [] }: Call): URL {
  const whole = new URL(url);
  whole.pathname = `${whole.pathname.replace(/\/+$/, '')}${path}`;
  whole.search = new URLSearchParams(query.map(([name, value]): [string, string] => [name, value])).toString();
  return whole;
}

function headers({ headers, authType, authConf }: ApiServer, hasBody: boolean): Record<string, string> {
  const own = (headers ?? []).map(({ key, value }) => [key.toLowerCase(), value] as const);
  return {
    accept: 'application/json',
    ...(hasBody ? { 'content-type': 'application/json' } : {}),
    ...(authType === 'tokens' ? { authorization: `Bearer ${authConf?.token}` } : {}),
    ...Object.fromEntries(own),
  };
}

function tls({ caCertFile, clientCertFile, clientKeyFile, skipVerify }: ApiServer): RequestOptions {
  return {
    minVersion: 'TLSv1.2',
    rejectUnauthorized: skipVerify !== true,
    ...(caCertFile ? { ca: readPem(caCertFile) } : {}),
    ...(clientCertFile ? { cert: readPem(clientCertFile) } : {}),
    ...(clientKeyFile ? { key: readPem(clientKeyFile) } : {}),
  };
}

function readPem(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Failure(
      `${file} cannot be read (${code})`,
      'Check the certificate files that the control plane was added with.',
    );
  }
}
