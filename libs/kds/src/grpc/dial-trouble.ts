import { type ServiceError, status } from '@grpc/grpc-js';
import { ControlPlaneError, errorCodeOf } from '@koguma/core';

/** The setting of a zone that says whom it believes. */
export const ROOT_CA_FILE = 'KUMA_MULTIZONE_ZONE_KDS_ROOT_CA_FILE';
const TLS_ENABLED = 'KUMA_MULTIZONE_GLOBAL_KDS_TLS_ENABLED';

type Told = (host: string) => string;

/** What OpenSSL and Node say when a handshake fails, and what that means here. */
const TLS_TROUBLE: readonly [RegExp, Told][] = [
  [
    /wrong version number|packet length too long/,
    () => `global has no TLS there: dial it with grpc://, or start it with ${TLS_ENABLED}=true`,
  ],
  [
    /self-signed certificate|unable to (verify|get)/,
    () =>
      `global's certificate is of an authority that this zone does not know: put that authority into ${ROOT_CA_FILE}`,
  ],
  [
    /does not match certificate's altnames/,
    (host) =>
      `global's certificate does not name ${host}: dial global by a name that it has, or give it one for ${host}`,
  ],
  [/certificate has expired/, () => "global's certificate has expired: give it a new one"],
  [/certificate is not yet valid/, () => "global's certificate is not valid yet: is the clock of this machine right?"],
  [/protocol version|unsupported protocol/, () => 'global and this zone have no version of TLS in common'],
];

/** gRPC's words for a peer that hangs up before it has said anything. */
const HUNG_UP = /Last error: Failed to connect/;

/**
 * Why a stream ended, as `GET /koguma/sync` tells it.
 * @param address where it was dialled, as in `grpcDial`
 */
export function reasonOf(error: ServiceError, address: string): ControlPlaneError {
  const name = status[error.code] ?? String(error.code);
  const told = error.code === status.UNAVAILABLE ? troubleWithTls(error.details, address) : undefined;
  return new ControlPlaneError(errorCodeOf(error.code), `${told ?? error.details} (${name})`, { cause: error });
}

function troubleWithTls(details: string, address: string): string | undefined {
  const { protocol, hostname } = new URL(address);
  if (protocol === 'grpcs:') return TLS_TROUBLE.find(([pattern]) => pattern.test(details))?.[1](hostname);
  if (!HUNG_UP.test(details)) return undefined;
  return 'global hung up before it said anything, as a server with TLS does: if it has TLS, dial it with grpcs://';
}
