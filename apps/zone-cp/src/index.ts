export { type ServedZone, serveZone } from './serve.js';
export { composeZone, type Zone, type ZonePorts } from './zone.js';
