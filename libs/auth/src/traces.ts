import type { Clock } from '@koguma/core';
import type { Revocations } from './revocations.js';
import type { KeyName, SecretKeys } from './signing-keys.js';
import type { TokenKindName } from './token-kinds.js';

/** What can be followed through the control planes: the id of a revoked token, or a key that came, changed or went. */
export interface TraceSubject {
  readonly kind: TokenKindName;
  readonly mesh: string;
  readonly of: 'revocation' | 'key';
  /** The jti, in lower case, or the kid. */
  readonly id: string;
}

/** What came of one subject on this control plane. Times are on `mono`. */
export interface Trace extends TraceSubject {
  /** It counts here from then on. */
  readonly applied: number;
  /** When a token was first refused because of it. */
  readonly firstRefusal: number | undefined;
  /** When a stream was last ended because of it, and how many were. */
  readonly lastClosed: number | undefined;
  readonly closed: number;
}

/** A token that was refused or whose stream was ended, by what can be told of it. */
export interface TokenName extends Pick<KeyName, 'kind' | 'mesh'> {
  readonly kid: string;
  readonly jti: string | undefined;
}

/** How many subjects are remembered; older ones are forgotten. */
const REMEMBERED = 200;

/** One text for one subject. */
export function traceName({ of, kind, mesh, id }: TraceSubject): string {
  return `${of} ${kind}/${mesh}/${id}`;
}

/** What came of the latest revocations and changes of keys here: since when they count, and where that was first felt. */
export class Traces {
  readonly #clock: Clock;
  readonly #traces = new Map<string, Trace>();
  readonly #listeners = new Set<(trace: Trace) => void>();

  constructor(clock: Clock, keys: SecretKeys, revocations: Revocations) {
    this.#clock = clock;
    keys.onMoved(({ kind, mesh, kid }) => this.#begin({ of: 'key', kind, mesh, id: kid }));
    revocations.onRevoked(({ kind, mesh, ids }) => {
      for (const id of ids.slice(-REMEMBERED)) this.#begin({ of: 'revocation', kind, mesh, id });
    });
  }

  /** Oldest first. */
  list(): readonly Trace[] {
    return [...this.#traces.values()];
  }

  /** Tells of each trace that begins, and whenever something comes of it. */
  onChange(listener: (trace: Trace) => void): void {
    this.#listeners.add(listener);
  }

  /** A token was refused because it is revoked, or because its key is not here. */
  refused(token: TokenName, because: TraceSubject['of']): void {
    const name = nameOf(token, because);
    const trace = name === undefined ? undefined : this.#traces.get(name);
    if (name === undefined || !trace || trace.firstRefusal !== undefined) return;
    this.#keep(name, { ...trace, firstRefusal: this.#clock.mono() });
  }

  /** A stream was ended because its token is not good any more, which was refused just before. */
  closed(token: TokenName): void {
    for (const because of ['revocation', 'key'] as const) {
      const name = nameOf(token, because);
      const trace = name === undefined ? undefined : this.#traces.get(name);
      if (name === undefined || trace?.firstRefusal === undefined) continue;
      this.#keep(name, { ...trace, lastClosed: this.#clock.mono(), closed: trace.closed + 1 });
    }
  }

  #begin(subject: TraceSubject): void {
    const name = traceName(subject);
    this.#traces.delete(name);
    const trace = {
      ...subject,
      applied: this.#clock.mono(),
      firstRefusal: undefined,
      lastClosed: undefined,
      closed: 0,
    };
    this.#keep(name, trace);
    const [oldest] = this.#traces.keys();
    if (this.#traces.size > REMEMBERED && oldest !== undefined) this.#traces.delete(oldest);
  }

  #keep(name: string, trace: Trace): void {
    this.#traces.set(name, trace);
    for (const listener of this.#listeners) listener(trace);
  }
}

/** Undefined for the revocation of a token without an id. */
function nameOf({ kind, mesh, kid, jti }: TokenName, of: TraceSubject['of']): string | undefined {
  const id = of === 'key' ? kid : jti?.toLowerCase();
  return id === undefined ? undefined : traceName({ of, kind, mesh, id });
}
