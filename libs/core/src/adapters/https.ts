import { request } from 'node:https';
import { ControlPlaneError } from '../errors.js';

interface Question {
  readonly method: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** PEM of the authorities that count; the system's when left out. */
  readonly ca?: string | undefined;
  /** Believes everybody. */
  readonly skipVerify?: boolean;
}

export interface HttpsAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

const PATIENCE_MS = 5_000;
const LARGEST_ANSWER = 1024 * 1024;

/**
 * Asks over HTTPS, and nothing else. @throws ControlPlaneError `unavailable` when no whole answer came from who was asked
 */
export function askOverHttps(
  url: string,
  { method, headers = {}, body, ca, skipVerify = false }: Question,
): Promise<HttpsAnswer> {
  return new Promise((resolve, reject) => {
    const failed = (cause: unknown) => {
      const { host } = new URL(url);
      reject(
        new ControlPlaneError('unavailable', `${host} cannot be asked now: ${(cause as Error).message}`, { cause }),
      );
    };
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const trust = { rejectUnauthorized: !skipVerify, ...(ca === undefined ? {} : { ca }) };
    const asked = request(url, { method, headers, signal, ...trust }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > LARGEST_ANSWER) asked.destroy(new Error('its answer is too large'));
        else chunks.push(chunk);
      });
      response.on('error', failed);
      response.on('end', () => {
        const told = Object.entries(response.headers).map(([name, value]): [string, string] => [name, String(value)]);
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, headers: new Headers(told), text });
      });
    });
    asked.on('error', failed);
    asked.end(body);
  });
}
