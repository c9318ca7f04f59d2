import { describe, RESOURCE_TYPES, type ResourceKey } from '@koguma/resources';
import { isUsersOwn } from './secrets.js';

/** What a control plane is to its resources. A zone without a global owns everything itself. */
export type ControlPlaneRole = 'global' | 'federated-zone' | 'stand-alone-zone';

/**
 * Why people cannot write a resource on this control plane; undefined when they can.
 * @param readOnly Kuma's `KUMA_API_SERVER_READ_ONLY`
 */
export function readOnlyReason(key: ResourceKey, role: ControlPlaneRole, readOnly: boolean): string | undefined {
  const { owner } = RESOURCE_TYPES[key.type];
  if (readOnly) return 'this API server is read-only (KUMA_API_SERVER_READ_ONLY): write through another one';
  if (owner === 'system') return `${key.type} resources are written by the control plane itself`;
  if (owner === 'zone' && role === 'global') {
    return `${describe(key)} is owned by a zone: write it on that zone's control plane, and it will be seen here`;
  }
  if (role !== 'federated-zone' || owner !== 'global' || isUsersOwn(key)) return undefined;
  return (
    `${describe(key)} is owned by the global control plane: write it there, and it will come to this zone. ` +
    'A zone takes its own user-token-signing-key-*, user-token-revocations and admin-user-token'
  );
}
