/** How a signing key is printed: as text for a file, or in base64 for the `data` of a secret. */
export const KEY_FORMATS = ['pem-base64', 'pem'] as const;
export type KeyFormat = (typeof KEY_FORMATS)[number];
