import { rfc3339 } from './adapters/system-clock.js';
import type { Clock } from './clock.js';
import type { Log, LogFields } from './log.js';

/** Something that happened in a control plane, as its log tells it. */
export interface LogEvent {
  /** `{life}-{n}`: of one life of the control plane they count up without a gap. */
  readonly id: string;
  readonly time: string;
  readonly level: 'info' | 'warn' | 'error';
  readonly scope: string;
  /** What happened, in the words of the log. */
  readonly event: string;
  readonly fields: LogFields;
}

/** How many are kept. */
const KEPT = 2_000;
/** How long who follows is left without a word. */
const QUIET_MS = 15_000;

/**
 * The latest lines of the log, kept in memory for who wants to follow what happens. It holds what the log holds, and so
 * neither tokens nor keys.
 */
export class EventLog {
  readonly #clock: Clock;
  readonly #life: string;
  readonly #kept: LogEvent[] = [];
  #next = 1;
  readonly #waiting = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#life = Math.floor(clock.wall()).toString(36);
  }

  /** The same log, every line of which is kept here, too. */
  watch(log: Log, scope = ''): Log {
    const add = (level: LogEvent['level']) => (message: string, fields?: LogFields) => {
      log[level](message, fields);
      this.#add(level, scope, message, fields ?? {});
    };
    return {
      info: add('info'),
      warn: add('warn'),
      error: add('error'),
      scope: (name) => this.watch(log.scope(name), name),
    };
  }

  /** Keeps what happens too often for the log. */
  tell(event: string, fields: LogFields): void {
    this.#add('info', '', event, fields);
  }

  /** Those after the one with this id; all that are kept when it is left out, of another life, or forgotten. */
  after(id?: string): readonly LogEvent[] {
    return this.#kept.slice(this.#placeAfter(id) - (this.#next - this.#kept.length));
  }

  /**
   * What is kept after an id, and then what happens, until the signal ends. After a while without anything it gives
   * undefined. Who is too slow for what is kept goes on with the oldest that is: the ids show the gap.
   */
  async *follow(id: string | undefined, signal: AbortSignal): AsyncGenerator<LogEvent | undefined, void> {
    let place = this.#placeAfter(id);
    while (!signal.aborted) {
      const first = this.#next - this.#kept.length;
      const event = this.#kept[Math.max(place, first) - first];
      if (event) {
        place = Math.max(place, first) + 1;
        yield event;
      } else if (!(await this.#news(signal))) yield undefined;
    }
  }

  /** @returns false when nothing happened for a while */
  #news(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (isNews: boolean) => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        cancel();
        resolve(isNews);
      };
      const wake = () => end(true);
      const cancel = this.#clock.after(QUIET_MS, () => end(false));
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  /** The number of the first event that somebody who has seen `id` has not. */
  #placeAfter(id: string | undefined): number {
    const first = this.#next - this.#kept.length;
    const [, life, n] = /^(\w+)-(\d+)$/.exec(id ?? '') ?? [];
    if (life !== this.#life) return first;
    return Math.min(Math.max(Number(n) + 1, first), this.#next);
  }

  #add(level: LogEvent['level'], scope: string, event: string, fields: LogFields): void {
    const time = rfc3339(Math.floor(this.#clock.wall()));
    this.#kept.push({ id: `${this.#life}-${this.#next++}`, time, level, scope, event, fields });
    if (this.#kept.length > KEPT) this.#kept.shift();
    for (const wake of [...this.#waiting]) wake();
  }
}
