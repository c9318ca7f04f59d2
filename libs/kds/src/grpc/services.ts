import {
  type ChannelCredentials,
  type Client,
  type ClientDuplexStream,
  type ClientOptions,
  type Metadata,
  makeGenericClientConstructor,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { type DeltaDiscoveryRequest, DeltaDiscoveryResponse } from '../gen/envoy/service/discovery/v3/discovery.js';
import { KDSSyncServiceService } from '../gen/kuma/mesh/v1alpha1/sync.js';

export const KDS_PACKAGE = 'kuma.mesh.v1alpha1';
export const KDS_SERVICE = 'KDSSyncService';
const FULL_NAME = `${KDS_PACKAGE}.${KDS_SERVICE}`;

/** Responses may come as bytes, written once for all who get them. */
const writeResponse = (response: Uint8Array | DeltaDiscoveryResponse): Buffer => {
  const bytes = response instanceof Uint8Array ? response : DeltaDiscoveryResponse.encode(response).finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
};

const { globalToZoneSync, zoneToGlobalSync } = KDSSyncServiceService;
const definition = {
  globalToZoneSync: { ...globalToZoneSync, responseSerialize: writeResponse },
  zoneToGlobalSync: { ...zoneToGlobalSync, requestSerialize: writeResponse },
} as unknown as ServiceDefinition;

/** Kuma's KDSSyncService, for Nest's transport. */
export const kdsServices: Record<string, ServiceDefinition> = { [FULL_NAME]: definition };

/** Kuma's KDSSyncService, for who dials. */
export interface KdsClient extends Client {
  globalToZoneSync(metadata: Metadata): ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;
  zoneToGlobalSync(metadata: Metadata): ClientDuplexStream<Uint8Array, DeltaDiscoveryRequest>;
}

export const KdsClient = makeGenericClientConstructor(definition, FULL_NAME) as unknown as new (
  address: string,
  credentials: ChannelCredentials,
  options: Partial<ClientOptions>,
) => KdsClient;
