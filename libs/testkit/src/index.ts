export { LOCALHOST_CERT_FILE } from './certificate.js';
export { type Answer, type CallOptions, ControlPlaneClient } from './control-plane.js';
export { type DecodedToken, decodeToken } from './decoded-token.js';
export { FixtureKeys, fixtureCrypto } from './fixture-crypto.js';
export { FIXTURE_KEYS } from './fixture-keys.js';
export { Lab, type LabOptions, startLab, startStandalone } from './lab.js';
export { LabClock } from './lab-clock.js';
export { LabNode } from './lab-node.js';
export { Relay } from './relay.js';
