import type { Auth, KeyName, TokenKindName } from '@koguma/auth';
import type { Cancel, Clock } from '@koguma/core';
import { type Entry, keyText, type ResourceKey, type ResourceView } from '@koguma/resources';
import { Deadlines } from './deadlines.js';

/** Names of what a session can stand on. */
export const STANDS_ON = {
  key: ({ kind, mesh, kid }: KeyName): string => `key ${kind}/${mesh}/${kid}`,
  token: (kind: TokenKindName, mesh: string, jti: string): string => `token ${kind}/${mesh}/${jti.toLowerCase()}`,
  resource: (key: ResourceKey): string => keyText(key),
};

/** A stream that is open, as far as its right to be is concerned. */
export interface Session {
  /** See {@link STANDS_ON}. */
  readonly standsOn: readonly string[];
  /** Milliseconds of `wall`; undefined for never. */
  readonly expiresAt: number | undefined;
  /** Something that it stands on moved, or its time is over. */
  recheck(): void;
}

interface Parts {
  readonly view: ResourceView;
  readonly auth: Pick<Auth, 'keys' | 'revocations'>;
  readonly clock: Clock;
  /** Runs in a later turn of the event loop, so that other work comes in between. */
  readonly later: (run: () => void) => void;
}

/** How many are looked at in one turn: ten thousand that lose one key must not hold up everything else. */
const AT_ONCE = 500;

/**
 * Every open stream, found by what it stands on: its key, its token's id, what is stored of its proxy and its mesh, and
 * the clock. A change asks those that it concerns, and no others.
 */
export class Sessions {
  readonly #later: Parts['later'];
  readonly #deadlines: Deadlines;
  readonly #all = new Set<Session>();
  readonly #by = new Map<string, Set<Session>>();
  /** To be asked again, in order, each once. */
  readonly #due = new Set<Session>();
  #isRunning = false;

  constructor({ view, auth, clock, later }: Parts) {
    this.#later = later;
    this.#deadlines = new Deadlines(clock);
    // Keys and lists follow the view themselves, and did so before this listener is called: first to hear of a change
    // are those who decide by it.
    auth.keys.onMoved((key) => this.#moved(STANDS_ON.key(key)));
    auth.revocations.onRevoked(({ kind, mesh, ids }) => {
      for (const id of ids) this.#moved(STANDS_ON.token(kind, mesh, id));
    });
    view.onChange(({ reset, entries }) => {
      if (reset) for (const session of this.#all) this.#due.add(session);
      else for (const { key } of entries as readonly Entry[]) this.#moved(STANDS_ON.resource(key));
      this.#start();
    });
  }

  get size(): number {
    return this.#all.size;
  }

  /** From now on until it is removed, the session hears of what concerns it. */
  add(session: Session): Cancel {
    this.#all.add(session);
    for (const name of session.standsOn) this.#by.set(name, (this.#by.get(name) ?? new Set()).add(session));
    const { expiresAt } = session;
    const cancel = expiresAt === undefined ? undefined : this.#deadlines.add(expiresAt, () => this.#ask(session));
    return () => {
      this.#all.delete(session);
      this.#due.delete(session);
      cancel?.();
      for (const name of session.standsOn) {
        const others = this.#by.get(name);
        others?.delete(session);
        if (others?.size === 0) this.#by.delete(name);
      }
    };
  }

  #ask(session: Session): void {
    this.#due.add(session);
    this.#start();
  }

  #start(): void {
    if (!this.#isRunning) this.#run();
  }

  #moved(name: string): void {
    for (const session of this.#by.get(name) ?? []) this.#due.add(session);
  }

  #run(): void {
    let left = AT_ONCE;
    for (const session of this.#due) {
      if (left-- === 0) break;
      this.#due.delete(session);
      session.recheck();
    }
    this.#isRunning = this.#due.size > 0;
    if (this.#isRunning) this.#later(() => this.#run());
  }
}
