import type { Answer } from './control-plane.js';

type Send = (method: string, path: string, body?: unknown) => Promise<Answer>;

/** How one resource was before it was first written. */
interface Entry {
  readonly what: string;
  readonly undo: () => Promise<Answer>;
}

/** What was written by way of REST to a lab that others use as well, and how it was before. */
export class Journal {
  readonly #entries = new Map<string, Entry>();

  /** Sends a request; before the first write to a resource it is looked at, and what cannot be looked at is not written. */
  async send(at: string, send: Send, method: string, path: string, body?: unknown): Promise<Answer> {
    const [resource = '', query = ''] = path.split('?', 2);
    const key = `${at} ${resource}`;
    const isWrite = (method === 'PUT' || method === 'DELETE') && !query.includes('dryRun');
    if (!isWrite || this.#entries.has(key)) return send(method, path, body);
    const before = await send('GET', resource);
    if (before.status !== 200 && before.status !== 404) return before;
    const undo = () => (before.status === 200 ? send('PUT', resource, before.body) : send('DELETE', resource));
    // At once: when the answer is lost, it may be written all the same.
    this.#entries.set(key, { what: `${resource} at ${at}`, undo });
    const answer = await send(method, path, body);
    if (answer.status >= 300) this.#entries.delete(key);
    return answer;
  }

  /**
   * Puts everything back, the latest first, and forgets it.
   * @param patiently tries until something is so; what is used until a moment ago can go only then
   * @returns what could not be put back, and why
   */
  async undo(patiently: (condition: () => Promise<boolean>) => Promise<boolean>): Promise<string[]> {
    const left: string[] = [];
    for (const [key, { what, undo }] of [...this.#entries].reverse()) {
      let why = '';
      const isDone = await patiently(async () => {
        const { status, text } = await undo().catch((error: Error) => ({ status: 0, text: error.message }));
        why = `${status || 'no answer'} ${text.slice(0, 200)}`;
        return status === 404 || (status >= 200 && status < 300);
      });
      if (!isDone) left.push(`${what}: ${why}`);
      this.#entries.delete(key);
    }
    return left;
  }
}
