export { kogumaDp, type Surroundings } from './cli.js';
export type { EventName } from './events.js';
export type { ProxyOrder, ProxyType } from './order.js';
export { SimulatedProxy } from './proxy.js';
