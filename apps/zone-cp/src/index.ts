export { type ServedZone, serveZone } from './serve.js';
export { type SleepingZone, serveSleepingZone } from './sleeping.js';
export { composeZone, type Zone, type ZonePorts } from './zone.js';
