import type { ServiceDefinition } from '@grpc/grpc-js';
import { AggregatedDiscoveryServiceService } from '../gen/envoy/service/discovery/v3/ads.js';

export const ADS_PACKAGE = 'envoy.service.discovery.v3';
export const ADS_SERVICE = 'AggregatedDiscoveryService';

/** Envoy's AggregatedDiscoveryService, for Nest's transport. */
export const adsServices: Record<string, ServiceDefinition> = {
  [`${ADS_PACKAGE}.${ADS_SERVICE}`]: AggregatedDiscoveryServiceService as unknown as ServiceDefinition,
};
