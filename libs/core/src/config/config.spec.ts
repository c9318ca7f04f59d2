import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { ControlPlaneError, type Violation } from '../errors.js';
import { CIPHER_SUITES } from '../tls/cipher-suites.js';
import { loadConfig, maskConfig } from './config.js';
import type { ConfigSources } from './read.js';
import { type Path, SETTINGS } from './settings.js';
import { envName, type Role, type Setting, type Value, valueAt } from './table.js';

type Env = Readonly<Record<string, string>>;

const ADMIN = ['mesh-system:admin'];

/** Each setting, its environment name if it has one, and its default for global and, where it is another one, for a zone. */
const DEFAULTS: [path: string, env: string | undefined, global: unknown, zone?: unknown][] = [
  ['mode', 'KUMA_MODE', 'global', 'zone'],
  ['environment', 'KUMA_ENVIRONMENT', 'universal'],
  ['general.workDir', 'KUMA_GENERAL_WORK_DIR', '~/.koguma'],
  ['general.tlsCertFile', 'KUMA_GENERAL_TLS_CERT_FILE', ''],
  ['general.tlsKeyFile', 'KUMA_GENERAL_TLS_KEY_FILE', ''],
  ['general.tlsMinVersion', 'KUMA_GENERAL_TLS_MIN_VERSION', 'TLSv1_2'],
  ['general.tlsMaxVersion', 'KUMA_GENERAL_TLS_MAX_VERSION', ''],
  ['general.tlsCipherSuites', 'KUMA_GENERAL_TLS_CIPHER_SUITES', []],
  ['koguma.tls.caDir', 'KOGUMA_TLS_CA_DIR', '~/.koguma'],
  ['store.type', 'KUMA_STORE_TYPE', 'sqlite'],
  ['store.unsafeDelete', 'KUMA_STORE_UNSAFE_DELETE', false],
  ['store.postgres.host', 'KUMA_STORE_POSTGRES_HOST', '127.0.0.1'],
  ['store.postgres.port', 'KUMA_STORE_POSTGRES_PORT', 15_432],
  ['store.postgres.user', 'KUMA_STORE_POSTGRES_USER', 'kuma'],
  ['store.postgres.password', 'KUMA_STORE_POSTGRES_PASSWORD', 'kuma'],
  ['store.postgres.dbName', 'KUMA_STORE_POSTGRES_DB_NAME', 'kuma'],
  ['store.postgres.connectionTimeout', 'KUMA_STORE_POSTGRES_CONNECTION_TIMEOUT', 5],
  ['store.postgres.maxOpenConnections', 'KUMA_STORE_POSTGRES_MAX_OPEN_CONNECTIONS', 10],
  ['store.postgres.tls.mode', 'KUMA_STORE_POSTGRES_TLS_MODE', 'disable'],
  ['store.postgres.tls.certPath', 'KUMA_STORE_POSTGRES_TLS_CERT_PATH', ''],
  ['store.postgres.tls.keyPath', 'KUMA_STORE_POSTGRES_TLS_KEY_PATH', ''],
  ['store.postgres.tls.caPath', 'KUMA_STORE_POSTGRES_TLS_CA_PATH', ''],
  ['koguma.store.encryption.keyFile', 'KOGUMA_STORE_ENCRYPTION_KEY_FILE', ''],
  ['koguma.store.sqlite.path', 'KOGUMA_STORE_SQLITE_PATH', '~/.koguma/global.db', '~/.koguma/zone.db'],
  ['apiServer.http.interface', 'KUMA_API_SERVER_HTTP_INTERFACE', '127.0.0.1'],
  ['apiServer.http.port', 'KUMA_API_SERVER_HTTP_PORT', 5681],
  ['apiServer.https.enabled', 'KUMA_API_SERVER_HTTPS_ENABLED', true],
  ['apiServer.https.interface', 'KUMA_API_SERVER_HTTPS_INTERFACE', '127.0.0.1'],
  ['apiServer.https.port', 'KUMA_API_SERVER_HTTPS_PORT', 5682],
  ['apiServer.https.tlsCertFile', 'KUMA_API_SERVER_HTTPS_TLS_CERT_FILE', ''],
  ['apiServer.https.tlsKeyFile', 'KUMA_API_SERVER_HTTPS_TLS_KEY_FILE', ''],
  ['apiServer.https.tlsMinVersion', 'KUMA_API_SERVER_HTTPS_TLS_MIN_VERSION', ''],
  ['apiServer.https.tlsMaxVersion', 'KUMA_API_SERVER_HTTPS_TLS_MAX_VERSION', ''],
  ['apiServer.https.tlsCipherSuites', 'KUMA_API_SERVER_HTTPS_TLS_CIPHER_SUITES', []],
  ['apiServer.https.requireClientCert', 'KUMA_API_SERVER_HTTPS_REQUIRE_CLIENT_CERT', false],
  ['apiServer.https.tlsCaFile', 'KUMA_API_SERVER_HTTPS_TLS_CA_FILE', ''],
  ['apiServer.readOnly', 'KUMA_API_SERVER_READ_ONLY', false],
  ['apiServer.auth.clientCertsDir', 'KUMA_API_SERVER_AUTH_CLIENT_CERTS_DIR', ''],
  ['apiServer.authn.type', 'KUMA_API_SERVER_AUTHN_TYPE', 'tokens'],
  ['apiServer.authn.localhostIsAdmin', 'KUMA_API_SERVER_AUTHN_LOCALHOST_IS_ADMIN', true],
  ['apiServer.authn.tokens.bootstrapAdminToken', 'KUMA_API_SERVER_AUTHN_TOKENS_BOOTSTRAP_ADMIN_TOKEN', true],
  ['apiServer.authn.tokens.enableIssuer', 'KUMA_API_SERVER_AUTHN_TOKENS_ENABLE_ISSUER', true],
  ['apiServer.authn.tokens.validator.useSecrets', 'KUMA_API_SERVER_AUTHN_TOKENS_VALIDATOR_USE_SECRETS', true],
  ['apiServer.authn.tokens.validator.publicKeys', undefined, []],
  ['koguma.http.maxBodySize', 'KOGUMA_HTTP_MAX_BODY_SIZE', 16_777_216],
  ['dpServer.port', 'KUMA_DP_SERVER_PORT', 5678],
  ['koguma.dpServer.interface', 'KOGUMA_DP_SERVER_INTERFACE', '127.0.0.1'],
  ['dpServer.authn.dpProxy.type', 'KUMA_DP_SERVER_AUTHN_DP_PROXY_TYPE', 'dpToken'],
  ['dpServer.authn.zoneProxy.type', 'KUMA_DP_SERVER_AUTHN_ZONE_PROXY_TYPE', 'zoneToken'],
  ['dpServer.authn.enableReloadableTokens', 'KUMA_DP_SERVER_AUTHN_ENABLE_RELOADABLE_TOKENS', false],
  ['koguma.dpServer.authn.recheck', 'KOGUMA_DP_SERVER_AUTHN_RECHECK', 'onChange'],
  ['koguma.dpServer.authn.serviceAccount.jwksUri', 'KOGUMA_DP_SERVER_AUTHN_SERVICE_ACCOUNT_JWKS_URI', ''],
  ['koguma.dpServer.authn.serviceAccount.issuer', 'KOGUMA_DP_SERVER_AUTHN_SERVICE_ACCOUNT_ISSUER', ''],
  [
    'koguma.dpServer.authn.serviceAccount.tokenReviewUri',
    'KOGUMA_DP_SERVER_AUTHN_SERVICE_ACCOUNT_TOKEN_REVIEW_URI',
    '',
  ],
  ['koguma.dpServer.authn.serviceAccount.credentialFile', 'KOGUMA_DP_SERVER_AUTHN_SERVICE_ACCOUNT_CREDENTIAL_FILE', ''],
  ['koguma.dpServer.authn.serviceAccount.audience', 'KOGUMA_DP_SERVER_AUTHN_SERVICE_ACCOUNT_AUDIENCE', ''],
  ['koguma.dpServer.authn.serviceAccount.caFile', 'KOGUMA_DP_SERVER_AUTHN_SERVICE_ACCOUNT_CA_FILE', ''],
  ['bootstrapServer.params.xdsHost', 'KUMA_BOOTSTRAP_SERVER_PARAMS_XDS_HOST', ''],
  ['bootstrapServer.params.xdsPort', 'KUMA_BOOTSTRAP_SERVER_PARAMS_XDS_PORT', 0],
  ['bootstrapServer.params.adminPort', 'KUMA_BOOTSTRAP_SERVER_PARAMS_ADMIN_PORT', 9_901],
  ['xdsServer.dataplaneStatusFlushInterval', 'KUMA_XDS_SERVER_DATAPLANE_STATUS_FLUSH_INTERVAL', 10_000],
  ['xdsServer.dataplaneDeregistrationDelay', 'KUMA_XDS_SERVER_DATAPLANE_DEREGISTRATION_DELAY', 10_000],
  ['dpServer.tlsCertFile', 'KUMA_DP_SERVER_TLS_CERT_FILE', ''],
  ['dpServer.tlsKeyFile', 'KUMA_DP_SERVER_TLS_KEY_FILE', ''],
  ['dpServer.tlsMinVersion', 'KUMA_DP_SERVER_TLS_MIN_VERSION', ''],
  ['dpServer.tlsMaxVersion', 'KUMA_DP_SERVER_TLS_MAX_VERSION', ''],
  ['dpServer.tlsCipherSuites', 'KUMA_DP_SERVER_TLS_CIPHER_SUITES', []],
  ['dpServer.authn.dpProxy.dpToken.enableIssuer', 'KUMA_DP_SERVER_AUTHN_DP_PROXY_DP_TOKEN_ENABLE_ISSUER', true],
  [
    'dpServer.authn.dpProxy.dpToken.validator.useSecrets',
    'KUMA_DP_SERVER_AUTHN_DP_PROXY_DP_TOKEN_VALIDATOR_USE_SECRETS',
    true,
  ],
  ['dpServer.authn.dpProxy.dpToken.validator.publicKeys', undefined, []],
  ['dpServer.authn.zoneProxy.zoneToken.enableIssuer', 'KUMA_DP_SERVER_AUTHN_ZONE_PROXY_ZONE_TOKEN_ENABLE_ISSUER', true],
  [
    'dpServer.authn.zoneProxy.zoneToken.validator.useSecrets',
    'KUMA_DP_SERVER_AUTHN_ZONE_PROXY_ZONE_TOKEN_VALIDATOR_USE_SECRETS',
    true,
  ],
  ['dpServer.authn.zoneProxy.zoneToken.validator.publicKeys', undefined, []],
  ['access.static.adminResources.users', 'KUMA_ACCESS_STATIC_ADMIN_RESOURCES_USERS', ADMIN],
  ['access.static.adminResources.groups', 'KUMA_ACCESS_STATIC_ADMIN_RESOURCES_GROUPS', ADMIN],
  ['access.static.generateDpToken.users', 'KUMA_ACCESS_STATIC_GENERATE_DP_TOKEN_USERS', ADMIN],
  ['access.static.generateDpToken.groups', 'KUMA_ACCESS_STATIC_GENERATE_DP_TOKEN_GROUPS', ADMIN],
  ['access.static.generateUserToken.users', 'KUMA_ACCESS_STATIC_GENERATE_USER_TOKEN_USERS', ADMIN],
  ['access.static.generateUserToken.groups', 'KUMA_ACCESS_STATIC_GENERATE_USER_TOKEN_GROUPS', ADMIN],
  ['access.static.generateZoneToken.users', 'KUMA_ACCESS_STATIC_GENERATE_ZONE_TOKEN_USERS', ADMIN],
  ['access.static.generateZoneToken.groups', 'KUMA_ACCESS_STATIC_GENERATE_ZONE_TOKEN_GROUPS', ADMIN],
  ['multizone.global.kds.grpcPort', 'KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT', 5685],
  ['multizone.global.kds.maxMsgSize', 'KUMA_MULTIZONE_GLOBAL_KDS_MAX_MSG_SIZE', 10_485_760],
  ['multizone.global.kds.msgSendTimeout', 'KUMA_MULTIZONE_GLOBAL_KDS_MSG_SEND_TIMEOUT', 60_000],
  ['multizone.global.kds.zoneInsightFlushInterval', 'KUMA_MULTIZONE_GLOBAL_KDS_ZONE_INSIGHT_FLUSH_INTERVAL', 10_000],
  ['multizone.global.kds.zoneHealthCheck.pollInterval', 'KUMA_MULTIZONE_GLOBAL_KDS_ZONE_HEALTH_CHECK_POLL_INTERVAL', 0],
  ['multizone.global.kds.zoneHealthCheck.timeout', 'KUMA_MULTIZONE_GLOBAL_KDS_ZONE_HEALTH_CHECK_TIMEOUT', 0],
  ['koguma.multizone.global.kds.heartbeatInterval', 'KOGUMA_MULTIZONE_GLOBAL_KDS_HEARTBEAT_INTERVAL', 5_000],
  ['multizone.global.kds.tlsEnabled', 'KUMA_MULTIZONE_GLOBAL_KDS_TLS_ENABLED', true],
  ['multizone.global.kds.tlsCertFile', 'KUMA_MULTIZONE_GLOBAL_KDS_TLS_CERT_FILE', ''],
  ['multizone.global.kds.tlsKeyFile', 'KUMA_MULTIZONE_GLOBAL_KDS_TLS_KEY_FILE', ''],
  ['multizone.global.kds.tlsMinVersion', 'KUMA_MULTIZONE_GLOBAL_KDS_TLS_MIN_VERSION', ''],
  ['multizone.global.kds.tlsMaxVersion', 'KUMA_MULTIZONE_GLOBAL_KDS_TLS_MAX_VERSION', ''],
  ['multizone.global.kds.tlsCipherSuites', 'KUMA_MULTIZONE_GLOBAL_KDS_TLS_CIPHER_SUITES', []],
  ['koguma.multizone.global.kds.interface', 'KOGUMA_MULTIZONE_GLOBAL_KDS_INTERFACE', '127.0.0.1'],
  ['koguma.multizone.global.kds.maxConnections', 'KOGUMA_MULTIZONE_GLOBAL_KDS_MAX_CONNECTIONS', 5_000],
  ['koguma.multizone.global.kds.idleTimeout', 'KOGUMA_MULTIZONE_GLOBAL_KDS_IDLE_TIMEOUT', 30_000],
  ['koguma.multizone.global.kds.authType', 'KOGUMA_MULTIZONE_GLOBAL_KDS_AUTH_TYPE', 'none'],
  ['multizone.zone.name', 'KUMA_MULTIZONE_ZONE_NAME', 'default'],
  ['multizone.zone.globalAddress', 'KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS', ''],
  ['multizone.zone.kds.maxMsgSize', 'KUMA_MULTIZONE_ZONE_KDS_MAX_MSG_SIZE', 10_485_760],
  ['multizone.zone.kds.rootCaFile', 'KUMA_MULTIZONE_ZONE_KDS_ROOT_CA_FILE', ''],
  ['multizone.zone.kds.tlsSkipVerify', 'KUMA_MULTIZONE_ZONE_KDS_TLS_SKIP_VERIFY', false],
  ['koguma.multizone.zone.kds.tokenFile', 'KOGUMA_MULTIZONE_ZONE_KDS_TOKEN_FILE', ''],
  ['koguma.multizone.zone.reconnect.base', 'KOGUMA_MULTIZONE_ZONE_RECONNECT_BASE', 250],
  ['koguma.multizone.zone.reconnect.max', 'KOGUMA_MULTIZONE_ZONE_RECONNECT_MAX', 60_000],
  ['koguma.multizone.zone.adoptClusterId', 'KOGUMA_MULTIZONE_ZONE_ADOPT_CLUSTER_ID', ''],
  ['diagnostics.serverPort', 'KUMA_DIAGNOSTICS_SERVER_PORT', 5680],
  ['koguma.diagnostics.interface', 'KOGUMA_DIAGNOSTICS_INTERFACE', '127.0.0.1'],
  ['defaults.skipMeshCreation', 'KUMA_DEFAULTS_SKIP_MESH_CREATION', false],
  ['koguma.lab', 'KOGUMA_LAB', false],
  ['koguma.log.level', 'KOGUMA_LOG_LEVEL', 'info'],
];

/** Everything that is said against a configuration. */
function refused(sources: ConfigSources): readonly Violation[] {
  try {
    loadConfig(sources);
  } catch (error) {
    if (!(error instanceof ControlPlaneError)) throw error;
    expect(error.code).toBe('invalid');
    expect(error.message).not.toContain('\n');
    for (const { field, reason } of error.violations) expect(error.message).toContain(`${field}: ${reason}`);
    return error.violations;
  }
  return [];
}

const zone = (env: Env) => loadConfig({ role: 'zone', env });
const global = (env: Env) => loadConfig({ role: 'global', env });

describe('defaults', () => {
  it('are listed here, one for each setting', () => {
    expect(DEFAULTS.map(([path]) => path)).toEqual(Object.keys(SETTINGS));
  });

  it.each(DEFAULTS)('%s, or %s, is %j (zone: %j)', (path, env, onGlobal, onZone = onGlobal) => {
    const row: Setting<Value> = SETTINGS[path as Path];
    expect(row.yamlOnly ? undefined : (row.env ?? envName(path))).toBe(env);
    expect(valueAt(global({}).config, path)).toEqual(onGlobal);
    expect(valueAt(zone({}).config, path)).toEqual(onZone);
  });

  it.each<Role>(['global', 'zone'])('start a %s control plane without a warning', (role) => {
    expect(loadConfig({ role, env: {} }).warnings).toEqual([]);
  });

  it('keep the database in the work directory', () => {
    expect(zone({ KUMA_GENERAL_WORK_DIR: '/var/koguma' }).config.koguma.store.sqlite.path).toBe('/var/koguma/zone.db');
  });
});

describe('values', () => {
  it.each<[name: string, value: string, allowed: string]>([
    ['KUMA_API_SERVER_HTTP_PORT', '65536', 'allowed: a whole number from 0 to 65535'],
    ['KUMA_API_SERVER_HTTP_PORT', '-1', 'allowed: a whole number from 0 to 65535'],
    ['KUMA_API_SERVER_HTTP_PORT', '80.5', 'allowed: a whole number from 0 to 65535'],
    ['KUMA_API_SERVER_HTTP_PORT', '', 'allowed: a whole number from 0 to 65535'],
    ['KUMA_API_SERVER_HTTP_PORT', 'http', 'allowed: a whole number from 0 to 65535'],
    ['KOGUMA_HTTP_MAX_BODY_SIZE', '0', 'allowed: a whole number from 1 to 4294967295'],
    ['KOGUMA_HTTP_MAX_BODY_SIZE', '16MiB', 'allowed: a whole number from 1 to 4294967295'],
    ['KUMA_STORE_UNSAFE_DELETE', 'yes', 'allowed: true or false'],
    ['KUMA_STORE_UNSAFE_DELETE', 'tRuE', 'allowed: true or false'],
    ['KUMA_STORE_UNSAFE_DELETE', '', 'allowed: true or false'],
    ['KUMA_GENERAL_WORK_DIR', '', 'allowed: a path'],
    ['KUMA_API_SERVER_HTTP_INTERFACE', 'eth0', 'allowed: an IP address of this machine, or localhost'],
    ['KUMA_API_SERVER_HTTP_INTERFACE', '', 'allowed: an IP address of this machine, or localhost'],
    ['KOGUMA_LOG_LEVEL', 'trace', 'allowed: debug, info, warn, error'],
    ['KOGUMA_LOG_LEVEL', 'constructor', 'allowed: debug, info, warn, error'],
    ['KUMA_MODE', 'remote', 'allowed: global, zone, standalone'],
    ['KUMA_ENVIRONMENT', 'kubernetes', 'not supported yet; allowed: universal'],
    ['KUMA_STORE_TYPE', 'kubernetes', 'not supported yet; allowed: memory, sqlite, postgres'],
    ['KUMA_STORE_TYPE', 'etcd', 'allowed: memory, sqlite, postgres'],
    ['KUMA_STORE_POSTGRES_PORT', '0', 'allowed: a whole number from 1 to 65535'],
    ['KUMA_STORE_POSTGRES_MAX_OPEN_CONNECTIONS', '0', 'allowed: a whole number from 1 to 1000'],
    ['KUMA_STORE_POSTGRES_CONNECTION_TIMEOUT', '5s', 'allowed: a whole number from 1 to 3600'],
    ['KUMA_STORE_POSTGRES_TLS_MODE', 'require', 'allowed: disable, verifyNone, verifyCa, verifyFull'],
    ['KUMA_STORE_POSTGRES_DB_NAME', '', 'allowed: a name'],
    ...['', 'a b', 'postgres://db'].map((value): [string, string, string] => [
      'KUMA_STORE_POSTGRES_HOST',
      value,
      'allowed: a host name, an IP address, or the folder of a Unix socket',
    ]),
    ['KUMA_API_SERVER_AUTHN_TYPE', 'basic', 'allowed: tokens, adminClientCerts'],
    ['KUMA_GENERAL_TLS_MIN_VERSION', 'TLSv1_1', 'it is too old to be safe; allowed: TLSv1_2, TLSv1_3'],
    ['KUMA_API_SERVER_HTTPS_TLS_MIN_VERSION', 'TLSv1_0', 'it is too old to be safe; allowed: TLSv1_2, TLSv1_3'],
    ['KUMA_GENERAL_TLS_MAX_VERSION', 'TLSv1.3', 'allowed: TLSv1_2, TLSv1_3'],
    [
      'KUMA_GENERAL_TLS_CIPHER_SUITES',
      'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_RSA_WITH_AES_128_CBC_SHA',
      `allowed: a list of ${CIPHER_SUITES.join(', ')}`,
    ],
    ['KOGUMA_MULTIZONE_GLOBAL_KDS_AUTH_TYPE', 'cptoken', 'allowed: none, cpToken'],
    ...['10', '0', '0s', '-1s', '1d', ''].map((value): [string, string, string] => [
      'KOGUMA_MULTIZONE_ZONE_RECONNECT_BASE',
      value,
      'allowed: a duration above zero, such as 500ms, 10s or 1m30s',
    ]),
    ...['', 'East', '-a', 'a-', 'a.b', 'a_b', 'a'.repeat(64), 'a\n'].map((value): [string, string, string] => [
      'KUMA_MULTIZONE_ZONE_NAME',
      value,
      'allowed: lower-case letters, digits and inner hyphens, at most 63 (RFC 1123)',
    ]),
    ...['host:5685', 'http://host:5685', 'grpc://host', 'grpc://:5685', 'grpc://host:0', 'grpc://host:65536'].map(
      (value): [string, string, string] => [
        'KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS',
        value,
        'allowed: grpcs://HOST:PORT, grpc://HOST:PORT, or nothing for a stand-alone zone',
      ],
    ),
    ...['grpc://host:1/', 'grpc://user@host:1', 'grpc://::1:5685', 'grpc://a b:1', 'GRPC://host:1'].map(
      (value): [string, string, string] => [
        'KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS',
        value,
        'allowed: grpcs://HOST:PORT, grpc://HOST:PORT, or nothing for a stand-alone zone',
      ],
    ),
  ])('%s=%j is refused: %s', (name, value, allowed) => {
    expect(refused({ role: 'zone', env: { [name]: value } })).toEqual([
      { field: name, reason: `got ${JSON.stringify(value)}, ${allowed}` },
    ]);
  });

  it.each([
    ...['1', 't', 'T', 'true', 'TRUE', 'True'].map((value) => [value, true] as const),
    ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map((value) => [value, false] as const),
  ])('a switch reads %j as Go does', (value, on) => {
    expect(zone({ KUMA_API_SERVER_AUTHN_LOCALHOST_IS_ADMIN: value }).config.apiServer.authn.localhostIsAdmin).toBe(on);
  });

  it.each([
    ['500ms', 500],
    ['1.5s', 1_500],
    ['1m', 60_000],
    ['1us', 0.001],
  ])('a duration reads %j as %d ms', (value, ms) => {
    expect(zone({ KOGUMA_MULTIZONE_ZONE_RECONNECT_BASE: value }).config.koguma.multizone.zone.reconnect.base).toBe(ms);
  });

  it.each([
    ['a', ['a']],
    ['a, b ,c', ['a', 'b', 'c']],
    ['', []],
    [' , ', []],
  ])('a list reads %j from the environment', (value, names) => {
    const { config } = zone({ KUMA_ACCESS_STATIC_GENERATE_DP_TOKEN_GROUPS: value });
    expect(config.access.static.generateDpToken.groups).toEqual(names);
  });

  it.each([
    '',
    'grpc://global:5685',
    'grpc://10.0.0.1:1',
    'grpc://[::1]:65535',
    'grpc://my_svc.ns.svc:5685',
    'grpcs://global:5685',
  ])('global is found at %j', (address) => {
    const { config } = zone({ KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: address });
    expect(config.multizone.zone.globalAddress).toBe(address);
  });
});

describe('maskConfig', () => {
  it('gives plain JSON, with durations as people write them', () => {
    const shown = maskConfig(zone({ KOGUMA_MULTIZONE_ZONE_RECONNECT_BASE: '1.5s' }).config);
    expect(JSON.parse(JSON.stringify(shown))).toEqual(shown);
    expect(shown).toMatchObject({
      apiServer: { http: { port: 5681 } },
      koguma: { multizone: { zone: { reconnect: { base: '1.5s', max: '1m0s' } } } },
    });
  });

  it('does not show the password of the database', () => {
    const { config } = zone({ KUMA_STORE_POSTGRES_PASSWORD: 'hunter2' });
    expect(maskConfig(config)).toMatchObject({ store: { postgres: { user: 'kuma', password: '*****' } } });
    expect(JSON.stringify(maskConfig(config))).not.toContain('hunter2');
  });

  it.each<Role>(['global', 'zone'])('shows what, given back as YAML, is the same but for secrets: %s', (role) => {
    const env = { KOGUMA_LAB: 'true', KUMA_API_SERVER_HTTP_PORT: '0', KUMA_STORE_POSTGRES_PASSWORD: '*****' };
    const { config } = loadConfig({ role, env });
    expect(loadConfig({ role, yaml: stringify(maskConfig(config)), env: {} })).toEqual({ config, warnings: [] });
  });
});
