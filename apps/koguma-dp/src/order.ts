import type { ProxyResource } from './resource.js';
import type { TokenSource } from './token.js';

export type ProxyType = 'dataplane' | 'ingress' | 'egress';

/** What one proxy is to be, and where. */
export interface ProxyOrder {
  /** Of the control plane, `https://host:port`. */
  readonly controlPlane: string;
  /** PEM of whom to believe; the system's authorities when left out. */
  readonly authority: string | undefined;
  readonly skipVerify: boolean;
  readonly type: ProxyType;
  readonly mesh: string;
  readonly name: string;
  /** What it brings along; left out, it must be known to the control plane already. */
  readonly resource: ProxyResource | undefined;
  readonly token: TokenSource;
}
