import type { Cancel } from '../clock.js';

/**
 * What was read from files, and is read again when they may have changed. A change that cannot be used is told once,
 * and leaves what there was: files are often replaced one after the other.
 */
export class Watched<T> {
  readonly #read: () => T;
  readonly #events: { changed(): void; refused(reason: string): void };
  readonly #followers = new Set<() => void>();
  #current: T;
  #written: string;
  #refusal: string | undefined;

  /** @throws whatever `read` throws now */
  constructor(read: () => T, events: { changed(): void; refused(reason: string): void }) {
    this.#read = read;
    this.#events = events;
    this.#current = read();
    this.#written = JSON.stringify(this.#current);
  }

  get current(): T {
    return this.#current;
  }

  /** Calls back after each change; returns what ends that. */
  follow(changed: () => void): Cancel {
    this.#followers.add(changed);
    return () => this.#followers.delete(changed);
  }

  /** Reads again; what counts is the content. */
  look(): void {
    try {
      const found = this.#read();
      this.#refusal = undefined;
      const written = JSON.stringify(found);
      if (written === this.#written) return;
      this.#current = found;
      this.#written = written;
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#refusal) this.#events.refused(message);
      this.#refusal = message;
      return;
    }
    this.#events.changed();
    for (const changed of this.#followers) changed();
  }
}
