import { nodeCrypto, type RsaKey, type TokenKindName, tokenKind, type Verdict } from '@koguma/auth';
import { askOverHttps } from '@koguma/core';
import { decodeToken, kindOf } from './decoded-token.js';

/** An answer of a control plane, with the body parsed when it is JSON. */
export interface Answer<B = Record<string, unknown>> {
  readonly status: number;
  readonly body: B;
  readonly text: string;
  readonly headers: Headers;
}

export interface CallOptions {
  /** Who asks; the client's own when left out. */
  readonly token?: string | undefined;
  readonly headers?: Record<string, string>;
}

export interface ClientOptions {
  /** A user token. Without one a local caller is admin, where the control plane has it so. */
  readonly token?: string | undefined;
  /** PEM of whom its certificate is of, where it is asked over `https://`; those that Node believes when left out. */
  readonly authority?: string | undefined;
  /** Makes the keys that are brought by `rotate`; real ones when left out. */
  readonly makeKey?: () => Promise<RsaKey>;
}

export interface RotateOptions {
  /** Of dataplane tokens: whose keys. */
  readonly mesh?: string;
  /** `prepared`: it checks tokens, is synced, and does not sign before it is put again without. */
  readonly phase?: 'active' | 'prepared';
}

interface Sent {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
}

/** One control plane as a tool sees it: plain REST, spoken in the domain's words. */
export class ControlPlaneClient {
  readonly #at: () => string;
  readonly #options: ClientOptions;

  /** @param at where the API server is now; a restarted control plane may be elsewhere */
  constructor(at: () => string, options: ClientOptions = {}) {
    this.#at = at;
    this.#options = options;
  }

  /** Where the API server is: for clients of your own. */
  get url(): string {
    return this.#at();
  }

  async call<B = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    { token = this.#options.token, headers }: CallOptions = {},
  ): Promise<Answer<B>> {
    const sent = {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    };
    const answer = await this.#exchange(`${this.url}${path}`, sent);
    const isJson = answer.headers.get('content-type')?.includes('json') ?? false;
    return { ...answer, body: (isJson && answer.text !== '' ? JSON.parse(answer.text) : {}) as B };
  }

  /** What Node fetches knows no authority of one's own. */
  async #exchange(url: string, sent: Sent): Promise<Omit<Answer, 'body'>> {
    const { authority: ca } = this.#options;
    if (ca !== undefined) return askOverHttps(url, { ...sent, ca });
    const response = await fetch(url, sent);
    return { status: response.status, headers: response.headers, text: await response.text() };
  }

  get<B = Record<string, unknown>>(path: string, options?: CallOptions): Promise<Answer<B>> {
    return this.call<B>('GET', path, undefined, options);
  }

  /** Issues a token; anything but success is an error that tells the answer. */
  async issue(kind: TokenKindName, request: Record<string, unknown>): Promise<string> {
    return expectOk(await this.call('POST', `/tokens/${kind}`, request)).text;
  }

  /**
   * Asks whether a token is good there and now, and why.
   * @param kind what it is to be good as; what its claims are, when left out
   */
  async verify(token: string, kind: TokenKindName = kindOf(token), mesh = meshOf(token, kind)): Promise<Verdict> {
    return expectOk(
      await this.call<Verdict & Record<string, unknown>>('POST', '/koguma/tokens/verify', { token, kind, mesh }),
    ).body;
  }

  /** Revokes a token by its id; what else is on the list stays. */
  async revoke(token: string): Promise<void>;
  /** Puts ids on a revocation list, in place of what it held. */
  async revoke(list: string, ids: readonly string[]): Promise<void>;
  async revoke(what: string, ids?: readonly string[]): Promise<void> {
    if (ids) return void (await this.putSecret(what, ids.join(',')));
    const kind = kindOf(what);
    const mesh = meshOf(what, kind);
    const name = tokenKind(kind).revocations(mesh ?? '');
    const listed = (await this.secretNames(mesh)).includes(name) ? await this.secretText(name, mesh) : '';
    await this.putSecret(name, [...listed.split(/[\s,]+/), decodeToken(what).jti].filter(Boolean).join(','), { mesh });
  }

  /**
   * Brings a new signing key, with the next serial number.
   * @returns its serial number
   */
  async rotate(kind: TokenKindName, { mesh = 'default', phase = 'active' }: RotateOptions = {}): Promise<number> {
    const where = tokenKind(kind).secretType === 'Secret' ? mesh : undefined;
    const prefix = `${tokenKind(kind).signingKeyPrefix(mesh)}-`;
    const serials = (await this.secretNames(where))
      .filter((name) => name.startsWith(prefix))
      .map((name) => Number(name.slice(prefix.length)));
    const serial = Math.max(0, ...serials.filter(Number.isSafeInteger)) + 1;
    const { pem } = await (this.#options.makeKey ?? nodeCrypto.makeKey)();
    const labels = phase === 'prepared' ? { 'koguma.io/phase': 'prepared' } : undefined;
    await this.putSecret(`${prefix}${serial}`, pem, { mesh: where, labels });
    return serial;
  }

  /** Lets a key that was `prepared` sign: it is put again, without the label. */
  async activate(
    kind: TokenKindName,
    serial: number,
    { mesh = 'default' }: Pick<RotateOptions, 'mesh'> = {},
  ): Promise<void> {
    const where = tokenKind(kind).secretType === 'Secret' ? mesh : undefined;
    const name = `${tokenKind(kind).signingKeyPrefix(mesh)}-${serial}`;
    await this.putSecret(name, await this.secretText(name, where), { mesh: where, labels: {} });
  }

  /** The token of the admin that the control plane made at its first start: for clients of your own. */
  adminToken(): Promise<string> {
    return this.secretText('admin-user-token');
  }

  /** A GlobalSecret, or with `mesh` a Secret, that holds `text`. */
  async putSecret(
    name: string,
    text: string,
    { mesh, labels }: { mesh?: string | undefined; labels?: Record<string, string> | undefined } = {},
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

/** The mesh whose keys sign such a token; undefined for kinds whose keys live outside meshes. */
function meshOf(token: string, kind: TokenKindName): string | undefined {
  return tokenKind(kind).secretType === 'Secret' ? String(decodeToken(token).claims.Mesh) : undefined;
}

function secretPath(name: string, mesh: string | undefined): string {
  return mesh === undefined ? `/global-secrets/${name}` : `/meshes/${mesh}/secrets/${name}`;
}

function expectOk<A extends Answer<unknown>>(answer: A): A {
  if (answer.status >= 300) throw new Error(`answered ${answer.status}: ${answer.text}`);
  return answer;
}
