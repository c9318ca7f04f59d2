import { type Secret, secretText } from '@koguma/auth';
import type { Answer } from '@koguma/testkit';
import { ApiDescription, type Operation } from './api-description.js';
import type { HostileRequest, Ingredients } from './hostile-requests.js';
import { Secrets } from './leaks.js';

/** Of a proxy that is no dataplane. */
export const PROXY = { networking: { address: '10.0.0.1', port: 10_001 } };
export const INBOUND = { address: '10.0.0.1', inbound: [{ port: 80, tags: { 'kuma.io/service': 'web' } }] };
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

/** What is there, and what could be. */
const NAMES = [
  ...['default', 'web-1', 'in-1', 'east', 'web'],
  ...['admin-user-token', 'zone-token-signing-key-1', 'user-token-revocations'],
];

/** What is asked of a control plane: its API, and what it keeps. */
interface Asked {
  get(path: string): Promise<Answer>;
  secretText(name: string): Promise<string>;
  issue(kind: 'user', body: object): Promise<string>;
  readonly served: { readonly view: { list(type: 'Secret' | 'GlobalSecret'): readonly object[] } };
}

/** Knows what control planes may answer to whatever is asked of their APIs, and what they must never tell. */
export class ApiOracle {
  readonly ingredients: Ingredients;
  readonly secrets = new Secrets();
  readonly #api: ApiDescription;
  readonly #nodes: readonly Asked[];

  private constructor(nodes: readonly Asked[], api: ApiDescription, known: readonly string[]) {
    this.#nodes = nodes;
    this.#api = api;
    this.ingredients = { operations: api.operations, names: NAMES, secrets: known, bodies: BODIES };
    for (const secret of known) this.secrets.add(secret);
    this.addWhatIsStored();
  }

  /** @param nodes the first of which describes the API, and makes users */
  static async of(first: Asked, ...others: readonly Asked[]): Promise<ApiOracle> {
    const nodes = [first, ...others];
    const admins = await Promise.all(nodes.map((cp) => cp.secretText('admin-user-token')));
    const user = await first.issue('user', { name: 'john', groups: ['team-a'], validFor: '1h' });
    const key = await first.secretText('zone-token-signing-key-1');
    const api = new ApiDescription((await first.get('/openapi.json')).body);
    return new ApiOracle(nodes, api, [...admins, user, key]);
  }

  /** Every secret that any of the control planes keeps now. */
  addWhatIsStored(): void {
    for (const { served } of this.#nodes) {
      for (const type of ['Secret', 'GlobalSecret'] as const) {
        for (const { spec } of served.view.list(type) as Secret[]) this.secrets.add(secretText(spec));
      }
    }
  }

  /** What is wrong with an answer; nothing when all is well. */
  complaints({ method, path }: HostileRequest, answer: Answer): string[] {
    const operation = this.#api.operationFor(method, path);
    if (operation?.method === 'POST' && mayTell(operation, answer)) this.secrets.add(answer.text);
    const told = answer.text + JSON.stringify([...answer.headers]);
    const found = mayTell(operation, answer) ? [] : this.secrets.in(told);
    const wrong = answer.status >= 500 ? [`${method} ${path} answered ${answer.status}: ${answer.text}`] : [];
    return [...wrong, ...found, ...this.#api.problemsOf(operation, answer)];
  }
}

/** Secrets are told where one asks for them, and tokens where one asks for new ones. */
function mayTell(operation: Operation | undefined, { status }: Answer): boolean {
  if (status !== 200 || !operation) return false;
  if (operation.method === 'POST') return operation.path.startsWith('/tokens');
  return operation.method === 'GET' && /\/(global-?)?secrets(\/|$)/.test(operation.path);
}
