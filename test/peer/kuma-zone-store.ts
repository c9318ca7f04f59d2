import { type Item, keyOf, parseWireName } from './items.js';
import { GLOBAL_TO_ZONE, isKnownTo28, KEEPS_NAME, ORIGIN, ZONE_TO_GLOBAL } from './kuma-types.js';

export type KumaVersion = '2.14.3' | '2.8.8';

/** In what the zones of one version differ from those of another. */
export interface Profile {
  readonly version: KumaVersion;
  /** What it asks global for. */
  readonly types: readonly string[];
  /** What it answers when global asks. */
  readonly provides: readonly string[];
  readonly nodeFeatures: readonly string[];
  readonly gzip: boolean;
  /** Whether an item is one that global rules over: others are skipped when they come, and kept when they are here. */
  readonly isGlobals: (item: Item) => boolean;
  /** What happens to an item that comes by the name of one that is not global's. */
  readonly onConflict: 'refuse' | 'fail';
  /** Whether a stream that global ends without an error is noticed; if not, the zone goes on without ever syncing. */
  readonly noticesEnd: boolean;
}

const hasGlobalOrigin = ({ labels }: Item) => labels[ORIGIN] !== undefined && labels[ORIGIN] !== 'zone';
const OWN_TOO: readonly string[] = [...ZONE_TO_GLOBAL, 'Secret', 'GlobalSecret', 'Config'];

export const PROFILES: Readonly<Record<KumaVersion, Profile>> = {
  '2.14.3': {
    version: '2.14.3',
    types: GLOBAL_TO_ZONE,
    provides: ZONE_TO_GLOBAL,
    nodeFeatures: [
      'zone-token',
      'hash-suffix',
      'hg-mz-selector',
      'producer-policy-flow',
      'optional-top-level-target-ref',
    ],
    gzip: true,
    isGlobals: (item) => !OWN_TOO.includes(item.type) || hasGlobalOrigin(item),
    onConflict: 'refuse',
    noticesEnd: true,
  },
  '2.8.8': {
    version: '2.8.8',
    types: GLOBAL_TO_ZONE.filter(isKnownTo28),
    provides: ZONE_TO_GLOBAL.filter(isKnownTo28),
    nodeFeatures: ['zone-token', 'hash-suffix'],
    gzip: false,
    isGlobals: (item) => {
      if (item.type === 'GlobalSecret') return item.name.startsWith('zone-token-signing-public-key');
      if (item.type === 'Config') return item.name === 'kuma-cluster-id';
      return KEEPS_NAME.includes(item.type) || !OWN_TOO.includes(item.type) || hasGlobalOrigin(item);
    },
    onConflict: 'fail',
    noticesEnd: false,
  },
};

/** What one response brings. */
export interface Change {
  readonly type: string;
  readonly items: readonly Item[];
  readonly removed: readonly string[];
  /** The first of its type on this stream: whatever it does not hold is deleted. */
  readonly initial: boolean;
}

/** The zone cannot go on with this stream. */
class SyncFailure extends Error {}

/** What a Kuma zone has, from global and of its own. */
export class KumaZoneStore {
  readonly #profile: Profile;
  readonly #items = new Map<string, Item>();

  constructor(profile: Profile) {
    this.#profile = profile;
  }

  list(type: string): Item[] {
    return [...this.#items.values()].filter((item) => item.type === type);
  }

  get(key: Pick<Item, 'type' | 'mesh' | 'name'>): Item | undefined {
    return this.#items.get(keyOf(key));
  }

  /** Puts what this zone made itself. */
  putOwn(item: Item): void {
    this.#items.set(keyOf(item), item);
  }

  deleteOwn(key: Pick<Item, 'type' | 'mesh' | 'name'>): void {
    this.#items.delete(keyOf(key));
  }

  /**
   * @param objection why an item is refused; the others of the same response are still stored
   * @returns the text of the refusal, undefined when all was taken
   * @throws SyncFailure
   */
  apply({ type, items, removed, initial }: Change, objection: (item: Item) => string | undefined): string | undefined {
    const { isGlobals, onConflict } = this.#profile;
    const refused = new Map<string, string>();
    for (const item of items.filter(isGlobals)) {
      const here = this.get(item);
      const conflict = here !== undefined && !isGlobals(here);
      if (conflict && onConflict === 'fail') throw new SyncFailure(conflictText(item));
      const reason = conflict ? conflictText(item) : objection(item);
      if (reason !== undefined) refused.set(keyOf(item), reason);
    }
    const wanted = new Map(items.filter(isGlobals).map((item) => [keyOf(item), item]));
    const gone = initial ? this.list(type) : removed.map((name) => parseWireName(type, name));
    for (const key of gone) {
      const here = this.get(key);
      if (here && isGlobals(here) && !wanted.has(keyOf(key))) this.#items.delete(keyOf(key));
    }
    for (const [key, item] of wanted) if (!refused.has(key)) this.#items.set(key, item);
    return refused.size === 0 ? undefined : `user error\n${[...refused.values()].join('\n')}`;
  }
}

function conflictText({ type, name, mesh }: Item): string {
  return `resource already exists: type="${type}" name="${name}" mesh="${mesh}"`;
}
