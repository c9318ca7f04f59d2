export { freePort } from './adapters/free-port.js';
export { LOCALHOST_CERT_FILE } from './certificate.js';
export { type Address, ConnectedLab, type ConnectOptions, connectLab } from './connected-lab.js';
export {
  type Answer,
  type CallOptions,
  type ClientOptions,
  ControlPlaneClient,
  type RotateOptions,
} from './control-plane.js';
export { type DecodedToken, decodeToken, kindOf } from './decoded-token.js';
export type { Direction, DrivenLab, DrivenLink, DrivenNode, DrivenTime, LinkCondition } from './driven-lab.js';
export { type Duration, milliseconds } from './duration.js';
export { FixtureKeys, fixtureCrypto } from './fixture-crypto.js';
export { FIXTURE_KEYS } from './fixture-keys.js';
export { Lab, type LabOptions, startLab, TimedNode, type UntilOptions } from './lab.js';
export { LabClock } from './lab-clock.js';
export { LabLink } from './lab-link.js';
export { LabNode } from './lab-node.js';
export { LabProxy, type ProxyEvent, type ProxyOptions, type ProxyState } from './lab-proxy.js';
export { Relay } from './relay.js';
export type { TopologyOptions } from './topology.js';
export { VirtualTime } from './virtual-time.js';
export { startStandalone, startWiredLab, WiredLab, type WiredLabOptions } from './wired-lab.js';
