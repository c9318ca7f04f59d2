export { Needs, OpenRead, Public } from './access-guard.js';
export { ApiServerModule } from './api-server.module.js';
export { DiagnosticsModule, type DiagnosticsParts } from './diagnostics.module.js';
export { openDiagnostics } from './diagnostics-door.js';
export { type ApiAdapter, type ApiAdapterSettings, createApiAdapter } from './http-adapter.js';
export { type HttpDoor, openHttpDoor } from './http-door.js';
export type { ApiServerParts, ControlPlaneIdentity, SyncSource } from './parts.js';
