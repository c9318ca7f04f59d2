/** The cipher suites of TLS 1.3. They are on wherever that version is, as in Go. */
const TLS_1_3 = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];

/** Those of TLS 1.2 that keep past traffic secret and cannot be tampered with, by IANA's name: OpenSSL's. */
const TLS_1_2: Readonly<Record<string, string>> = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
};

/** Every cipher suite that a server can be told to use (IANA's names, as in Kuma). */
export const CIPHER_SUITES: readonly string[] = [...TLS_1_3, ...Object.keys(TLS_1_2)];

/** OpenSSL's list for the suites of {@link CIPHER_SUITES} that were named; for all of them when none was. */
export function openSslCiphers(named: readonly string[]): string {
  const suites = named.length === 0 ? CIPHER_SUITES : named;
  return [...TLS_1_3, ...suites.flatMap((suite) => TLS_1_2[suite] ?? [])].join(':');
}
