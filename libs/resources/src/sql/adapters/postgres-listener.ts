import { jittered, type Log, sleep, systemClock, systemEntropy } from '@koguma/core';
import { Client, type ClientConfig } from 'pg';

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 10_000;
/** A server that is gone does not say goodbye. */
const GOODBYE_MS = 1_000;
const CHANNEL = 'koguma_revision';

interface Parts {
  readonly config: ClientConfig;
  /** Who we are: what we announce ourselves wakes nobody here. */
  readonly self: string;
  readonly wake: () => void;
  readonly log: Log;
}

/** The statement that tells every other process, once the transaction that it is part of has committed. */
export function announcement(self: string): string {
  return `SELECT pg_notify('${CHANNEL}', '${self}')`;
}

/**
 * Hears of other processes' commits, on a connection of its own that it makes again whenever it is lost. What is
 * announced meanwhile is not heard, so each connection after the first wakes too.
 */
export class PostgresListener {
  readonly #parts: Parts;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #tried: () => void = () => undefined;
  #warned = false;

  /** Resolves once it listens, or has failed to and tries again: from then on nothing is missed without a wake. */
  readonly ready: Promise<void>;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.ready = new Promise((resolve) => {
      this.#tried = resolve;
    });
    this.#running = this.#run(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    for (let retry = FIRST_RETRY_MS; !signal.aborted; retry = Math.min(2 * retry, LONGEST_RETRY_MS)) {
      const { heard, error } = await this.#listen(signal);
      if (signal.aborted) return;
      if (heard) retry = FIRST_RETRY_MS;
      if (!this.#warned) this.#parts.log.warn('lost the database, trying again', { error: String(error) });
      this.#warned = true;
      this.#tried();
      await sleep(systemClock, jittered(retry, systemEntropy), signal);
    }
  }

  /** Returns when the connection is lost or could not be made. */
  async #listen(signal: AbortSignal): Promise<{ heard: boolean; error: unknown }> {
    const client = new Client(this.#parts.config);
    let stop: () => void = () => undefined;
    const over = new Promise<unknown>((resolve) => {
      client.on('error', resolve);
      client.on('end', () => resolve('the connection was ended'));
      stop = () => resolve('this process stops');
      signal.addEventListener('abort', stop);
      client.on('notification', ({ payload }) => payload !== this.#parts.self && this.#parts.wake());
    });
    let heard = false;
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
      heard = true;
      if (this.#warned) {
        this.#parts.log.info('the database is back');
        this.#parts.wake();
      }
      this.#warned = false;
      this.#tried();
      return { heard, error: await over };
    } catch (error) {
      return { heard, error };
    } finally {
      signal.removeEventListener('abort', stop);
      await Promise.race([
        client.end().catch(() => undefined),
        sleep(systemClock, GOODBYE_MS, new AbortController().signal),
      ]);
    }
  }
}
