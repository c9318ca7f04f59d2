import { readTokenRequest } from '@koguma/auth';
import type { ResourceKey, ResourceManager, ResourceStore, Spec } from '@koguma/resources';
import { INVARIANTS, type InvariantName } from './invariant-names.js';
import { Ledger } from './ledger.js';
import type { GlobalNode, Plant, ZoneNode } from './nodes.js';
import { World } from './world.js';

/** Kinds whose tokens zones issue and check. */
export const ZONE_KINDS = ['dataplane', 'zone-ingress'] as const;
export type ZoneKind = (typeof ZONE_KINDS)[number];

/** A resource and what it is to be; undefined: gone. */
export type Change = readonly [ResourceKey, Spec | undefined];

export interface Issued {
  readonly token: string;
  readonly jti: string;
  readonly kind: ZoneKind;
  readonly mesh: string;
}

/** One run: the world, what was done in it, and what people were told. */
export class Run extends World {
  readonly ledger = new Ledger();
  issued: Issued[] = [];
  /** When a token was put on the list of the revoked, and that was acknowledged, on `mono`. */
  readonly revokedAt = new Map<string, number>();
  readonly meshes = new Set(['default']);
  /** The revision at which each control plane was last seen, by its store. */
  readonly revisions = new Map<ResourceStore, Map<string, number>>();
  /** When global was last written to, on `mono`: zones may be on their way to that. */
  lastWrite = 0;
  issuedWhileCut = 0;
  checks = 0;
  events = 0;

  constructor(seed: number, plant: Plant) {
    super(seed, plant);
  }

  /** Writes on a control plane and keeps account; undefined deletes. */
  write(node: GlobalNode | ZoneNode, key: ResourceKey, spec: Spec | undefined): Promise<void> {
    return this.#accounted(node, [[key, spec]], (manager) =>
      spec === undefined ? manager.delete(key) : manager.put(key, spec),
    );
  }

  /** Writes several, all or none. */
  transact(node: GlobalNode, changes: readonly Change[]): Promise<void> {
    const now = this.clock.wall();
    const meta = { labels: {}, creationTime: now, modificationTime: now };
    return this.#accounted(node, changes, (manager) =>
      manager.system(async (tx) => {
        for (const [key, spec] of changes) {
          if (spec === undefined) await tx.delete(key);
          else await tx.create({ ...key, ...meta, spec });
        }
        return true;
      }),
    );
  }

  async #accounted(
    node: GlobalNode | ZoneNode,
    changes: readonly Change[],
    work: (manager: ResourceManager) => Promise<unknown>,
  ): Promise<void> {
    const { running, life, store } = node;
    if (!running || !life) return;
    const { manager } = 'plane' in running ? running.plane : running;
    const begun: (() => void)[] = [];
    for (const [key, spec] of changes) begun.push(await this.ledger.begins(store, key, spec));
    try {
      if (await this.settled(life, work(manager)))
        for (const [key, spec] of changes) this.ledger.acknowledged(key, spec);
    } catch {
      for (const takeBack of begun) takeBack();
    }
    this.lastWrite = this.clock.mono();
  }

  /** @returns undefined when the zone is not there, or has no key for that */
  async issue(zone: ZoneNode, kind: ZoneKind, mesh: string): Promise<Issued | undefined> {
    const { running, life } = zone;
    if (!running || !life) return undefined;
    const body = kind === 'dataplane' ? { mesh, validFor: '720h' } : { zone: 'east', validFor: '720h' };
    const { validForSeconds, ...request } = readTokenRequest(kind, body);
    const token = await this.settled(life, running.auth.issuer.issue(kind, request, validForSeconds)).catch(
      () => undefined,
    );
    if (token === undefined) return undefined;
    const issued = { token, jti: jtiOf(token), kind, mesh: kind === 'dataplane' ? mesh : '' };
    this.issued.push(issued);
    return issued;
  }

  /** Whether a control plane takes a token now; undefined when it is not there to say. */
  async accepts(node: GlobalNode | ZoneNode, { token, kind, mesh }: Issued): Promise<boolean | undefined> {
    const { running, life } = node;
    if (!running || !life) return undefined;
    const { auth } = 'plane' in running ? running.plane : running;
    return (await this.settled(life, auth.validator.verify(token, kind, mesh)))?.accepted;
  }

  /** @throws Error that names what is broken, and by whom */
  expect(invariant: InvariantName, holds: boolean, detail: string): void {
    this.checks++;
    if (!holds) throw new Error(`broken: ${INVARIANTS[invariant]} (${detail})`);
  }
}

/** The secret that holds a key, or the revoked ids, of a kind. */
export function secretOf(kind: ZoneKind, mesh: string, what: 'revocations' | number): ResourceKey {
  const suffix = kind === 'dataplane' ? `-${mesh}` : '';
  const name =
    what === 'revocations' ? `${kind}-token-revocations${suffix}` : `${kind}-token-signing-key${suffix}-${what}`;
  return kind === 'dataplane' ? { type: 'Secret', mesh, name } : { type: 'GlobalSecret', mesh: '', name };
}

function jtiOf(token: string): string {
  const { jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { jti: string };
  return jti;
}
