import {
  type CallOptions,
  type ChannelCredentials,
  type Client,
  type ClientDuplexStream,
  type ClientOptions,
  type ClientUnaryCall,
  logVerbosity,
  type Metadata,
  makeGenericClientConstructor,
  type ServiceDefinition,
  type ServiceError,
  setLogVerbosity,
} from '@grpc/grpc-js';
import { type DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '../gen/envoy/service/discovery/v3/discovery.js';
import { type GlobalReport, SyncServiceService, type ZoneReport } from '../gen/koguma/v1/sync.js';
import {
  GlobalKDSServiceService,
  type ZoneHealthCheckRequest,
  type ZoneHealthCheckResponse,
} from '../gen/kuma/mesh/v1alpha1/global.js';
import { KDSSyncServiceService } from '../gen/kuma/mesh/v1alpha1/sync.js';

// By itself it writes what a peer's metadata hold to the standard error, a token among them, when one is no ASCII.
setLogVerbosity(logVerbosity.NONE);

/** Protobuf packages and full names of the services on the port of KDS. */
export const PACKAGES = ['kuma.mesh.v1alpha1', 'koguma.v1'];
export const KDS_SERVICE = 'kuma.mesh.v1alpha1.KDSSyncService';
export const GLOBAL_SERVICE = 'kuma.mesh.v1alpha1.GlobalKDSService';
export const KOGUMA_SERVICE = 'koguma.v1.SyncService';

/**
 * Metadata that only Koguma's control planes send: the process that dials, the store that it lives in, and that global
 * answers with differences.
 */
export const INSTANCE_ID = 'koguma-instance-id';
export const STORE_ID = 'koguma-store-id';
export const RESUMES = 'koguma-resumes';
/** Where a zone's token is, in gRPC's place for it; Kuma's global only notes that there is one. */
export const AUTHORIZATION = 'authorization';

/** Responses may come as bytes, written once for all who get them. */
const writeResponse = (response: Uint8Array | DeltaDiscoveryResponse): Buffer => {
  const bytes = response instanceof Uint8Array ? response : DeltaDiscoveryResponse.encode(response).finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
};

const { globalToZoneSync, zoneToGlobalSync } = KDSSyncServiceService;
const syncDefinition = {
  globalToZoneSync: { ...globalToZoneSync, responseSerialize: writeResponse },
  zoneToGlobalSync: { ...zoneToGlobalSync, requestSerialize: writeResponse },
} as unknown as ServiceDefinition;
/** The rest of that service is for looking into proxies, and unimplemented. */
const globalDefinition = { healthCheck: GlobalKDSServiceService.healthCheck } as unknown as ServiceDefinition;
const kogumaDefinition = SyncServiceService as unknown as ServiceDefinition;

/** What global serves, for Nest's transport. */
export const kdsServices: Record<string, ServiceDefinition> = {
  [KDS_SERVICE]: syncDefinition,
  [GLOBAL_SERVICE]: globalDefinition,
  [KOGUMA_SERVICE]: kogumaDefinition,
};

/** All of it, for who dials. */
export interface KdsClient extends Client {
  globalToZoneSync(metadata: Metadata): ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;
  zoneToGlobalSync(metadata: Metadata): ClientDuplexStream<Uint8Array, DeltaDiscoveryRequest>;
  heartbeat(metadata: Metadata): ClientDuplexStream<ZoneReport, GlobalReport>;
  healthCheck(
    request: ZoneHealthCheckRequest,
    metadata: Metadata,
    options: CallOptions,
    callback: (error: ServiceError | null, response?: ZoneHealthCheckResponse) => void,
  ): ClientUnaryCall;
}

export const KdsClient = makeGenericClientConstructor(
  { ...syncDefinition, ...globalDefinition, ...kogumaDefinition },
  KDS_SERVICE,
) as unknown as new (
  address: string,
  credentials: ChannelCredentials,
  options: Partial<ClientOptions>,
) => KdsClient;
