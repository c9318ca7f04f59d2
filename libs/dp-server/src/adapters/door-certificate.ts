import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { TlsIdentity } from '@koguma/core';
import type { DoorCertificate } from '../bootstrap.js';

/** What the proxy port shows now, as far as bootstraps need to know. */
export function doorCertificate(identity: TlsIdentity): DoorCertificate {
  let [pem, certificate] = [identity.context.cert, new X509Certificate(identity.context.cert)];
  /** Read once for as long as it stays: a herd of proxies asks all at once. */
  const current = () => {
    if (pem !== identity.context.cert) {
      pem = identity.context.cert;
      certificate = new X509Certificate(pem);
    }
    return certificate;
  };
  return {
    authority: () => identity.authority,
    isFor: (host) => (isIP(host) === 0 ? current().checkHost(host) : current().checkIP(host)) !== undefined,
  };
}
