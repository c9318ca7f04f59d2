import { beforeEach, describe, expect, it } from 'vitest';
import { type Column, printRows } from '../output/print.js';
import { dataplaneStatus } from './overviews.js';
import { DATAPLANE_COLUMNS, MESH_COLUMNS, ZONE_COLUMNS, ZONE_PROXY_COLUMNS } from './tables.js';

let text: string;
beforeEach(() => {
  text = '';
});

function printed<T>(columns: readonly Column<T>[], items: readonly T[]): string[] {
  printRows(columns, items, { out: { write: (more: string) => (text += more) } });
  return text.trimEnd().split('\n');
}

const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString();
const counted = (responsesSent: string, responsesRejected?: string) => ({
  total: { responsesSent, ...(responsesRejected ? { responsesRejected } : {}) },
});

describe('the table of zones', () => {
  it('looks as in Kuma: counters over all connections, the rest from the last one', () => {
    const config = '{"store":{"type":"postgres"},"environment":"universal"}';
    const version = { kumaCp: { version: '2.14.3' } };
    const zones = [
      {
        name: 'zone-1',
        zone: { enabled: true },
        zoneInsight: {
          subscriptions: [
            { connectTime: hoursAgo(9_000), disconnectTime: hoursAgo(8_000), status: counted('22', '11') },
            {
              connectTime: hoursAgo(2),
              status: { lastUpdateTime: hoursAgo(1), ...counted('20', '2') },
              version,
              config,
            },
          ],
        },
      },
      { name: 'never', zone: {}, zoneInsight: { subscriptions: [{}, {}] } },
      {
        name: 'off',
        zone: { enabled: false },
        zoneInsight: { subscriptions: [{ connectTime: hoursAgo(2), version, config: 'no JSON' }] },
      },
      {
        name: 'gone',
        zone: {},
        zoneInsight: { subscriptions: [{ connectTime: hoursAgo(2), disconnectTime: hoursAgo(1) }] },
      },
      { name: 'unknown', zone: {} },
    ];
    expect(printed(ZONE_COLUMNS, zones)).toEqual([
      'NAME      STATUS    LAST CONNECTED AGO   LAST UPDATED AGO   TOTAL UPDATES   TOTAL ERRORS   ZONE-CP VERSION   BACKEND',
      'zone-1    Online    2h                   1h                 42              13             2.14.3            postgres',
      'never     Offline   never                never              0               0',
      'off       Offline   2h                   never              0               0              2.14.3',
      'gone      Offline   2h                   never              0               0',
      'unknown   Offline   never                never              0               0',
    ]);
  });
});

describe('the table of zone proxies', () => {
  it('looks as in Kuma, and says what each has shown', () => {
    const version = { kumaDp: { version: '1.0.2' }, envoy: { version: '1.16.1' } };
    const subscriptions = [{ connectTime: hoursAgo(2), status: counted('30', '3'), version }];
    const proxies = [
      {
        name: 'ingress-1',
        zoneIngressInsight: {
          subscriptions,
          metadata: {
            credential: { kind: 'zone', kid: '2', jti: '5c1f', expiresAt: '2036-01-02T03:04:05Z' },
          },
        },
      },
      {
        name: 'egress-1',
        zoneEgressInsight: { subscriptions: [{ ...subscriptions[0], disconnectTime: hoursAgo(1) }] },
      },
    ];
    expect(printed(ZONE_PROXY_COLUMNS, proxies)).toEqual([
      'NAME        STATUS    LAST CONNECTED AGO   LAST UPDATED AGO   TOTAL UPDATES   TOTAL ERRORS   KUMA-DP VERSION   ENVOY VERSION   CREDENTIAL   KID   JTI    EXPIRES',
      'ingress-1   Online    2h                   never              30              3              1.0.2             1.16.1          zone         2     5c1f   2036-01-02 03:04:05',
      'egress-1    Offline   2h                   never              30              3              1.0.2             1.16.1          -            -     -      -',
    ]);
  });
});

describe('the table of dataplanes', () => {
  const HEADINGS =
    'MESH NAME TAGS STATUS LAST-CONNECTED-AGO LAST-UPDATED-AGO TOTAL-UPDATES TOTAL-ERRORS CERT-REGENERATED-AGO CERT-EXPIRATION CERT-REGENERATIONS CERT-BACKEND SUPPORTED-CERT-BACKENDS KUMA-DP-VERSION ENVOY-VERSION DEPENDENCIES-VERSIONS NOTES CREDENTIAL KID JTI EXPIRES';
  const version = {
    kumaDp: { version: '2.14.3' },
    envoy: { version: '1.36.0' },
    dependencies: { coredns: '1.14.6', a: '1' },
  };

  it('has the headings of Kuma, and then what the proxy has shown', () => {
    expect(DATAPLANE_COLUMNS.map(({ heading }) => heading)).toEqual(
      HEADINGS.split(' ').map((heading) => heading.replace(/(?<!KUMA)-/g, ' ')),
    );
  });

  it('shows tags, certificates, programs and what is wrong with inbounds', () => {
    const overview = {
      mesh: 'default',
      name: 'web-01',
      dataplane: {
        networking: {
          inbound: [
            { port: 8080, tags: { 'kuma.io/service': 'web' } },
            { port: 9090, tags: { 'kuma.io/service': 'web-api' }, health: {} },
          ],
        },
      },
      dataplaneInsight: {
        subscriptions: [{ connectTime: hoursAgo(2), status: counted('10'), version }],
        mTLS: {
          certificateExpirationTime: '2026-01-02T03:04:05Z',
          lastCertificateRegeneration: hoursAgo(3),
          certificateRegenerations: 10,
          issuedBackend: 'ca-1',
          supportedBackends: ['ca-1', 'ca-2'],
        },
        metadata: { credential: { kind: 'dataplane', kid: '1', jti: '4a11', expiresAt: '2026-02-03T04:05:06Z' } },
      },
    };
    expect(printed(DATAPLANE_COLUMNS, [overview])[1]?.split(/ {3,}/)).toEqual([
      ...['default', 'web-01', 'kuma.io/service=web,web-api', 'Partially degraded', '2h', 'never', '10', '0', '3h'],
      ...['2026-01-02 03:04:05', '10', 'ca-1', 'ca-1,ca-2', '2.14.3', '1.36.0', 'a: 1, coredns: 1.14.6'],
      ...['inbound[port=9090,svc=web-api] is not ready', 'dataplane', '1', '4a11', '2026-02-03 04:05:06'],
    ]);
  });

  it('says what is not known as Kuma says it', () => {
    const cellsOf = (overview: object) => {
      const named = { name: 'a', ...overview };
      return Object.fromEntries(DATAPLANE_COLUMNS.map(({ heading, cell }) => [heading, cell(named, Date.now())]));
    };
    expect(cellsOf({})).toMatchObject({
      STATUS: 'Offline',
      'CERT REGENERATED AGO': 'never',
      'CERT EXPIRATION': '-',
      'CERT REGENERATIONS': 0,
      'CERT BACKEND': '-',
      'DEPENDENCIES VERSIONS': '-',
    });
    expect(cellsOf({ dataplaneInsight: { mTLS: {} } })).toMatchObject({ 'CERT BACKEND': 'unknown' });
  });

  it.each([
    ['Online', { inbound: [{}, { health: { ready: true } }] }],
    ['Partially degraded', { inbound: [{}, { health: { ready: false } }] }],
    ['Partially degraded', { inbound: [{}, { state: 'NotReady' }] }],
    ['Offline', { inbound: [{ health: {} }] }],
    ['Offline', { inbound: [] }],
    ['Online', { gateway: {} }],
  ])('is %s when it is connected with %j', (status, networking) => {
    const overview = { name: 'a', dataplane: { networking } };
    const dataplaneInsight = { subscriptions: [{ connectTime: hoursAgo(1) }] };
    expect(dataplaneStatus({ ...overview, dataplaneInsight }).status).toBe(status);
    expect(dataplaneStatus(overview).status).toBe('Offline');
  });
});

describe('the table of meshes', () => {
  it('looks as in Kuma', () => {
    const policies = { TrafficPermission: { total: 7 }, VirtualOutbound: { total: 1 }, HealthCheck: { total: 4 } };
    const meshes = [{ name: 'default', dataplanes: { online: 90, total: 100 }, policies }, { name: 'empty' }];
    expect(printed(MESH_COLUMNS, meshes)).toEqual([
      'MESH      DATAPLANES   TRAFFIC PERMISSIONS   TRAFFIC ROUTES   CIRCUIT BREAKERS   HEALTH CHECKS   FAULT INJECTIONS   EXTERNAL SERVICES   TRAFFIC TRACES   TRAFFIC LOGS   PROXY TEMPLATES   VIRTUAL OUTBOUNDS',
      'default   90/100       7                     0                0                  4               0                  0                   0                0              0                 1',
      'empty     0/0          0                     0                0                  0               0                  0                   0                0              0                 0',
    ]);
  });
});
