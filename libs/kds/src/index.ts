export { Admission } from './admission.js';
export { clusterIdOf } from './connection.js';
export { grpcDial } from './grpc/grpc-dial.js';
export { KdsModule, KdsTransport } from './grpc/kds.module.js';
export { KdsServer } from './kds-server.js';
export { type InventoriedKey, KeyInventory } from './key-inventory.js';
export { type Dial, type Hello, type KdsEndpoint, type Link, PINGS, type StreamIn, type StreamOut } from './link.js';
export { type MemoryNetwork, memoryNetwork } from './memory-link.js';
export type { Direction, Lane, Weather } from './memory-pipe.js';
export { Outbox } from './outbox.js';
export {
  CLUSTER_ID_NAME,
  departuresToGlobal,
  departuresToZones,
  mirrorOfGlobal,
  passageOf,
  sizeLimit,
  stayingHomeWarning,
} from './sync-policy.js';
export { Syncer } from './syncer.js';
export { Timeline } from './timeline.js';
export { ZoneInsights } from './zone-insights.js';
export { type LinkState, ZoneLink } from './zone-link.js';
export { ZoneVoice } from './zone-voice.js';
