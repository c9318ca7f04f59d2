import { describe, expect, it } from 'vitest';
import { ControlPlaneError } from '../errors.js';
import { loadConfig } from './config.js';
import type { Role } from './table.js';

type Env = Readonly<Record<string, string>>;

const EXPOSED = { KOGUMA_MULTIZONE_GLOBAL_KDS_INTERFACE: '0.0.0.0' };

/** What is said against an environment, one sentence a violation. */
function refused(role: Role, env: Env): string[] {
  try {
    loadConfig({ role, env });
    return [];
  } catch (error) {
    return ControlPlaneError.from(error).violations.map(({ field, reason }) => `${field}: ${reason}`);
  }
}

const warned = (role: Role, env: Env) => loadConfig({ role, env }).warnings;

describe('mode', () => {
  it.each<[Role, string]>([
    ['global', 'global'],
    ['zone', 'zone'],
    ['zone', 'standalone'],
  ])('of a %s control plane may be %s', (role, mode) => {
    expect(loadConfig({ role, env: { KUMA_MODE: mode } }).config.mode).toBe(role);
  });

  it.each<[Role, string]>([
    ['global', 'zone'],
    ['global', 'standalone'],
    ['zone', 'global'],
  ])('of a %s control plane may not be %s', (role, mode) => {
    expect(refused(role, { KUMA_MODE: mode })).toEqual([
      `KUMA_MODE: got "${mode}", but this is a ${role} control plane: leave it out or set it to ${role}`,
    ]);
  });

  it('standalone is warned of', () => {
    expect(warned('zone', { KUMA_MODE: 'standalone' })).toEqual([
      'KUMA_MODE "standalone" is an old word for a zone without a global address; use "zone"',
    ]);
  });

  it('standalone has no global address', () => {
    const env = { KUMA_MODE: 'standalone', KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: 'grpc://global:5685' };
    expect(refused('zone', env)).toEqual([
      'KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: got "grpc://global:5685", but KUMA_MODE "standalone" is a zone without one: leave one of them out',
    ]);
  });
});

describe('ports', () => {
  it.each<[Role, Env, string]>([
    [
      'zone',
      { KUMA_API_SERVER_HTTP_PORT: '7000', KUMA_DIAGNOSTICS_SERVER_PORT: '7000' },
      'KUMA_DIAGNOSTICS_SERVER_PORT: got "7000", which is the port of KUMA_API_SERVER_HTTP_PORT too: give each its own',
    ],
    [
      'zone',
      { KUMA_API_SERVER_HTTP_PORT: '5680' },
      'KUMA_DIAGNOSTICS_SERVER_PORT: got "5680" (the default), which is the port of KUMA_API_SERVER_HTTP_PORT too: give each its own',
    ],
    [
      'global',
      { KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT: '5681' },
      'KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT: got "5681", which is the port of KUMA_API_SERVER_HTTP_PORT too: give each its own',
    ],
  ])('are used once: %s %j', (role, env, sentence) => {
    expect(refused(role, env)).toEqual([sentence]);
  });

  it('that only global listens on do not bother a zone', () => {
    expect(refused('zone', { KUMA_API_SERVER_HTTP_PORT: '5685' })).toEqual([]);
  });

  it('may all be any free one', () => {
    expect(refused('zone', { KUMA_API_SERVER_HTTP_PORT: '0', KUMA_DIAGNOSTICS_SERVER_PORT: '0' })).toEqual([]);
  });

  it('are not compared when one of them is no port: it may be either', () => {
    const env = { KUMA_API_SERVER_HTTP_PORT: 'x', KUMA_DIAGNOSTICS_SERVER_PORT: '5681' };
    expect(refused('zone', env)).toEqual([
      'KUMA_API_SERVER_HTTP_PORT: got "x", allowed: a whole number from 0 to 65535',
    ]);
  });
});

describe('KDS beyond loopback', () => {
  const authTypeAt = (address: string) =>
    loadConfig({ role: 'global', env: { KOGUMA_MULTIZONE_GLOBAL_KDS_INTERFACE: address } }).config.koguma.multizone
      .global.kds.authType;

  it.each(['0.0.0.0', '10.0.0.1', '::', '::ffff:127.0.0.1'])(
    'is %s, where zones prove who they are, since it hands out the signing keys',
    (address) => {
      expect(authTypeAt(address)).toBe('cpToken');
    },
  );

  it.each(['127.0.0.1', '127.9.9.9', '::1', 'localhost'])('is not %s', (address) => {
    expect(authTypeAt(address)).toBe('none');
  });

  it('is warned of when everybody is let in', () => {
    expect(warned('global', EXPOSED)).toEqual([]);
    expect(warned('global', { ...EXPOSED, KOGUMA_MULTIZONE_GLOBAL_KDS_AUTH_TYPE: 'none' })).toEqual([
      'KOGUMA_MULTIZONE_GLOBAL_KDS_INTERFACE is 0.0.0.0 without auth: anyone who reaches port 5685 there is given the signing keys; KOGUMA_MULTIZONE_GLOBAL_KDS_AUTH_TYPE cpToken lets in only zones that prove who they are',
    ]);
  });

  it('does not matter on a zone, which does not serve it', () => {
    expect(warned('zone', EXPOSED)).toEqual([]);
  });
});

describe('the health check of zones', () => {
  const interval = 'KUMA_MULTIZONE_GLOBAL_KDS_ZONE_HEALTH_CHECK_POLL_INTERVAL';
  const timeout = 'KUMA_MULTIZONE_GLOBAL_KDS_ZONE_HEALTH_CHECK_TIMEOUT';

  it.each([{ [timeout]: '1m' }, { [interval]: '1m' }, { [interval]: '1m', [timeout]: '1m' }])(
    'is refused when it would cut those who call in time: %j',
    (env) => {
      expect(() => loadConfig({ role: 'global', env })).toThrow(`which must be longer than ${interval}`);
    },
  );

  it('takes a timeout that is longer than the interval', () => {
    const { config } = loadConfig({ role: 'global', env: { [interval]: '10s', [timeout]: '30s' } });
    expect(config.multizone.global.kds.zoneHealthCheck).toEqual({ pollInterval: 10_000, timeout: 30_000 });
  });
});

describe('reconnecting', () => {
  it('starts with a wait no longer than the longest', () => {
    expect(refused('zone', { KOGUMA_MULTIZONE_ZONE_RECONNECT_BASE: '2m' })).toEqual([
      'KOGUMA_MULTIZONE_ZONE_RECONNECT_BASE: got "2m", which is longer than KOGUMA_MULTIZONE_ZONE_RECONNECT_MAX: the wait grows from the one to the other',
    ]);
    expect(refused('zone', { KOGUMA_MULTIZONE_ZONE_RECONNECT_BASE: '1m' })).toEqual([]);
  });
});

describe('PostgreSQL', () => {
  const POSTGRES = { KUMA_STORE_TYPE: 'postgres' };

  it.each(['verifyCa', 'verifyFull'])('that is to be checked by %s needs an authority to check by', (mode) => {
    const env = { ...POSTGRES, KUMA_STORE_POSTGRES_TLS_MODE: mode };
    expect(refused('zone', env)).toEqual([
      `KUMA_STORE_POSTGRES_TLS_MODE: got "${mode}", which needs the certificate of an authority: set KUMA_STORE_POSTGRES_TLS_CA_PATH`,
    ]);
    expect(refused('zone', { ...env, KUMA_STORE_POSTGRES_TLS_CA_PATH: '/ca.crt' })).toEqual([]);
    expect(refused('zone', { ...env, KUMA_STORE_TYPE: 'memory' })).toEqual([]);
  });

  it('is shown a certificate together with its key', () => {
    const [cert, key] = [{ KUMA_STORE_POSTGRES_TLS_CERT_PATH: '/a' }, { KUMA_STORE_POSTGRES_TLS_KEY_PATH: '/b' }];
    expect(refused('zone', { ...POSTGRES, ...cert })).toEqual([
      'KUMA_STORE_POSTGRES_TLS_CERT_PATH: got "/a", which is of no use alone: set KUMA_STORE_POSTGRES_TLS_KEY_PATH too',
    ]);
    expect(refused('zone', { ...POSTGRES, ...key })).toEqual([
      'KUMA_STORE_POSTGRES_TLS_KEY_PATH: got "/b", which is of no use alone: set KUMA_STORE_POSTGRES_TLS_CERT_PATH too',
    ]);
    expect(refused('zone', { ...POSTGRES, ...cert, ...key })).toEqual([]);
  });

  it('beyond this machine without TLS is warned of', () => {
    const at = (host: string) => warned('zone', { ...POSTGRES, KUMA_STORE_POSTGRES_HOST: host });
    expect(at('db.internal')).toEqual([
      'signing keys go to PostgreSQL on db.internal in the clear: KUMA_STORE_POSTGRES_TLS_MODE verifyFull protects them',
    ]);
    for (const local of ['localhost', '127.0.0.1', '::1', '/var/run/postgresql']) expect(at(local)).toEqual([]);
    expect(warned('zone', { KUMA_STORE_POSTGRES_HOST: 'db.internal' })).toEqual([]);
  });

  it('on any port is none of the ports that are listened on', () => {
    expect(refused('zone', { ...POSTGRES, KUMA_STORE_POSTGRES_PORT: '5681' })).toEqual([]);
  });
});

it('nothing is said of settings that may be in a part of the file that was not understood', () => {
  const sources = { role: 'global', env: EXPOSED, yaml: 'koguma: {', yamlName: 'kuma.yaml' } as const;
  expect(() => loadConfig(sources)).toThrow(/^configuration is not valid: kuma\.yaml: line 1, column \d+: [^;]*$/);
});

it('all that is wrong is told at once, values and rules', () => {
  const env = {
    KUMA_MODE: 'zone',
    KUMA_STORE_TYPE: 'etcd',
    KUMA_API_SERVER_READ_ONLY: 'maybe',
    KUMA_API_SERVER_HTTP_PORT: '5680',
  };
  expect(refused('global', env).map((sentence) => sentence.split(':')[0])).toEqual([
    'KUMA_STORE_TYPE',
    'KUMA_API_SERVER_READ_ONLY',
    'KUMA_MODE',
    'KUMA_DIAGNOSTICS_SERVER_PORT',
  ]);
});
