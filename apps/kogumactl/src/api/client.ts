import type { Target } from '../config/control-planes.js';
import { Failure } from '../failure.js';
import { clientVersion } from '../version/client-version.js';
import { refusal, unreachable } from './failures.js';
import { type Answer, type Call, send } from './http.js';

/** What a write answers: whether the resource is new, and what the control plane wants known. */
export interface Written {
  readonly created: boolean;
  readonly warnings: readonly string[];
}

type Query = Call['query'];

/** The REST API of one control plane. Whatever is no success is thrown as a Failure. */
export class ApiClient {
  readonly #target: Target;
  readonly #timeoutMs: number;

  /** @param timeoutMs how long one answer may take; 0 for as long as it takes */
  constructor(target: Target, timeoutMs: number) {
    this.#target = target;
    this.#timeoutMs = timeoutMs;
  }

  async get<B extends object>(path: string, query: Query = []): Promise<B> {
    return this.#json<B>(await this.#call({ method: 'GET', path, query }));
  }

  async put(path: string, body: object, query: Query = []): Promise<Written> {
    const answer = await this.#call({ method: 'PUT', path, body, query });
    return { created: answer.status === 201, warnings: this.#warnings(answer) };
  }

  /** Answers with what the control plane wants known. */
  async delete(path: string, query: Query = []): Promise<readonly string[]> {
    return this.#warnings(await this.#call({ method: 'DELETE', path, query }));
  }

  /** Answers with the bare token. */
  async issue(kind: string, request: object): Promise<string> {
    return (await this.#call({ method: 'POST', path: `/tokens/${kind}`, body: request })).text;
  }

  async #call(call: Call): Promise<Answer> {
    const signal = this.#timeoutMs > 0 ? AbortSignal.timeout(this.#timeoutMs) : undefined;
    const answer = await send(this.#target.apiServer, call, `kogumactl/${clientVersion()}`, signal).catch(
      (error: Error) => {
        throw error instanceof Failure
          ? error
          : unreachable(this.#target, (signal?.reason as Error) ?? error, this.#timeoutMs);
      },
    );
    if (answer.status === 200 || answer.status === 201) return answer;
    throw refusal(this.#target, answer);
  }

  /** Kuma before 2.14 answers a write with nothing. */
  #warnings(answer: Answer): readonly string[] {
    if (answer.text.trim() === '') return [];
    return this.#json<{ warnings?: readonly string[] }>(answer).warnings ?? [];
  }

  #json<B extends object>({ text }: Answer): B {
    try {
      return JSON.parse(text) as B;
    } catch {
      const { url } = this.#target.apiServer;
      throw new Failure(
        `${url} answers with something else than JSON`,
        'Is that the address of an API server of Kuma?',
      );
    }
  }
}
