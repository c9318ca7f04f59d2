import { Failure } from '../failure.js';
import type { ChildStatus } from './supervisor.js';

const SECRET = 'admin-user-token';
const PATIENCE_MS = 5_000;

/** Reads the admin user token of a control plane from its API, which takes a caller on this machine for the admin. */
export async function readAdminToken({ name, state, api, log }: ChildStatus): Promise<string> {
  if (state !== 'running') {
    throw new Failure(`${name} does not run (it is ${state})`, `Start it with: npx kogumactl lab start ${name}`);
  }
  const url = new URL(`/global-secrets/${SECRET}`, api);
  // The control plane listens there alone, and somebody else may have the same port of ::1.
  url.hostname = '127.0.0.1';
  const response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) }).catch((error: Error) => {
    throw new Failure(`${name} does not answer at ${url.origin}: ${error.message}`, `See its log: ${log}.`);
  });
  if (response.status === 404) {
    const todo = 'Set KUMA_API_SERVER_AUTHN_TOKENS_BOOTSTRAP_ADMIN_TOKEN to true for it, or issue a user token.';
    throw new Failure(`${name} has no ${SECRET}`, todo);
  }
  if (!response.ok) {
    const todo = 'Is KUMA_API_SERVER_AUTHN_LOCALHOST_IS_ADMIN false? Then use a token that you have.';
    throw new Failure(`${name} refuses to show ${SECRET}: HTTP ${response.status}`, todo);
  }
  const data = secretIn(await response.text());
  if (data === '')
    throw new Failure(`${name} answers with something else than a secret`, `See what it is: curl ${url}`);
  return data;
}

/** What a secret holds, given its JSON; '' when that is no secret. */
export function secretIn(json: string): string {
  try {
    const { data } = Object(JSON.parse(json)) as { data?: unknown };
    return typeof data === 'string' ? Buffer.from(data, 'base64').toString('utf8').trim() : '';
  } catch {
    return '';
  }
}
