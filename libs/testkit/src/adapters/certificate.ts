import { readFileSync } from 'node:fs';
import { LOCALHOST_CERT_FILE } from '../certificate.js';

/** PEM of whom the proxies of a lab believe. */
export function readCertificate(): string {
  return readFileSync(LOCALHOST_CERT_FILE, 'utf8');
}
