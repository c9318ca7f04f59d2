import {
  type ChannelCredentials,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { ControlPlaneError, certificatesFrom } from '@koguma/core';
import type { Dial, Hello, Link, StreamIn, StreamOut } from '../link.js';
import { nextTurn } from './adapters/next-turn.js';
import { ROOT_CA_FILE, reasonOf } from './dial-trouble.js';
import { KdsClient } from './services.js';

interface DialSettings {
  /** Bytes of the largest message, both ways. */
  readonly maxMessageSize: number;
  /** Whom to believe where the address begins with `grpcs://`; the authorities that Node knows when left out. */
  readonly tls?: TrustSettings;
}

interface TrustSettings {
  /** A PEM file of authorities, read at each dial; empty for those that Node knows. */
  readonly rootCaFile: string;
  /** Believes everybody. */
  readonly skipVerify: boolean;
}

/** Kuma's pings: often enough that a peer that is gone is noticed within 30 s, rarely enough for its servers. */
const KEEPALIVE = {
  'grpc.keepalive_time_ms': 15_000,
  'grpc.keepalive_timeout_ms': 15_000,
  'grpc.keepalive_permit_without_calls': 1,
};

/**
 * Dials global over gRPC.
 * @param address Kuma's form: `grpcs://host:port`, or `grpc://host:port` without TLS
 */
export function grpcDial(address: string, { maxMessageSize, tls }: DialSettings): Dial {
  const target = address.replace(/^grpcs?:\/\//, '');
  return (hello) => {
    let trust: ChannelCredentials;
    try {
      trust = address.startsWith('grpcs:') ? trusting(tls) : credentials.createInsecure();
    } catch (error) {
      return undialled(new ControlPlaneError('unavailable', (error as Error).message, { cause: error }));
    }
    const client = new KdsClient(target, trust, {
      ...KEEPALIVE,
      'grpc.max_receive_message_length': maxMessageSize,
      'grpc.max_send_message_length': maxMessageSize,
      // The zone itself decides when to dial again, so the channel must not wait on its own.
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1_000,
      'grpc.use_local_subchannel_pool': 1,
    });
    const calls: Cancellable[] = [];
    const open = <Out, In>(call: ClientDuplexStream<Out, In>, receive: StreamIn<In>): StreamOut<Out> => {
      calls.push(call);
      return stream(call, receive, (error) => reasonOf(error, address));
    };
    return {
      globalToZone: (receive) => open(client.globalToZoneSync(metadataOf(hello)), receive),
      zoneToGlobal: (receive) => open(client.zoneToGlobalSync(metadataOf(hello)), receive),
      close: () => {
        // A channel that is closed still waits for its calls, and keeps its socket as long.
        for (const call of calls) cancel(call);
        client.close();
      },
    };
  };
}

function trusting(
  { rootCaFile, skipVerify }: TrustSettings = { rootCaFile: '', skipVerify: false },
): ChannelCredentials {
  if (skipVerify) return credentials.createSsl(null, null, null, { rejectUnauthorized: false });
  if (rootCaFile === '') return credentials.createSsl();
  return credentials.createSsl(Buffer.from(certificatesFrom({ name: ROOT_CA_FILE, path: rootCaFile }).join('\n')));
}

/** A connection that cannot even be tried. */
function undialled(reason: ControlPlaneError): Link {
  const open = <In>(receive: StreamIn<In>) => {
    nextTurn(() => receive.closed(reason));
    return { send: () => undefined, end: () => undefined };
  };
  return { globalToZone: open, zoneToGlobal: open, close: () => undefined };
}

function metadataOf({ zone, version, instanceId }: Hello): Metadata {
  const metadata = new Metadata();
  metadata.set('client-id', zone);
  metadata.set('version', version);
  metadata.set('kds-version', 'v3');
  metadata.set('features', 'hash-suffix');
  metadata.set('koguma-instance-id', instanceId);
  return metadata;
}

function stream<Out, In>(
  call: ClientDuplexStream<Out, In>,
  receive: StreamIn<In>,
  reasonOf: (error: ServiceError) => ControlPlaneError,
): StreamOut<Out> {
  let over = false;
  const close = (reason: ControlPlaneError | undefined) => {
    if (over) return;
    over = true;
    receive.closed(reason);
  };
  call.on('data', (message: In) => over || receive.message(message));
  call.on('error', (error: ServiceError) => close(reasonOf(error)));
  call.on('end', () => close(undefined));
  return {
    send: (message) => {
      if (!over) call.write(message);
    },
    end: () => {
      over = true;
      cancel(call);
    },
  };
}

interface Cancellable {
  cancel(): void;
}

/**
 * Never at once: whoever learns that one call is over is told while Node's HTTP/2 reads a frame, and a reset of another
 * call from there makes it write for ever, until the memory is full (seen with Node 20.20.2).
 */
function cancel(call: Cancellable): void {
  nextTurn(() => call.cancel());
}
