import { orderOf } from '../lab.mjs';

export const base64 = (text) => Buffer.from(text).toString('base64');
export const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
export const meshSecret = (mesh, name) => [`/meshes/${mesh}/secrets/${name}`, { type: 'Secret', mesh, name }];
const globalSecret = (name) => [`/global-secrets/${name}`, { type: 'GlobalSecret', name }];

export const DATAPLANES_BY_HAND = '/meshes/default/dataplanes?name=hand-';
/** Kinds with keys that cross to the zones, and those keys. */
export const ROTATED = [
  { kind: 'dataplane', secret: (serial) => meshSecret('default', `dataplane-token-signing-key-default-${serial}`) },
  { kind: 'zone-ingress', secret: (serial) => globalSecret(`zone-ingress-token-signing-key-${serial}`) },
  { kind: 'zone', secret: (serial) => globalSecret(`zone-token-signing-key-${serial}`) },
];
export const REFUSED = [
  { status: 400, method: 'POST', at: '/tokens/dataplane', body: '{"name": ' },
  { status: 400, method: 'POST', at: '/tokens/dataplane', body: orderOf('', {}) },
  { status: 404, method: 'GET', at: '/meshes/nowhere' },
  { status: 405, method: 'PUT', at: '/meshes/of-a-zone', body: '{"type": "Mesh", "name": "of-a-zone"}' },
  { status: 404, method: 'GET', at: '/no/such/path' },
];
export const READ = [
  '/koguma/sync',
  '/meshes',
  '/meshes/default/secrets',
  '/global-secrets',
  '/koguma/keys',
  '/meshes/default/dataplanes+insights',
  '/koguma/timeline?revocation={id}',
  '/koguma/capabilities',
  '/koguma/events',
  '/mesh-insights',
  '/config',
];

export async function verify({ api }, about) {
  return JSON.parse(await api.call('POST', '/koguma/tokens/verify', about));
}

export async function isGone({ api }, at) {
  try {
    await api.call('GET', at);
    return false;
  } catch (error) {
    if (error.status === 404) return true;
    throw error;
  }
}
