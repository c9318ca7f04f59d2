/** What a door knows of who calls, before any check. Header values as they came; undefined when absent. */
export interface Caller {
  readonly remoteAddress: string | undefined;
  readonly authorization: string | undefined;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly secFetchSite: string | undefined;
  /** True when any of Forwarded, X-Forwarded-For or X-Real-IP is there. */
  readonly forwarded: boolean;
  readonly scheme: 'http' | 'https';
  /** True when the TLS connection began with a client certificate that is listed as an administrator's. */
  readonly showsAdminCertificate?: boolean;
}

const DEFAULT_PORT = { http: '80', https: '443' };

/**
 * Whether a call without a credential comes from this very machine, by the strict rules of Kuma 2.14.3: a loopback
 * peer is not enough, since a proxy on the same host, or a web page in a local browser, would pass too.
 */
export function isLocal(caller: Caller): boolean {
  return (
    isLoopback(caller.remoteAddress) &&
    !caller.forwarded &&
    isLocalHost(caller.host) &&
    [undefined, 'same-origin', 'none'].includes(caller.secFetchSite) &&
    isSameOrigin(caller)
  );
}

function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false;
  const plain = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
  return plain === '::1' || /^127(\.\d{1,3}){3}$/.test(plain);
}

function isLocalHost(host: string | undefined): boolean {
  const parts = splitHost(host);
  return parts !== undefined && (parts.name === 'localhost' || isLoopback(parts.name));
}

function isSameOrigin({ origin, host, scheme }: Caller): boolean {
  if (origin === undefined) return true;
  const [, originScheme, authority] = /^(https?):\/\/([^/?#@]+)$/.exec(origin) ?? [];
  if (originScheme !== scheme || authority === undefined) return false;
  const [from, to] = [splitHost(authority), splitHost(host)];
  if (!from || !to) return false;
  return from.name === to.name && (from.port ?? DEFAULT_PORT[scheme]) === (to.port ?? DEFAULT_PORT[scheme]);
}

function splitHost(host: string | undefined): { name: string; port: string | undefined } | undefined {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+))(?::(\d{1,5}))?$/i.exec(host ?? '') ?? [];
  const name = bracketed ?? plain;
  if (name === undefined || (port !== undefined && Number(port) > 65_535)) return undefined;
  return { name: name.toLowerCase(), port };
}
