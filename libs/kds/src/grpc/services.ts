import type { ServiceDefinition } from '@grpc/grpc-js';
import { DeltaDiscoveryResponse } from '../gen/envoy/service/discovery/v3/discovery.js';
import { KDSSyncServiceService } from '../gen/kuma/mesh/v1alpha1/sync.js';

export const KDS_PACKAGE = 'kuma.mesh.v1alpha1';
export const KDS_SERVICE = 'KDSSyncService';

/** Kuma's KDSSyncService, except that global's responses may come as bytes that were written once for all zones. */
export const kdsServices: Record<string, ServiceDefinition> = {
  [`${KDS_PACKAGE}.${KDS_SERVICE}`]: {
    ...KDSSyncServiceService,
    globalToZoneSync: {
      ...KDSSyncServiceService.globalToZoneSync,
      responseSerialize: (response: Uint8Array | DeltaDiscoveryResponse): Buffer => {
        const bytes = response instanceof Uint8Array ? response : DeltaDiscoveryResponse.encode(response).finish();
        return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      },
    },
  } as unknown as ServiceDefinition,
};
