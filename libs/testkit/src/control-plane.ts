import type { TokenKindName, Verdict } from '@koguma/auth';

/** An answer of a control plane, with the body parsed when it is JSON. */
export interface Answer<B = Record<string, unknown>> {
  readonly status: number;
  readonly body: B;
  readonly text: string;
  readonly headers: Headers;
}

export interface CallOptions {
  readonly token?: string;
  readonly headers?: Record<string, string>;
}

/** One control plane as a tool sees it: plain REST, spoken in the domain's words. */
export class ControlPlaneClient {
  /** @param at where the API server is now; a restarted control plane may be elsewhere */
  constructor(private readonly at: () => string) {}

  get url(): string {
    return this.at();
  }

  async call<B = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    { token, headers }: CallOptions = {},
  ): Promise<Answer<B>> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') ?? false;
    return {
      status: response.status,
      body: (isJson && text !== '' ? JSON.parse(text) : {}) as B,
      text,
      headers: response.headers,
    };
  }

  get<B = Record<string, unknown>>(path: string, options?: CallOptions): Promise<Answer<B>> {
    return this.call<B>('GET', path, undefined, options);
  }

  /** Issues a token; anything but success is an error that tells the answer. */
  async issue(kind: TokenKindName, request: Record<string, unknown>): Promise<string> {
    return expectOk(await this.call('POST', `/tokens/${kind}`, request)).text;
  }

  async verify(token: string, kind: TokenKindName, mesh?: string): Promise<Verdict> {
    return expectOk(
      await this.call<Verdict & Record<string, unknown>>('POST', '/koguma/tokens/verify', { token, kind, mesh }),
    ).body;
  }

  /** Puts ids on a revocation list, in place of what it held. */
  async revoke(list: string, ids: readonly string[]): Promise<void> {
    await this.putSecret(list, ids.join(','));
  }

  /** A GlobalSecret, or with `mesh` a Secret, that holds `text`. */
  async putSecret(
    name: string,
    text: string,
    { mesh, labels }: { mesh?: string; labels?: Record<string, string> } = {},
  ): Promise<Answer> {
    const data = Buffer.from(text).toString('base64');
    const type = mesh === undefined ? 'GlobalSecret' : 'Secret';
    return expectOk(
      await this.call('PUT', secretPath(name, mesh), {
        type,
        name,
        ...(mesh === undefined ? {} : { mesh }),
        data,
        ...(labels ? { labels } : {}),
      }),
    );
  }

  async secretText(name: string, mesh?: string): Promise<string> {
    const { body } = expectOk(await this.get<{ data?: string }>(secretPath(name, mesh)));
    return Buffer.from(body.data ?? '', 'base64').toString('utf8');
  }

  async deleteSecret(name: string, mesh?: string): Promise<Answer> {
    return expectOk(await this.call('DELETE', secretPath(name, mesh)));
  }

  async secretNames(mesh?: string): Promise<string[]> {
    const path = mesh === undefined ? '/global-secrets' : `/meshes/${mesh}/secrets`;
    return expectOk(await this.get<{ items: { name: string }[] }>(path)).body.items.map(({ name }) => name);
  }

  async createMesh(name: string): Promise<void> {
    expectOk(await this.call('PUT', `/meshes/${name}`, { type: 'Mesh', name }));
  }
}

function secretPath(name: string, mesh: string | undefined): string {
  return mesh === undefined ? `/global-secrets/${name}` : `/meshes/${mesh}/secrets/${name}`;
}

function expectOk<A extends Answer<unknown>>(answer: A): A {
  if (answer.status >= 300) throw new Error(`answered ${answer.status}: ${answer.text}`);
  return answer;
}
