import { startStandalone } from '@koguma/testkit';
import fc from 'fast-check';
import { ApiOracle, INBOUND, PROXY } from '../support/api-oracle.js';
import { type HostileRequest, hostileRequest, send } from '../support/hostile-requests.js';
import type { Fuzzer } from './fuzzer.js';

/** How long one answer may take on a busy machine. */
const DEADLINE_MS = 10_000;
/** Refused with 413 beyond, so that there are bodies that are too large. */
const LARGEST_BODY = 50_000;
const MOST_REQUESTS = 5;
/** Each has a key of its own, and the next ones would wait for those of many. */
const MOST_MESHES = 20;

/** Requests of bad faith, one after another, to the API of a zone that owns all of its resources. */
export async function restFuzzer(): Promise<Fuzzer<readonly HostileRequest[]>> {
  const zone = await startStandalone({ KOGUMA_HTTP_MAX_BODY_SIZE: String(LARGEST_BODY) });
  await zone.call('PUT', '/meshes/default/dataplanes/web-1', { networking: INBOUND });
  await zone.call('PUT', '/zone-ingresses/in-1', PROXY);
  const { view, ports } = zone.served;
  const oracle = await ApiOracle.of(zone);
  const seen: Record<string, number> = {};
  const ask = async (request: HostileRequest) => {
    const before = view.revision.n;
    const answer = await send(ports.api, request, DEADLINE_MS);
    const kind = `${String(answer.status).charAt(0)}xx`;
    seen[kind] = (seen[kind] ?? 0) + 1;
    const complaints = oracle.complaints(request, answer);
    const written = view.revision.n - before;
    const mayWrite = answer.status < 300 && (request.method === 'PUT' || request.method === 'DELETE');
    if (written > (mayWrite ? 1 : 0)) complaints.push(`answered ${answer.status} and wrote ${written} times`);
    if (complaints.length > 0) throw new Error(complaints.join('\n'));
  };
  const tidy = async () => {
    const made = view.list('Mesh').filter(({ name }) => name !== 'default');
    if (made.length < MOST_MESHES) return;
    for (const { name } of view.list('Dataplane'))
      if (name !== 'web-1') await zone.call('DELETE', `/meshes/default/dataplanes/${encodeURIComponent(name)}`);
    for (const { name } of made) await zone.call('DELETE', `/meshes/${encodeURIComponent(name)}`);
  };
  return {
    made: fc.array(hostileRequest(oracle.ingredients), { minLength: 1, maxLength: MOST_REQUESTS }),
    check: async (requests) => {
      for (const request of requests) await ask(request);
      const token = await zone.issue('zone-ingress', { zone: 'east' });
      const { accepted } = await zone.verify(token, 'zone-ingress');
      if (!accepted) throw new Error('what was asked before keeps it from issuing and checking tokens');
      await tidy();
    },
    seen: () => ({
      ...seen,
      resources: ['Mesh', 'Secret', 'GlobalSecret', 'Dataplane'].flatMap((type) => view.list(type as 'Mesh')).length,
    }),
    close: () => zone.stop(),
  };
}
