export { doorCertificate } from './adapters/door-certificate.js';
export { BootstrapServer } from './bootstrap.js';
export { composeDpServer, type DpServer } from './dp-server.js';
export { type AdsAddress, type AdsCall, dialAds } from './grpc/ads-dial.js';
export { type DpDoor, openDpDoor } from './grpc/dp-door.js';
export { membershipCheck } from './membership.js';
export { dpServerSettings } from './settings.js';
export { Follower, type Holdings } from './xds/follower.js';
