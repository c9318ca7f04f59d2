export { Access, type AccessGrants } from './access.js';
export type { AccessRight } from './access-right.js';
export { nodeCrypto } from './adapters/node-crypto.js';
export { NodeRsaKey, parseRsaKey } from './adapters/rsa-keys.js';
export { Auth, type AuthSettings } from './auth.js';
export type { Capability, Elsewhere } from './capabilities.js';
export type { RsaKey, TokenCrypto } from './crypto.js';
export type { KeyUse } from './issued-tokens.js';
export type { SigningPorts } from './issuer.js';
export type { Caller } from './local-caller.js';
export { type OfflineKey, signOffline } from './offline.js';
export { readOnlyReason } from './ownership.js';
export type { Revoked } from './revocations.js';
export {
  ADMIN_TOKEN_NAME,
  isKeptLocal,
  knownSecretNames,
  type Secret,
  type SecretRole,
  secretBytes,
  secretRole,
  secretSpec,
  secretText,
} from './secrets.js';
export { authSettings } from './settings.js';
export type { KeyName, StoredKey } from './signing-keys.js';
export type { StaticKey } from './static-keys.js';
export {
  type Identity,
  isTokenKind,
  TOKEN_KIND_NAMES,
  TOKEN_KINDS,
  type TokenKind,
  type TokenKindName,
  tokenKind,
} from './token-kinds.js';
export type { RejectionReason } from './token-reader.js';
export { type IssueOrder, readTokenRequest } from './token-requests.js';
export { type Trace, type TraceSubject, type Traces, traceName } from './traces.js';
export { ADMIN, ANONYMOUS, type User } from './users.js';
export { type Proof, type Step, TokenRejected, type TokenValidator, type Verdict } from './validator.js';
