import { type Secret, secretText } from '@koguma/auth';
import { pinoLog } from '@koguma/core';
import { type Answer, startWiredLab, type WiredLab } from '@koguma/testkit';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiDescription, type Operation } from '../support/api-description.js';
import { type HostileRequest, hostileRequest, type Ingredients, send } from '../support/hostile-requests.js';
import { Secrets } from '../support/leaks.js';

/** How long one answer may take on a busy machine, and how long one seed may go on. */
const DEADLINE_MS = 5_000;
const TIME_MS = 8_000;
const BATCHES = 250;
const BATCH = 20;
/** Refused with 413 beyond, so that there are bodies that are too large. */
const LARGEST_BODY = 50_000;

const PROXY = { networking: { address: '10.0.0.1', port: 10_001 } };
const INBOUND = { address: '10.0.0.1', inbound: [{ port: 80, tags: { 'kuma.io/service': 'web' } }] };
const BODIES: Ingredients['bodies'] = {
  MeshBody: [{ mtls: { enabledBackend: 'ca-1' }, routing: { zoneEgress: true }, labels: { team: 'a' } }],
  SecretBody: [{ data: 'dGV4dA==', labels: { 'kuma.io/kds-sync': 'enabled' } }],
  GlobalSecretBody: [{ data: 'dGV4dA==', type: 'GlobalSecret', labels: { 'koguma.io/phase': 'prepared' } }],
  ZoneBody: [{ enabled: false, type: 'Zone' }],
  DataplaneBody: [
    { networking: INBOUND, mesh: 'default', labels: { 'kuma.io/zone': 'x' } },
    { networking: { address: '10.0.0.1', gateway: { tags: { 'kuma.io/service': 'edge' }, type: 'BUILTIN' } } },
  ],
  ZoneIngressBody: [PROXY],
  ZoneEgressBody: [PROXY],
  DataplaneTokenRequest: [
    {
      name: 'a',
      mesh: 'default',
      tags: { 'kuma.io/service': ['web'] },
      type: 'dataplane',
      validFor: '24h',
      workload: 'w',
    },
  ],
  ZoneIngressTokenRequest: [{ zone: 'east', validFor: '1h' }],
  ZoneTokenRequest: [{ zone: 'east', scope: ['ingress', 'egress'], validFor: '1h' }],
  UserTokenRequest: [{ name: 'john', groups: ['team-a'], validFor: '1h' }],
  Question: [{ token: 'a.b.c', kind: 'dataplane', mesh: 'default' }],
};

let lab: WiredLab;
let api: ApiDescription;
let ingredients: Ingredients;
const logged: string[] = [];
const secrets = new Secrets();

const nodes = () => [lab.global, lab.zone('east')] as const;

beforeAll(async () => {
  const log = pinoLog('debug', 'lab', { write: (line) => void logged.push(line) });
  lab = await startWiredLab({ zones: ['east'], log, env: { KOGUMA_HTTP_MAX_BODY_SIZE: String(LARGEST_BODY) } });
  const east = lab.zone('east');
  await east.call('PUT', '/meshes/default/dataplanes/web-1', { networking: INBOUND });
  await east.call('PUT', '/zone-ingresses/in-1', PROXY);
  const admins = await Promise.all(nodes().map((cp) => cp.secretText('admin-user-token')));
  const user = await lab.global.issue('user', { name: 'john', groups: ['team-a'], validFor: '1h' });
  const key = await lab.global.secretText('zone-token-signing-key-1');
  api = new ApiDescription((await lab.global.get('/openapi.json')).body);
  ingredients = {
    operations: api.operations,
    names: [
      'default',
      'web-1',
      'in-1',
      'east',
      'web',
      'admin-user-token',
      'zone-token-signing-key-1',
      'user-token-revocations',
    ],
    secrets: [...admins, user, key],
    bodies: BODIES,
  };
  for (const secret of ingredients.secrets) secrets.add(secret);
  await addWhatIsStored();
});
afterAll(() => lab.stop());

/** Every secret that any control plane keeps now. */
async function addWhatIsStored(): Promise<void> {
  for (const cp of nodes()) {
    for (const type of ['Secret', 'GlobalSecret'] as const) {
      for (const { spec } of cp.served.view.list(type) as Secret[]) secrets.add(secretText(spec));
    }
  }
}

/** Secrets are told where one asks for them, and tokens where one asks for new ones. */
function mayTell(operation: Operation | undefined, { status }: Answer): boolean {
  if (status !== 200 || !operation) return false;
  if (operation.method === 'POST') return operation.path.startsWith('/tokens');
  return operation.method === 'GET' && /\/(global-?)?secrets(\/|$)/.test(operation.path);
}

/** What is wrong with an answer; nothing when all is well. */
function complaints({ method, path }: HostileRequest, answer: Answer): string[] {
  const operation = api.operationFor(method, path);
  if (operation?.method === 'POST' && mayTell(operation, answer)) secrets.add(answer.text);
  const found = mayTell(operation, answer) ? [] : secrets.in(answer.text + JSON.stringify([...answer.headers]));
  const wrong = answer.status >= 500 ? [`${method} ${path} answered ${answer.status}: ${answer.text}`] : [];
  return [...wrong, ...found, ...api.problemsOf(operation, answer)];
}

async function attack(seed: number): Promise<number> {
  let requests = 0;
  const batch = fc.array(fc.tuple(hostileRequest(ingredients), fc.boolean()), {
    minLength: 1,
    maxLength: BATCH,
    size: 'max',
  });
  const property = fc.asyncProperty(batch, async (asked) => {
    const told = await Promise.all(
      asked.map(async ([one, onGlobal]) => {
        const cp = onGlobal ? lab.global : lab.zone('east');
        return complaints(one, await send(cp.served.ports.api, one, DEADLINE_MS));
      }),
    );
    requests += asked.length;
    expect(told.flat()).toEqual([]);
  });
  await fc.assert(property, { seed, numRuns: BATCHES, interruptAfterTimeLimit: TIME_MS });
  return requests;
}

describe('requests of bad faith', () => {
  it.each([
    ['one that is always the same', 1],
    ['one that is new each time', Date.now() % 2 ** 31],
  ])(
    'are answered, by %s, without a failure of ours and without a secret',
    async (_which, seed) => {
      const requests = await attack(seed);
      console.log(`fuzz with seed ${seed}: ${requests} requests`);
      expect(requests).toBeGreaterThan(BATCH);
    },
    30_000,
  );

  it('leave no secret and no stack in the log, where there is something of them', async () => {
    await addWhatIsStored();
    const text = logged.join('');
    expect(text).toContain('authentication rejected');
    expect(text).not.toContain('request failed');
    expect(secrets.in(text)).toEqual([]);
  });

  it('leave control planes that work, and are in sync', async () => {
    await lab.synced();
    for (const cp of nodes()) expect((await cp.get('/')).status).toBe(200);
    const token = await lab.zone('east').issue('zone-ingress', { zone: 'east' });
    expect(await lab.global.verify(token, 'zone-ingress')).toMatchObject({ accepted: true });
  });

  it('would be told on: a secret is found however it is wrapped', async () => {
    const [token = ''] = ingredients.secrets;
    const key = await lab.global.secretText('zone-token-signing-key-1');
    for (const text of [
      token,
      key,
      JSON.stringify(key),
      Buffer.from(key).toString('base64'),
      new Error('x').stack ?? '',
    ]) {
      expect(secrets.in(`{"a": "x${text}"}`)).not.toEqual([]);
    }
    expect(secrets.in('{"kid": "1", "jti": "3d2199ef-d297-46b1-8ca7-426f3fa7fe30"}')).toEqual([]);
  });
});
