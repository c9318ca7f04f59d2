/** Work that goes on until its signal ends. It resolves when it has really stopped. */
export type Task = (signal: AbortSignal) => Promise<void>;

/**
 * Every background task of a control plane, each with an owner's name and one shared signal. A task that throws is
 * a bug: it is reported, and everything else keeps running.
 */
export class Tasks {
  readonly #stopping = new AbortController();
  readonly #running = new Map<Promise<void>, string>();
  readonly #onFailure: (owner: string, error: unknown) => void;

  constructor(onFailure: (owner: string, error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  /** Ends when `stop` is called. */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  start(owner: string, task: Task): void {
    // Async, so that a task that throws before it has made a promise is reported as well.
    const running = (async () => task(this.#stopping.signal))()
      .catch((error: unknown) => this.#onFailure(owner, error))
      .finally(() => this.#running.delete(running));
    this.#running.set(running, owner);
  }

  /** Owners of what runs now, for diagnostics. */
  owners(): string[] {
    return [...this.#running.values()];
  }

  /** Ends the signal and waits for every task, those included that others start meanwhile. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    while (this.#running.size > 0) await Promise.all(this.#running.keys());
  }
}
