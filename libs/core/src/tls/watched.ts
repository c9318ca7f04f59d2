import type { Cancel } from '../clock.js';

interface Source<T> {
  read(): T;
  /** A text that is another one whenever {@link read} may give something else. */
  stamp(): string;
}

interface Events {
  changed(): void;
  refused(reason: string): void;
}

/**
 * What was read from files, and is read again when they may have changed. A change that cannot be used is told once,
 * and leaves what there was: files are often replaced one after the other.
 */
export class Watched<T> {
  readonly #source: Source<T>;
  readonly #events: Events;
  readonly #followers = new Set<() => void>();
  #current: T;
  #written: string;
  #stamp: string;
  #refusal: string | undefined;

  /** @throws whatever `read` throws now */
  constructor(source: Source<T>, events: Events) {
    this.#source = source;
    this.#events = events;
    this.#stamp = source.stamp(); // before it is read: what changes meanwhile is seen the next time
    this.#current = source.read();
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

  /** Reads again what may have changed; what counts is the content. */
  look(): void {
    try {
      const stamp = this.#source.stamp();
      if (stamp === this.#stamp) return;
      this.#stamp = stamp;
      const found = this.#source.read();
      this.#refusal = undefined;
      const written = JSON.stringify(found);
      if (written === this.#written) return;
      this.#current = found;
      this.#written = written;
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#refusal) this.#events.refused(message);
      this.#refusal = message;
      this.#stamp = ''; // what failed may have been the reading: it is tried again, also when nothing changes
      return;
    }
    this.#events.changed();
    for (const changed of this.#followers) changed();
  }
}
