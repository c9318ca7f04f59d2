import {
  adminRequest,
  adminResponse,
  type Codec,
  discoveryRequest,
  discoveryResponse,
  healthCheckRequest,
  healthCheckResponse,
} from './messages.js';

/** What both a client and a server need of a method: fields that are left out of a message are not written. */
function method<Request, Response>(path: string, request: Codec<Request>, response: Codec<Response>, streams = true) {
  return {
    path,
    requestStream: streams,
    responseStream: streams,
    requestSerialize: (message: Partial<Request>) => request.encode(message),
    requestDeserialize: (bytes: Buffer) => request.decode(bytes),
    responseSerialize: (message: Partial<Response>) => response.encode(message),
    responseDeserialize: (bytes: Buffer) => response.decode(bytes),
  };
}

const SYNC = '/kuma.mesh.v1alpha1.KDSSyncService';
const GLOBAL = '/kuma.mesh.v1alpha1.GlobalKDSService';

export const KDS_SYNC = {
  globalToZone: method(`${SYNC}/GlobalToZoneSync`, discoveryRequest, discoveryResponse),
  /** The roles are swapped: who opens it answers. */
  zoneToGlobal: method(`${SYNC}/ZoneToGlobalSync`, discoveryResponse, discoveryRequest),
};

export const GLOBAL_KDS = {
  xdsConfigs: method(`${GLOBAL}/StreamXDSConfigs`, adminResponse, adminRequest),
  stats: method(`${GLOBAL}/StreamStats`, adminResponse, adminRequest),
  clusters: method(`${GLOBAL}/StreamClusters`, adminResponse, adminRequest),
  healthCheck: method(`${GLOBAL}/HealthCheck`, healthCheckRequest, healthCheckResponse, false),
};

/** Kuma's limit for messages in both directions. */
export const MAX_MESSAGE_SIZE = 10_485_760;
export const MESSAGE_LIMITS = {
  'grpc.max_receive_message_length': MAX_MESSAGE_SIZE,
  'grpc.max_send_message_length': MAX_MESSAGE_SIZE,
};
