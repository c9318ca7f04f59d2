import type { TokenKindName } from '@koguma/auth';
import { rfc3339 } from '@koguma/core';
import type { ResourceType } from '@koguma/resources';
import { type Answer, type ControlPlaneClient, startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiDescription, type Operation } from '../support/api-description.js';

let lab: WiredLab;
let api: ApiDescription;

const DATAPLANE = {
  networking: {
    address: '10.0.0.1',
    inbound: [{ port: 8080, servicePort: 80, tags: { 'kuma.io/service': 'web' }, health: { ready: true } }],
    outbound: [{ port: 9090, tags: { 'kuma.io/service': 'api' } }],
  },
  metrics: { type: 'prometheus', conf: { port: 1 } },
};
const GATEWAY = {
  networking: { address: '10.0.0.2', gateway: { type: 'BUILTIN', tags: { 'kuma.io/service': 'edge' } } },
};
const PROXY = { networking: { address: '10.0.0.3', advertisedAddress: '1.2.3.4', port: 10_001, advertisedPort: 1 } };
const MESH = {
  mtls: { enabledBackend: 'ca-1', backends: [{ name: 'ca-1', type: 'builtin' }] },
  routing: { zoneEgress: true, localityAwareLoadBalancing: false },
};
/** A body of `POST /tokens/{kind}` that asks for the least. */
const LEAST: Readonly<Record<TokenKindName, Record<string, unknown>>> = {
  dataplane: { mesh: 'default' },
  'zone-ingress': { zone: 'east' },
  zone: { zone: 'east', scope: ['egress'] },
  user: { name: 'john', groups: ['team-a'], validFor: '1h' },
};

beforeAll(async () => {
  lab = await startWiredLab({ zones: ['east'], env: { KUMA_MULTIZONE_GLOBAL_KDS_ZONE_INSIGHT_FLUSH_INTERVAL: '1ms' } });
  const { global } = lab;
  const east = lab.zone('east');
  const put = async (cp: ControlPlaneClient, path: string, body: object) =>
    expect([200, 201]).toContain((await cp.call('PUT', path, body)).status);
  await put(global, '/meshes/orders', MESH);
  await global.putSecret('note', 'text', { labels: { team: 'a', 'kuma.io/kds-sync': 'enabled' } });
  await global.putSecret('note', 'text', { mesh: 'default' });
  await put(global, '/global-secrets/empty', {});
  await put(global, '/zones/old', { enabled: false });
  await lab.synced();
  await put(east, '/meshes/default/dataplanes/web-1', DATAPLANE);
  await put(east, '/meshes/default/dataplanes/edge-1', GATEWAY);
  await put(east, '/zone-ingresses/in-1', PROXY);
  await put(east, '/zoneegresses/out-1', PROXY);
  const count = async (path: string) => Number((await global.get(path)).body.total);
  await lab.until(
    async () => (await count('/dataplanes')) === 2 && (await count('/zoneegresses')) === 1,
    'global has them',
  );
  for (const cp of [lab.global, east]) {
    for (const type of ['Dataplane', 'ZoneIngress', 'ZoneEgress'] as const) await connect(cp.served.manager, type);
  }
  api = new ApiDescription((await global.get('/openapi.json')).body);
});
afterAll(() => lab.stop());

/** Every proxy of a type has a connection, as the proxies' door writes it. */
async function connect(manager: WiredLab['global']['served']['manager'], type: ResourceType): Promise<void> {
  const now = lab.clock.wall();
  const version = { kumaDp: { version: '2.14.3', kumaCpCompatible: true }, envoy: { version: '1.36.0' } };
  const subscriptions = [{ id: '1', connectTime: rfc3339(now), status: { total: { responsesSent: '1' } }, version }];
  for (const { mesh, name } of await manager.list(type)) {
    const key = { type: `${type}Insight` as ResourceType, mesh, name };
    const draft = { ...key, spec: { subscriptions }, labels: {}, creationTime: now, modificationTime: now };
    await manager.system((tx) => tx.create(draft));
  }
}

/** A request that an operation should grant, by what the control plane has. */
async function ask(cp: ControlPlaneClient, { method, path }: Operation): Promise<Answer> {
  if (method === 'POST') return cp.call(method, path, await order(cp, path));
  const [collection = '', rest = ''] = path.replace('{mesh}', 'default').replace('{service}', 'web').split('/{name}');
  if (!path.includes('{name}')) return cp.get(collection);
  const { items } = (await cp.get<{ items: { name: string }[] }>(collection)).body;
  // What comes first is in use and cannot be deleted; what comes last can.
  if (method === 'DELETE') return cp.call(method, `${collection}/${items.at(-1)?.name ?? 'none'}?dryRun`);
  const name = items.find((item) => item.name !== 'empty')?.name ?? 'none';
  const read = await cp.get(`${collection}/${name}${rest}`);
  return method === 'PUT' ? cp.call(method, `${collection}/${name}?dryRun=true`, read.body) : read;
}

async function order(cp: ControlPlaneClient, path: string): Promise<object> {
  if (path === '/koguma/tokens/verify') return { token: await cp.issue('user', LEAST.user), kind: 'user' };
  return LEAST[(path.split('/').at(2) ?? 'dataplane') as TokenKindName];
}

const isNowhere = ({ body }: Answer) => `${body.detail}`.startsWith('there is nothing at');
const nodes = () => [lab.global, lab.zone('east')] as const;

describe('the description of the API', () => {
  it('is the same on global and in a zone, where every operation is there as well', async () => {
    const east = new ApiDescription((await lab.zone('east').get('/openapi.json')).body);
    expect(east.operations).toEqual(api.operations);
  });

  it('holds for what every operation really answers, and each succeeds on one of them at least', async () => {
    const succeeded = new Set<string>();
    for (const cp of nodes()) {
      for (const operation of api.operations) {
        const answer = await ask(cp, operation);
        expect(api.problemsOf(operation, answer)).toEqual([]);
        expect([cp.name, operation.path, isNowhere(answer)]).toEqual([cp.name, operation.path, false]);
        if (answer.status < 300) succeeded.add(`${operation.method} ${operation.path}`);
      }
    }
    const all = api.operations.map(({ method, path }) => `${method} ${path}`);
    expect(all.filter((one) => !succeeded.has(one))).toEqual([]);
  });

  it.each([
    ['somebody from elsewhere', { headers: { 'x-forwarded-for': '203.0.113.7' } }, '{'],
    ['somebody with a bad token', { token: 'bad' }, '{'],
    ['somebody whose body is no JSON', {}, '{'],
    ['somebody whose body is of another kind', { headers: { 'content-type': 'text/plain' } }, '{}'],
    ['somebody who says nothing', {}, '{}'],
  ])('holds for what %s is told, too', async (_who, options, body) => {
    for (const cp of nodes()) {
      for (const operation of api.operations) {
        const path = operation.path.replace(/\{\w+\}/g, 'none');
        const query = operation.method === 'GET' ? '?size=0' : '?dryRun=maybe';
        const sent = operation.method === 'GET' ? undefined : body;
        expect(api.problemsOf(operation, await cp.call(operation.method, path + query, sent, options))).toEqual([]);
      }
    }
  });

  it('tells of every parameter of the query that it is read', async () => {
    for (const operation of api.operations) {
      for (const { name } of operation.parameters.filter((one) => one.in === 'query' && one.name !== 'name')) {
        const key = name === 'filter' ? 'filter[x]' : name;
        const path = operation.path.replace('{mesh}', 'default').replace(/\{\w+\}/g, 'none');
        const { status, body } = await lab.zone('east').call(operation.method, `${path}?${key}=%00`);
        expect([operation.path, name, status, body.causes]).toEqual([
          operation.path,
          name,
          400,
          [{ field: key, message: expect.any(String) }],
        ]);
      }
    }
  });

  it('would not hold for an answer that is something else', async () => {
    const operation = api.operations.find(({ method, path }) => method === 'GET' && path === '/zones') as Operation;
    const answer = await lab.global.get('/zones');
    const other = (text: string) => api.problemsOf(operation, { ...answer, text });
    expect(other(answer.text)).toEqual([]);
    expect(other('{}')).toHaveLength(3);
    expect(other('{"total":1,"items":[{"type":"Zone","name":"x","creationTime":"today"}],"next":null}')).toHaveLength(
      2,
    );
    expect(api.problemsOf(operation, { ...answer, status: 404 })).not.toEqual([]);
  });
});
