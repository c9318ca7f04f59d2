import { type Entry, keyText, type ResourceKey, type ResourceView } from '@koguma/resources';
import { type Secret, secretRole, secretText } from './secrets.js';
import { type TokenKindName, tokenKind } from './token-kinds.js';

const SEPARATORS = /[\s,]+/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Reads a revocation list: commas, white space and line ends all separate; ids are compared in lower case. */
export function parseRevocations(text: string): string[] {
  return text
    .split(SEPARATORS)
    .filter((entry) => entry !== '')
    .map((entry) => entry.toLowerCase());
}

/** False for an id that is empty or holds a separator: no entry of a list is ever equal to it. */
export function canBeListed(jti: string): boolean {
  const [id, ...more] = parseRevocations(jti);
  return more.length === 0 && id === jti.toLowerCase();
}

/** Entries that cannot be the id of a token of ours; they are kept, and their writer is told. */
export function notTokenIds(ids: readonly string[]): string[] {
  return ids.filter((id) => !UUID.test(id));
}

/** The answer for one token, with the list that gave it. */
export interface RevocationAnswer {
  readonly revoked: boolean;
  /** For people: the list's name. */
  readonly list: string;
  /** How many ids the list holds. */
  readonly size: number;
}

/** Ids that are new on the lists of a kind. */
export interface Revoked {
  readonly kind: TokenKindName;
  /** '' for kinds whose keys live outside meshes. */
  readonly mesh: string;
  readonly ids: readonly string[];
}

/** Every revocation list, in memory, as of the view's revision: a check costs the same whatever their length. */
export class Revocations {
  readonly #view: ResourceView;
  readonly #lists = new Map<string, ReadonlySet<string>>();
  readonly #listeners = new Set<(revoked: Revoked) => void>();

  constructor(view: ResourceView) {
    this.#view = view;
    this.#rebuild();
    view.onChange(({ reset, entries }) => {
      if (reset) this.#rebuild();
      else for (const entry of entries) this.#follow(entry);
    });
  }

  /** Whether `jti` is on a list of its kind. A token without one cannot be revoked singly. */
  check(kind: TokenKindName, mesh: string, jti: string | undefined): RevocationAnswer {
    const row = tokenKind(kind);
    const name = row.revocations(mesh);
    const places = row.secretType === 'Secret' ? [keyText({ type: 'Secret', mesh, name })] : [];
    places.push(keyText({ type: 'GlobalSecret', mesh: '', name }));
    const lists = places.map((place) => this.#lists.get(place));
    return {
      revoked: jti !== undefined && lists.some((list) => list?.has(jti.toLowerCase())),
      list: name,
      size: lists.reduce((size, list) => size + (list?.size ?? 0), 0),
    };
  }

  /**
   * Tells what was revoked, in the turn in which it counts from. After a reset of the view all lists are new, and nothing
   * is told.
   */
  onRevoked(listener: (revoked: Revoked) => void): void {
    this.#listeners.add(listener);
  }

  #rebuild(): void {
    this.#lists.clear();
    for (const type of ['Secret', 'GlobalSecret'] as const) {
      for (const resource of this.#view.list(type)) this.#follow({ key: resource, resource });
    }
  }

  #follow({ key, resource }: Entry): void {
    if (key.type !== 'Secret' && key.type !== 'GlobalSecret') return;
    const role = secretRole(key);
    if (role.role !== 'revocations') return;
    const before = this.#lists.get(keyText(key));
    const now = new Set(resource ? parseRevocations(secretText((resource as Secret).spec)) : []);
    if (resource) this.#lists.set(keyText(key), now);
    else this.#lists.delete(keyText(key));
    if (this.#listeners.size === 0) return;
    const ids = [...now].filter((id) => !before?.has(id)).map(detached);
    if (ids.length === 0) return;
    const revoked = { kind: role.kind, mesh: meshOf(key, role.kind), ids };
    for (const listener of this.#listeners) listener(revoked);
  }
}

/** The same text by itself: V8 keeps the whole of a list for as long as somebody remembers a piece that was split off. */
function detached(piece: string): string {
  return Buffer.from(piece).toString();
}

/** Of which mesh's tokens a list speaks; a GlobalSecret tells it in its name. */
function meshOf({ mesh, name }: ResourceKey, kind: TokenKindName): string {
  const row = tokenKind(kind);
  return mesh !== '' || row.secretType === 'GlobalSecret' ? mesh : name.slice(row.revocations('').length);
}
