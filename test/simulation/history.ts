import { createHash } from 'node:crypto';
import { type Secret, secretText, type TokenCrypto } from '@koguma/auth';
import { departuresToZones } from '@koguma/kds';
import { isFromGlobal, type Resource, type ResourceStore, type ResourceType } from '@koguma/resources';
import type { InvariantName } from './invariant-names.js';
import { bound } from './shared-store.js';

/** Types whose content in a zone is global's alone. */
const FOLLOWED = ['Mesh', 'Secret', 'GlobalSecret'] as const;
type Followed = (typeof FOLLOWED)[number];

type Lister = (type: ResourceType) => Promise<readonly Resource[]>;
type Crossing = (
  resource: Resource,
) => { readonly key: { readonly mesh: string; readonly name: string }; readonly spec: object } | undefined;
type Contents = Readonly<Record<Followed, string>>;

const NOTHING: Contents = { Mesh: '', Secret: '', GlobalSecret: '' };

/**
 * All that global ever had for zones, type by type and commit by commit; a zone may be late, and must be where global
 * was once, and never go back.
 */
export class History {
  readonly #departures: ReturnType<typeof departuresToZones>;
  readonly #lines = new WeakMap<Resource, string>();
  readonly #had: Record<Followed, string[]> = { Mesh: [''], Secret: [''], GlobalSecret: [''] };

  constructor(crypto: TokenCrypto) {
    this.#departures = departuresToZones(crypto.parseKey);
  }

  /** The same store, with each commit written down. */
  recorded(store: ResourceStore): ResourceStore {
    return observed(store, async (list) => {
      const contents = await this.#contents(list, (resource) => this.#departures.crossing(resource));
      return () => {
        for (const type of FOLLOWED)
          if (this.#had[type].at(-1) !== contents[type]) this.#had[type].push(contents[type]);
      };
    });
  }

  /** The store of a zone that starts with nothing; `broken` is told of the first state that global never had. */
  followed(store: ResourceStore, broken: (invariant: InvariantName, what: string) => void): ResourceStore {
    const at: Record<Followed, number> = { Mesh: 0, Secret: 0, GlobalSecret: 0 };
    return observed(store, async (list) => {
      const contents = await this.#contents(list, asIs);
      const secrets = await list('GlobalSecret');
      return () => {
        const isPrivate = ({ name }: Resource) => name.startsWith('zone-token-signing-key');
        if (secrets.some(isPrivate)) broken('zone-key-stays', 'has one');
        for (const type of FOLLOWED) {
          const index = this.#had[type].indexOf(contents[type], at[type]);
          if (index === -1) broken(...this.#charge(type, contents[type]));
          else at[type] = index;
        }
      };
    });
  }

  /** What global has for zones now. */
  latest(): Contents {
    return { ...NOTHING, ...Object.fromEntries(FOLLOWED.map((type) => [type, this.#had[type].at(-1) ?? ''])) };
  }

  /** What a zone has of global's. */
  async contentsOf(zone: ResourceStore): Promise<Contents> {
    return this.#contents((type) => zone.list(type), asIs);
  }

  #charge(type: Followed, contents: string): [InvariantName, string] {
    return this.#had[type].includes(contents)
      ? ['no-way-back', `has a ${type} state again`]
      : ['whole-states', `has a ${type} state that global never had`];
  }

  async #contents(list: Lister, crossing: Crossing): Promise<Contents> {
    const contents: Record<Followed, string> = { ...NOTHING };
    for (const type of FOLLOWED) {
      const rows = (await list(type)).map((resource) => this.#line(resource, crossing)).filter((line) => line !== '');
      contents[type] = rows.sort().join('\n');
    }
    return contents;
  }

  /** Stored resources never change, and most are seen again at the next commit. */
  #line(resource: Resource, crossing: Crossing): string {
    const known = this.#lines.get(resource);
    if (known !== undefined) return known;
    const found = crossing(resource);
    const line = found ? `${found.key.mesh}/${found.key.name} ${digest(resource.type, found.spec)}` : '';
    this.#lines.set(resource, line);
    return line;
  }
}

function asIs(resource: Resource): ReturnType<Crossing> {
  return isFromGlobal(resource) ? { key: resource, spec: resource.spec } : undefined;
}

function digest(type: ResourceType, spec: object): string {
  const text = type === 'Mesh' ? JSON.stringify(spec) : secretText(spec as Secret['spec']);
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/** Looks at each transaction just before it commits; what `look` returns runs once it has. */
function observed(store: ResourceStore, look: (list: Lister) => Promise<() => void>): ResourceStore {
  return {
    ...bound(store),
    transaction: async (work, fence) => {
      let told: () => void = () => undefined;
      const committed = await store.transaction(async (tx) => {
        const value = await work(tx);
        told = await look((type) => tx.list(type));
        return value;
      }, fence);
      told();
      return committed;
    },
  };
}
