import type { Clock, Log } from '@koguma/core';
import type {
  InTransaction,
  ResourceKey,
  ResourceManager,
  ResourceView,
  StoreTransaction,
  WriteHook,
} from '@koguma/resources';
import type { TokenCrypto } from './crypto.js';
import { secretRole, secretSpec } from './secrets.js';
import { TOKEN_KINDS, type TokenKind, type TokenKindName } from './token-kinds.js';

interface Parts {
  readonly crypto: TokenCrypto;
  readonly clock: Clock;
  readonly log: Log;
  /** A zone with a global: it gets all but its user key from there. */
  readonly federated: boolean;
  /** False where tokens of the kind are neither issued nor checked with keys from secrets: no private key is made. */
  readonly usesSecrets: (kind: TokenKindName) => boolean;
}

/** Makes the first key of each kind, where the table says so, and never a second. */
export class DefaultKeys {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** A mesh is created together with its key, in one transaction. */
  hook(): WriteHook {
    return {
      accompany: async ({ key, previous, next }): Promise<InTransaction | undefined> => {
        if (key.type !== 'Mesh' || previous || !next) return undefined;
        const drafts = await Promise.all(this.#rows('Secret').map((row) => this.#draft(row, key.name)));
        return async (tx) => {
          for (const draft of drafts) await this.#createUnlessThere(tx, draft);
        };
      },
    };
  }

  /** At start: keys of no mesh, and keys of meshes that have none. Keys are made outside the transaction. */
  async ensure(manager: ResourceManager, view: ResourceView): Promise<void> {
    const wanted = this.#rows('GlobalSecret').map((row) => ({ row, mesh: '' }));
    for (const mesh of view.list('Mesh')) wanted.push(...this.#rows('Secret').map((row) => ({ row, mesh: mesh.name })));
    const missing = wanted.filter(({ row, mesh }) => !this.#hasKey(view.list(row.secretType, mesh), row, mesh));
    const drafts = await Promise.all(missing.map(({ row, mesh }) => this.#draft(row, mesh)));
    if (drafts.length === 0) return;
    await manager.system(async (tx) => {
      for (const draft of drafts) await this.#createUnlessThere(tx, draft);
    });
    for (const { key } of drafts)
      this.#parts.log.info('made the first signing key', { name: key.name, mesh: key.mesh });
  }

  #rows(secretType: TokenKind['secretType']): TokenKind[] {
    return (TOKEN_KINDS as readonly TokenKind[]).filter(
      (row) =>
        row.secretType === secretType &&
        (row.defaultKey === 'every-control-plane' || !this.#parts.federated) &&
        this.#parts.usesSecrets(row.kind as TokenKindName),
    );
  }

  async #draft(row: TokenKind, mesh: string): Promise<Draft> {
    const { pem } = await this.#parts.crypto.makeKey();
    return { row, pem, key: { type: row.secretType, mesh, name: `${row.signingKeyPrefix(mesh)}-1` } };
  }

  async #createUnlessThere(tx: StoreTransaction, { row, key, pem }: Draft): Promise<void> {
    if (this.#hasKey(await tx.list(key.type, key.mesh), row, key.mesh)) return;
    const now = this.#parts.clock.wall();
    const labels: Record<string, string> = key.mesh === '' ? {} : { 'kuma.io/mesh': key.mesh };
    await tx.create({ ...key, spec: secretSpec(pem), labels, creationTime: now, modificationTime: now });
  }

  #hasKey(secrets: readonly ResourceKey[], row: TokenKind, mesh: string): boolean {
    const prefix = row.signingKeyPrefix(mesh);
    return secrets.some((secret) => {
      const role = secretRole(secret);
      return role.role === 'signing-key' && role.prefix === prefix;
    });
  }
}

interface Draft {
  readonly row: TokenKind;
  readonly key: ResourceKey;
  readonly pem: string;
}
