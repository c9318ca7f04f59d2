import type { Clock, Entropy, Log, Observer } from '@koguma/core';
import type { ResourceManager, ResourceView, WriteHook } from '@koguma/resources';
import { Access, type AccessGrants } from './access.js';
import { AdminToken } from './admin-token.js';
import { type Capability, type CapabilityParts, capabilitiesOf } from './capabilities.js';
import type { TokenCrypto } from './crypto.js';
import { DefaultKeys } from './default-keys.js';
import { IssuedTokens } from './issued-tokens.js';
import { TokenIssuer } from './issuer.js';
import { Revocations } from './revocations.js';
import { SecretKeys } from './signing-keys.js';
import { type StaticKey, StaticKeys } from './static-keys.js';
import { type TokenKind, type TokenKindName, tokenKind } from './token-kinds.js';
import { Traces } from './traces.js';
import { Users } from './users.js';
import { TokenValidator } from './validator.js';
import { secretWriteChecks } from './write-checks.js';

/** Kuma's switches for one family of kinds. */
export interface TokenSwitches {
  readonly enableIssuer: boolean;
  readonly useSecrets: boolean;
}

export interface AuthSettings {
  readonly switches: Readonly<Record<TokenKind['switches'], TokenSwitches>>;
  readonly staticKeys: readonly StaticKey[];
  readonly grants: AccessGrants;
  readonly localhostIsAdmin: boolean;
  readonly bootstrapAdminToken: boolean;
  /** Whether it is counted how many tokens each key signed; not when left out. */
  readonly countsIssued?: boolean;
}

export interface AuthParts {
  readonly view: ResourceView;
  readonly crypto: TokenCrypto;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  readonly settings: AuthSettings;
  /** A zone with a global. */
  readonly federated: boolean;
  /** Why a key may be missing on this control plane, beyond what the table tells. */
  readonly hint?: () => string;
  /** Watches what is issued and checked. */
  readonly observer?: Observer;
}

/** The token system of one control plane, put together. */
export class Auth {
  readonly keys: SecretKeys;
  /** Those that the configuration lists. */
  readonly staticKeys: readonly StaticKey[];
  readonly revocations: Revocations;
  readonly issuer: TokenIssuer;
  readonly validator: TokenValidator;
  readonly users: Users;
  readonly access: Access;
  /** What came of revocations and changes of keys here. */
  readonly traces: Traces;
  /** How many tokens each key signed; undefined where that is not counted. */
  readonly issued: IssuedTokens | undefined;
  /** What must hold when secrets and meshes are written; give them to the resource manager. */
  readonly writeHooks: readonly WriteHook[];
  readonly #defaults: DefaultKeys;
  readonly #parts: AuthParts;

  constructor(parts: AuthParts) {
    const { view, crypto, clock, entropy, log, settings, federated, observer } = parts;
    const switches = (kind: TokenKindName) => settings.switches[tokenKind(kind).switches];
    const unsynced = (kind: TokenKindName) =>
      federated && tokenKind(kind).crossing !== 'never' ? (parts.hint?.() ?? '') : '';
    const elsewhere = (kind: TokenKindName) =>
      federated && tokenKind(kind).crossing === 'public'
        ? `${kind} tokens are issued on the global control plane, this zone only checks them`
        : unsynced(kind);
    this.#parts = parts;
    this.keys = new SecretKeys({ view, crypto, log, federated });
    this.staticKeys = settings.staticKeys;
    this.revocations = new Revocations(view);
    this.traces = new Traces(clock, this.keys, this.revocations);
    this.issued = settings.countsIssued ? new IssuedTokens(clock) : undefined;
    this.issuer = new TokenIssuer({
      keys: this.keys,
      crypto,
      clock,
      entropy,
      enabled: (kind) => switches(kind).enableIssuer,
      hint: elsewhere,
      observer,
      issued: this.issued,
    });
    const secrets = {
      find: (kind: TokenKindName, mesh: string, kid: string) =>
        switches(kind).useSecrets ? this.keys.find(kind, mesh, kid) : [],
    };
    const sources = [new StaticKeys(settings.staticKeys), secrets];
    this.validator = new TokenValidator({
      sources,
      revocations: this.revocations,
      crypto,
      view,
      clock,
      hint: unsynced,
      observer,
      refused: (token, because) => this.traces.refused(token, because),
    });
    this.users = new Users({ validator: this.validator, log, localhostIsAdmin: settings.localhostIsAdmin });
    this.access = new Access(settings.grants);
    const usesSecrets = (kind: TokenKindName) => switches(kind).enableIssuer || switches(kind).useSecrets;
    this.#defaults = new DefaultKeys({ crypto, clock, log, federated, usesSecrets });
    this.writeHooks = [secretWriteChecks(crypto, this.keys), this.#defaults.hook()];
  }

  /** Makes the first keys that the table asks for. Nothing may be served before. */
  prepare(manager: ResourceManager): Promise<void> {
    return this.#defaults.ensure(manager, this.#parts.view);
  }

  /** What this control plane can do with the tokens of each kind, now. */
  capabilities(asked: { mode: 'global' | 'zone' } & Pick<CapabilityParts, 'readOnlyReason'>): Capability[] {
    const { view, settings, federated } = this.#parts;
    const role = asked.mode === 'global' ? 'global' : federated ? 'federated-zone' : 'stand-alone-zone';
    return capabilitiesOf({ ...asked, role, settings, view, keys: this.keys, issuer: this.issuer });
  }

  /** Looks after the admin token until the signal ends. @param fence what the writes of a leader are made with */
  async run(
    manager: ResourceManager,
    signal: AbortSignal,
    fence: () => number | undefined = () => undefined,
  ): Promise<void> {
    const { view, clock, log, settings } = this.#parts;
    const { enableIssuer, useSecrets } = settings.switches.userToken;
    if (!settings.bootstrapAdminToken || !enableIssuer || !useSecrets) return;
    await new AdminToken({ issuer: this.issuer, validator: this.validator, manager, view, clock, log, fence }).run(
      signal,
    );
  }
}
