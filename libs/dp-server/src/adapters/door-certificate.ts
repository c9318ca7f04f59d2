import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { TlsIdentity } from '@koguma/core';
import type { DoorCertificate } from '../bootstrap.js';

/** What the proxy port shows now, as far as bootstraps need to know. */
export function doorCertificate(identity: TlsIdentity): DoorCertificate {
  return {
    authority: () => identity.authority,
    isFor: (host) => {
      const certificate = new X509Certificate(identity.context.cert);
      return (isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)) !== undefined;
    },
  };
}
