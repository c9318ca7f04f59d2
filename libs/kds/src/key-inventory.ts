import {
  type Auth,
  isTokenKind,
  type KeyName,
  type StaticKey,
  type StoredKey,
  TOKEN_KINDS,
  type TokenKind,
  type TokenKindName,
  tokenKind,
} from '@koguma/auth';
import { parseRfc3339, rfc3339 } from '@koguma/core';
import {
  insightOf,
  LABEL,
  type Resource,
  type ResourceKey,
  type ResourceManager,
  type ResourceType,
  type ResourceView,
} from '@koguma/resources';
import type { KdsServer } from './kds-server.js';
import type { ZoneStatus } from './zone-status.js';

/** A connected proxy, and the key that signed what it showed. */
interface KeyUser {
  /** Of the zone where it is connected. */
  readonly zone: string;
  readonly type: ResourceType;
  readonly mesh: string;
  /** As its zone calls it. */
  readonly name: string;
  /** When its token expires; null when it does not, or nobody told. */
  readonly expiresAt: string | null;
}

/** Whether a zone has a key as it is now, and how the zone stands: what is known of one that is not Online is old. */
type KeyInZone = Pick<ZoneStatus, 'zone' | 'state' | 'since' | 'lagMs' | 'program'> & {
  readonly has: 'yes' | 'no' | 'unknown';
};

/** What one control plane signed with a key since it counts; nulls where it does not count, or has not told. */
interface CountedTokens {
  readonly controlPlane: string;
  readonly since: string | null;
  readonly unexpired: number | null;
  readonly latestExpiry: string | null;
}

/** One key, and all that depends on it. */
export interface InventoriedKey {
  readonly kind: TokenKindName;
  /** '' for kinds whose keys are in no mesh; `*` for a configured key that is good for every mesh. */
  readonly mesh: string;
  /** Where it is kept: synced and rotated as a secret, or configured on this control plane alone. */
  readonly source: 'secret' | 'configuration';
  /** For people: `GlobalSecret "zone-token-signing-key-1"`, or its place in the configuration. */
  readonly foundIn: string;
  /** The secret that holds it; null for one that is configured, as all that only secrets have. */
  readonly name: string | null;
  readonly kid: string;
  readonly serial: number | null;
  /** RFC 7638, SHA-256. */
  readonly thumbprint: string;
  readonly createdAt: string | null;
  readonly phase: StoredKey['phase'];
  readonly half: 'private' | 'public';
  /** Whether tokens of its kind are signed with it now. */
  readonly signs: boolean;
  readonly crossing: TokenKind['crossing'];
  /** On global, for keys that cross. */
  readonly zones: readonly KeyInZone[];
  readonly proxies: readonly KeyUser[];
  /** By control planes: none for a configured key, with which they sign nothing. */
  readonly tokens: readonly CountedTokens[];
}

interface Parts {
  readonly auth: Pick<Auth, 'keys' | 'staticKeys' | 'issued'>;
  readonly view: ResourceView;
  readonly manager: Pick<ResourceManager, 'list'>;
  /** `global`, or the zone's name. */
  readonly controlPlane: string;
  /** On global. */
  readonly kds?: Pick<KdsServer, 'zones' | 'has' | 'counted'>;
}

/** Who showed a token of which key. */
interface Shown extends KeyName {
  readonly user: KeyUser;
}

interface Credential {
  readonly kind?: unknown;
  readonly kid?: unknown;
  readonly expiresAt?: unknown;
}

/** Of a configured key that is good for all of them. */
const EVERY_MESH = '*';
const PROXIES = ['Dataplane', 'ZoneIngress', 'ZoneEgress'] as const;

/** For `GET /koguma/keys`: every key, by kind, mesh and serial, then those that are configured: who has it, and what would end with it. */
export class KeyInventory {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async report(): Promise<{ readonly controlPlane: string; readonly keys: InventoriedKey[] }> {
    const { view, auth, controlPlane, kds } = this.#parts;
    const meshes = view.list('Mesh').map(({ name }) => name);
    const scopes = (TOKEN_KINDS as readonly TokenKind[]).flatMap((row) =>
      (row.secretType === 'Secret' ? meshes : ['']).map((mesh) => ({ kind: row.kind as TokenKindName, mesh })),
    );
    const users = await this.#users();
    const zones = kds?.zones() ?? [];
    const keys = scopes.flatMap(({ kind, mesh }) => {
      const signer = auth.keys.latest(kind, mesh);
      return auth.keys.list(kind, mesh).map((key) => this.#describe(key, key === signer, users, zones));
    });
    const configured = auth.staticKeys.map((key) => describeConfigured(key, users));
    return { controlPlane, keys: [...keys, ...configured] };
  }

  #describe(key: StoredKey, signs: boolean, users: readonly Shown[], zones: readonly ZoneStatus[]): InventoriedKey {
    const { kind, mesh, kid, serial, phase, creationTime } = key;
    const { crossing, secretType, signingKeyPrefix, publicKeyPrefix } = tokenKind(kind);
    const half = key.key.isPrivate ? 'private' : 'public';
    const prefix = half === 'public' && publicKeyPrefix ? publicKeyPrefix : signingKeyPrefix(mesh);
    const name = `${prefix}-${kid}`;
    const crosses = crossing !== 'never';
    return {
      ...{ kind, mesh, source: 'secret', foundIn: key.foundIn, name, kid, serial, phase, half, signs, crossing },
      thumbprint: key.key.thumbprint,
      createdAt: rfc3339(creationTime),
      zones: crosses ? zones.map((zone) => this.#inZone(zone, { type: secretType, mesh, name })) : [],
      proxies: usersOf(key, users),
      tokens: this.#tokens(key, crosses ? zones : []),
    };
  }

  #inZone({ zone, state, since, lagMs, program }: ZoneStatus, key: ResourceKey): KeyInZone {
    const has = this.#parts.kds?.has(zone, key);
    return { zone, state, since, lagMs, program, has: has === undefined ? 'unknown' : has ? 'yes' : 'no' };
  }

  /** Of kinds whose private half crosses zones sign as well, and of the others nobody but who is asked. */
  #tokens({ kind, key: { thumbprint } }: StoredKey, zones: readonly ZoneStatus[]): CountedTokens[] {
    const { auth, kds, controlPlane } = this.#parts;
    const { issued } = auth;
    const own = issued?.list().find((use) => use.thumbprint === thumbprint);
    const here = counted(
      controlPlane,
      issued && rfc3339(issued.since),
      own && [own.unexpired, own.latestExpiry * 1000],
    );
    const others = tokenKind(kind).crossing === 'private' ? zones : [];
    return [
      here,
      ...others.map(({ zone }) => {
        const told = kds?.counted(zone);
        const use = told?.uses.find((one) => one.thumbprint === thumbprint);
        const expiry = parseRfc3339(use?.latestExpiry ?? '') ?? 0;
        return counted(zone, told?.since, use && [Number(use.unexpired), expiry]);
      }),
    ];
  }

  /** Connected proxies, and the key that signed what they showed. */
  async #users(): Promise<Shown[]> {
    const { manager, view, controlPlane } = this.#parts;
    const users: Shown[] = [];
    for (const type of PROXIES) {
      for (const { mesh, name, spec } of await manager.list(insightOf(type) as ResourceType)) {
        const { kind, kid, expiresAt } = credentialIn(spec);
        if (typeof kid !== 'string' || typeof kind !== 'string' || !isTokenKind(kind) || !isConnected(spec)) continue;
        const labels = view.get({ type, mesh, name })?.labels ?? {};
        const user = {
          zone: labels[LABEL.zone] ?? controlPlane,
          ...{ type, mesh, name: labels[LABEL.displayName] ?? name },
          expiresAt: typeof expiresAt === 'string' ? expiresAt : null,
        };
        users.push({ kind, mesh, kid, user });
      }
    }
    return users;
  }
}

/** A key that only this control plane knows, for tokens that are signed elsewhere. */
function describeConfigured({ kind, mesh, kid, key, foundIn }: StaticKey, users: readonly Shown[]): InventoriedKey {
  const scope = tokenKind(kind).secretType === 'Secret' ? (mesh ?? EVERY_MESH) : '';
  const proxies = usersOf({ kind, mesh: scope, kid }, users);
  return {
    ...{ kind, mesh: scope, source: 'configuration', foundIn, name: null, kid, serial: null, proxies },
    ...{ thumbprint: key.thumbprint, createdAt: null, phase: 'active', half: 'public', signs: false },
    ...{ crossing: 'never', zones: [], tokens: [] },
  };
}

function counted(
  controlPlane: string,
  since: string | undefined,
  use: readonly [unexpired: number, latestExpiry: number] | undefined,
): CountedTokens {
  if (since === undefined) return { controlPlane, since: null, unexpired: null, latestExpiry: null };
  const [unexpired, latest] = use ?? [0, 0];
  return { controlPlane, since, unexpired, latestExpiry: latest === 0 ? null : rfc3339(latest) };
}

function credentialIn({ metadata }: Resource['spec']): Credential {
  const { credential } = (metadata ?? {}) as { readonly credential?: Credential | null };
  return credential ?? {};
}

function isConnected({ subscriptions }: Resource['spec']): boolean {
  const all = Array.isArray(subscriptions) ? (subscriptions as { readonly disconnectTime?: unknown }[]) : [];
  return all.some(({ disconnectTime }) => disconnectTime === undefined);
}

/** Zone proxies are in no mesh, as the keys that sign their tokens. */
function usersOf({ kind, mesh, kid }: KeyName, shown: readonly Shown[]): KeyUser[] {
  return shown
    .filter((one) => one.kind === kind && one.kid === kid && (mesh === EVERY_MESH || one.mesh === mesh))
    .map(({ user }) => user);
}
