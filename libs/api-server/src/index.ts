export { Needs, OpenRead, Public } from './access-guard.js';
export { ApiServerModule } from './api-server.module.js';
export { DiagnosticsModule, type DiagnosticsParts } from './diagnostics.module.js';
export { type ApiAdapter, type ApiAdapterSettings, createApiAdapter } from './http-adapter.js';
export type { HttpDoor } from './http-door.js';
export { type HttpDoors, openHttpDoors } from './http-doors.js';
export { Metrics, type Vitals } from './metrics.js';
export type { ApiServerParts, ControlPlaneIdentity, SyncSource } from './parts.js';
export { openSleepingDoor } from './sleeping-door.js';
