import { describe, expect, it } from 'vitest';
import { ControlPlaneError } from '../errors.js';
import { loadConfig } from './config.js';
import type { Role } from './table.js';

type Env = Readonly<Record<string, string>>;

function refused(role: Role, env: Env): string[] {
  try {
    loadConfig({ role, env });
    return [];
  } catch (error) {
    return ControlPlaneError.from(error).violations.map(({ field, reason }) => `${field}: ${reason}`);
  }
}

const warned = (role: Role, env: Env) => loadConfig({ role, env }).warnings;

describe('a certificate', () => {
  it.each(['KUMA_GENERAL', 'KUMA_API_SERVER_HTTPS', 'KUMA_DP_SERVER', 'KUMA_MULTIZONE_GLOBAL_KDS'])(
    'of %s has a key',
    (prefix) => {
      const [cert, key] = [`${prefix}_TLS_CERT_FILE`, `${prefix}_TLS_KEY_FILE`];
      const general: Env =
        prefix === 'KUMA_GENERAL' ? {} : { KUMA_GENERAL_TLS_CERT_FILE: '/g', KUMA_GENERAL_TLS_KEY_FILE: '/h' };
      const alone = (name: string, other: string) => [`${name}: got "/a", which is of no use alone: set ${other} too`];
      expect(refused('global', { ...general, [cert]: '/a' })).toEqual(alone(cert, key));
      expect(refused('global', { ...general, [key]: '/a' })).toEqual(alone(key, cert));
      expect(refused('global', { ...general, [cert]: '/a', [key]: '/b' })).toEqual([]);
    },
  );
});

describe('versions', () => {
  const [MIN, MAX] = ['KUMA_GENERAL_TLS_MIN_VERSION', 'KUMA_GENERAL_TLS_MAX_VERSION'];
  const [OWN_MIN, OWN_MAX] = ['KUMA_API_SERVER_HTTPS_TLS_MIN_VERSION', 'KUMA_API_SERVER_HTTPS_TLS_MAX_VERSION'];

  it.each<[Env, string]>([
    [{ [MIN]: 'TLSv1_3', [MAX]: 'TLSv1_2' }, `${MAX}: got "TLSv1_2", but ${MIN} is TLSv1_3: no version is left`],
    [
      { [OWN_MIN]: 'TLSv1_3', [OWN_MAX]: 'TLSv1_2' },
      `${OWN_MAX}: got "TLSv1_2", but ${OWN_MIN} is TLSv1_3: no version is left`,
    ],
    [
      { [MIN]: 'TLSv1_3', [OWN_MAX]: 'TLSv1_2' },
      `${OWN_MAX}: got "TLSv1_2", but ${MIN} is TLSv1_3: no version is left`,
    ],
    [
      { [OWN_MIN]: 'TLSv1_3', [MAX]: 'TLSv1_2' },
      `${MAX}: got "TLSv1_2", but ${OWN_MIN} is TLSv1_3: no version is left`,
    ],
  ])('of which none is left are refused: %j', (env, sentence) => {
    expect(refused('zone', env)).toEqual([sentence]);
  });

  it('may be one alone', () => {
    expect(refused('zone', { [MIN]: 'TLSv1_3', [MAX]: 'TLSv1_3', [OWN_MIN]: 'TLSv1_2', [OWN_MAX]: 'TLSv1_2' })).toEqual(
      [],
    );
  });
});

describe('client certificates', () => {
  const CERTIFICATES = {
    KUMA_API_SERVER_AUTHN_TYPE: 'adminClientCerts',
    KUMA_API_SERVER_AUTH_CLIENT_CERTS_DIR: '/certs',
  };

  it('of administrators are deprecated', () => {
    expect(warned('zone', CERTIFICATES)).toEqual([
      'KUMA_API_SERVER_AUTHN_TYPE adminClientCerts is deprecated: use user tokens, which expire and can be revoked',
    ]);
  });

  it('of administrators need a folder, and HTTPS', () => {
    expect(refused('zone', { ...CERTIFICATES, KUMA_API_SERVER_AUTH_CLIENT_CERTS_DIR: '' })).toEqual([
      'KUMA_API_SERVER_AUTHN_TYPE: got "adminClientCerts", which needs to know the certificates: set KUMA_API_SERVER_AUTH_CLIENT_CERTS_DIR',
    ]);
    expect(refused('zone', { ...CERTIFICATES, KUMA_API_SERVER_HTTPS_ENABLED: 'false' })).toEqual([
      'KUMA_API_SERVER_AUTHN_TYPE: got "adminClientCerts", which is for HTTPS: set KUMA_API_SERVER_HTTPS_ENABLED to true',
    ]);
  });

  it('in a folder that is not looked at are told of', () => {
    expect(warned('zone', { KUMA_API_SERVER_AUTH_CLIENT_CERTS_DIR: '/certs' })).toEqual([
      'KUMA_API_SERVER_AUTH_CLIENT_CERTS_DIR is not used: it is for KUMA_API_SERVER_AUTHN_TYPE adminClientCerts',
    ]);
  });

  it('that are required must be somebody’s', () => {
    const env = { KUMA_API_SERVER_HTTPS_REQUIRE_CLIENT_CERT: 'true' };
    expect(refused('zone', env)).toEqual([
      'KUMA_API_SERVER_HTTPS_REQUIRE_CLIENT_CERT: got "true", which needs to know whose: set KUMA_API_SERVER_HTTPS_TLS_CA_FILE',
    ]);
    expect(refused('zone', { ...env, KUMA_API_SERVER_HTTPS_TLS_CA_FILE: '/ca' })).toEqual([]);
    expect(refused('zone', { ...env, ...CERTIFICATES })).toEqual([]);
  });
});

describe('sync without protection', () => {
  it('is told where global leaves this machine', () => {
    const plain = { KUMA_MULTIZONE_GLOBAL_KDS_TLS_ENABLED: 'false' };
    const exposed = { KOGUMA_MULTIZONE_GLOBAL_KDS_INTERFACE: '0.0.0.0', KOGUMA_MULTIZONE_GLOBAL_KDS_AUTH_TYPE: 'none' };
    const warning = 'signing keys go to zones in the clear: KUMA_MULTIZONE_GLOBAL_KDS_TLS_ENABLED true protects them';
    expect(warned('global', { ...plain, ...exposed })).toContain(warning);
    expect(warned('global', exposed)).not.toContain(warning);
    expect(warned('global', plain)).toEqual([]);
  });

  it('is told where a zone leaves this machine', () => {
    const at = (address: string) => warned('zone', { KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: address });
    expect(at('grpc://global:5685')).toEqual([
      'signing keys come from global in the clear: a KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS with grpcs:// protects them',
    ]);
    for (const address of ['', 'grpcs://global:1', 'grpc://127.0.0.1:1', 'grpc://localhost:1', 'grpc://[::1]:1'])
      expect(at(address)).toEqual([]);
  });

  it('is told where a zone believes anybody', () => {
    const env = {
      KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: 'grpcs://127.0.0.1:1',
      KUMA_MULTIZONE_ZONE_KDS_TLS_SKIP_VERIFY: 'true',
    };
    expect(warned('zone', env)).toEqual([
      'with KUMA_MULTIZONE_ZONE_KDS_TLS_SKIP_VERIFY, keys are taken from whoever answers for global: KUMA_MULTIZONE_ZONE_KDS_ROOT_CA_FILE protects this zone',
    ]);
  });
});
