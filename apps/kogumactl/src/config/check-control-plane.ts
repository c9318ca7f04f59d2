import { ApiClient } from '../api/client.js';
import { Refused } from '../api/failures.js';
import { Failure } from '../failure.js';
import type { Terminal } from '../terminal.js';
import type { Target } from './control-planes.js';

/** What Kuma tells of itself at `/`: the tagline before 2.14, the product from then on. */
interface Index {
  readonly tagline?: string;
  readonly product?: string;
}

/**
 * Asks a control plane whether it is one, and whether it takes the credential that it is to be added with: one that it
 * refuses would be found out much later.
 * @throws Failure
 */
export async function checkControlPlane(
  target: Target,
  timeoutMs: number,
  { err }: Pick<Terminal, 'err'>,
): Promise<void> {
  const { name, apiServer } = target;
  const api = new ApiClient(target, timeoutMs);
  const { tagline, product } = await api.get<Index>('/');
  if (tagline !== 'Kuma' && product !== 'Kuma') {
    throw new Failure(`${apiServer.url} is not the API server of Kuma`, 'Check --address.');
  }
  if (apiServer.authType === undefined && apiServer.clientCertFile === undefined) return;
  try {
    await api.get('/who-am-i');
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) {
      const todo = 'Give one that this control plane has issued: keys of users are its own. Nothing was added.';
      throw new Failure(`the control plane "${name}" at ${apiServer.url} does not take this token`, todo);
    }
    if (error.status !== 404) throw error;
    err.write(`Warning: ${apiServer.url} is older than Kuma 2.8: whether it takes the credential was not tested\n`);
  }
}
