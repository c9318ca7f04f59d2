import { createHash } from 'node:crypto';

/** Lower-case hex SHA-256: what versions of resources are on the wire. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
