/**
 * What this control plane says it is, at `GET /` and to peers. `preview` keeps Kuma's clients from warning that the
 * version is not theirs.
 */
export const VERSION = '0.1.0-preview';

/** The Kuma release whose API and wire are spoken. */
export const KUMA_VERSION = '2.14.3';
