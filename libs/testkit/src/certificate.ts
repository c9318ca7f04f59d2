import { fileURLToPath } from 'node:url';

const file = (name: string) => fileURLToPath(new URL(`../certificates/${name}`, import.meta.url));

/** PEM of a certificate for localhost, 127.0.0.1 and ::1 that is its own authority; its key is known to everybody. */
export const LOCALHOST_CERT_FILE = file('localhost.crt');

/** Makes the proxy ports of a lab show it, so that no test waits for one to be made. */
export const LOCALHOST_CERTIFICATE = {
  KUMA_DP_SERVER_TLS_CERT_FILE: LOCALHOST_CERT_FILE,
  KUMA_DP_SERVER_TLS_KEY_FILE: file('localhost.key'),
};
