import {
  type ChannelCredentials,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type ServiceError,
} from '@grpc/grpc-js';
import { ControlPlaneError, certificatesFrom } from '@koguma/core';
import type { Dial, Hello, Link, StreamIn, StreamOut } from '../link.js';
import { millisecondsOf } from '../wire.js';
import { deadlineIn } from './adapters/deadline.js';
import { nextTurn } from './adapters/next-turn.js';
import { readToken } from './adapters/token-file.js';
import { ROOT_CA_FILE, reasonOf } from './dial-trouble.js';
import { AUTHORIZATION, INSTANCE_ID, KdsClient, RESUMES, STORE_ID } from './services.js';

interface DialSettings {
  /** Bytes of the largest message, both ways. */
  readonly maxMessageSize: number;
  /** Whom to believe where the address begins with `grpcs://`; the authorities that Node knows when left out. */
  readonly tls?: TrustSettings;
  /** A file with the zone token that this zone shows, read at each dial; none when empty or left out. */
  readonly tokenFile?: string;
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
 * Replicas of global behind one name: each dial takes any of the name's addresses, and another when nobody is there, so that
 * zones are spread over the replicas and go over to the next one.
 */
const ANY_ADDRESS = JSON.stringify({ loadBalancingConfig: [{ pick_first: { shuffleAddressList: true } }] });

/**
 * Dials global over gRPC.
 * @param address Kuma's form: `grpcs://host:port`, or `grpc://host:port` without TLS
 */
export function grpcDial(address: string, { maxMessageSize, tls, tokenFile = '' }: DialSettings): Dial {
  const target = address.replace(/^grpcs?:\/\//, '');
  return (zone) => {
    let trust: ChannelCredentials;
    let hello: Hello;
    try {
      trust = address.startsWith('grpcs:') ? trusting(tls) : credentials.createInsecure();
      hello = tokenFile === '' ? zone : { ...zone, token: readToken(tokenFile) };
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
      'grpc.service_config': ANY_ADDRESS,
    });
    const calls: Cancellable[] = [];
    const why = (error: ServiceError) => reasonOf(error, address);
    const open = <Out, In>(call: ClientDuplexStream<Out, In>, receive: StreamIn<In>): StreamOut<Out> => {
      calls.push(call);
      return stream(call, receive, why);
    };
    return {
      globalToZone: (receive) => open(client.globalToZoneSync(metadataOf(hello)), receive),
      zoneToGlobal: (receive) => open(client.zoneToGlobalSync(metadataOf(hello)), receive),
      heartbeat: (receive) => open(client.heartbeat(metadataOf(hello)), receive),
      healthCheck: () => healthCheck(client, hello, why),
      close: () => {
        // A channel that is closed still waits for its calls, and keeps its socket as long.
        for (const call of calls) cancel(call);
        client.close();
      },
    };
  };
}

/** Global answers from memory: what takes longer than this does not come. */
const HEALTH_CHECK_MS = 10_000;

function healthCheck(
  client: KdsClient,
  hello: Hello,
  why: (error: ServiceError) => ControlPlaneError,
): Promise<number> {
  return new Promise((resolve, reject) => {
    client.healthCheck({}, metadataOf(hello), { deadline: deadlineIn(HEALTH_CHECK_MS) }, (error, response) => {
      if (error) reject(why(error));
      else resolve(millisecondsOf(response?.interval));
    });
  });
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
  const healthCheck = () => Promise.reject(reason);
  return { globalToZone: open, zoneToGlobal: open, heartbeat: open, healthCheck, close: () => undefined };
}

function metadataOf({ zone, version, instanceId, features, storeId, token }: Hello): Metadata {
  const metadata = new Metadata();
  metadata.set('client-id', zone);
  metadata.set('version', version);
  metadata.set('kds-version', 'v3');
  for (const feature of features) metadata.add('features', feature);
  metadata.set(INSTANCE_ID, instanceId);
  metadata.set(STORE_ID, storeId);
  if (token !== '') metadata.set(AUTHORIZATION, token);
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
  call.on('metadata', (welcome: Metadata) => {
    if (!over) receive.welcomed?.({ resumes: welcome.get(RESUMES)[0] === 'true' });
  });
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
