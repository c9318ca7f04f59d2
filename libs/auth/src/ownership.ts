import { RESOURCE_TYPES, type ResourceKey } from '@koguma/resources';
import { isKeptLocal } from './secrets.js';

export interface Ownership {
  /** A zone with a global: what global owns is written there. */
  readonly federated: boolean;
  /** Kuma's `KUMA_API_SERVER_READ_ONLY`. */
  readonly readOnly: boolean;
}

/** Why people cannot write a resource on this control plane; undefined when they can. */
export function readOnlyReason(key: ResourceKey, { federated, readOnly }: Ownership): string | undefined {
  const { owner } = RESOURCE_TYPES[key.type];
  if (readOnly) return 'this API server is read-only (KUMA_API_SERVER_READ_ONLY): write through another one';
  if (owner === 'system') return `${key.type} resources are written by the control plane itself`;
  if (!federated || owner !== 'global' || isKeptLocal(key)) return undefined;
  return (
    `${key.type} "${key.name}" is owned by the global control plane: write it there, and it will come to this zone. ` +
    'A zone takes its own user-token-signing-key-*, user-token-revocations and admin-user-token'
  );
}
