import { type ControlPlaneClient, startStandalone, startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ENVOY } from '../peer/envoy-protos.js';
import { dataplane, Proxies, send, sendOverHttp2, zoneProxy } from './proxy-lab.js';

const UNAUTHENTICATED = 16;
const HTTP = { 'kuma.io/service': 'web', 'kuma.io/protocol': 'http' };
const TCP = { 'kuma.io/service': 'web-admin' };
const JSON_TYPE = { 'content-type': 'application/json', accept: 'application/json' };

interface Overview {
  readonly dataplaneInsight?: object;
}

let lab: WiredLab;
const proxies = new Proxies(() => lab);
beforeAll(async () => {
  lab = await startWiredLab();
  await lab.global.createMesh('payments');
  await lab.synced();
});
afterEach(() => proxies.closeAll());
afterAll(() => lab.stop());

const east = () => lab.zone('east');
const meshToken = (more: object = {}) => east().issue('dataplane', { mesh: 'default', ...more });
const bootstrap = async (more: object = {}) => {
  const resource = dataplane('web-1', HTTP);
  return {
    mesh: 'default',
    name: 'web-1',
    proxyType: 'dataplane',
    dataplaneResource: JSON.stringify(resource),
    dataplaneToken: await meshToken(),
    ...more,
  };
};

describe('a proxy that connects to its zone', () => {
  it.each(['state of the world', 'incremental'] as const)(
    'gets what Envoy needs to serve its inbounds: %s',
    async (dialect) => {
      const envoy = await proxies.connected('east', await meshToken(), dataplane('web-1', HTTP, TCP), { dialect });
      expect([...envoy.has('cds').keys()]).toEqual(['localhost:80', 'localhost:81']);
      expect([...envoy.has('eds').keys()]).toEqual(['localhost:80', 'localhost:81']);
      expect(envoy.has('lds').get('inbound:10.0.0.1:8081')).toMatchObject({
        address: { socketAddress: { address: '10.0.0.1', portValue: 8081 } },
        filterChains: [{ filters: [{ typedConfig: { cluster: 'localhost:81' } }] }],
        trafficDirection: 'INBOUND',
      });
      expect([...envoy.has('rds').values()]).toMatchObject([
        {
          name: 'inbound:10.0.0.1:8080',
          virtualHosts: [{ domains: ['*'], routes: [{ route: { cluster: 'localhost:80' } }] }],
        },
      ]);
    },
  );

  it('is seen in the zone, and on global', async () => {
    await proxies.connected('east', await meshToken(), dataplane('seen-1', HTTP));
    expect((await east().get('/meshes/default/dataplanes/seen-1')).status).toBe(200);
    const path = '/meshes/default/dataplanes/_overview?name=seen-1';
    const overview = async (node: ControlPlaneClient) => (await node.get<{ items: Overview[] }>(path)).body.items[0];
    for (const node of [east(), lab.global]) {
      await lab.until(async () => (await overview(node))?.dataplaneInsight !== undefined, 'it is known');
      expect(await overview(node)).toMatchObject({
        dataplaneInsight: {
          subscriptions: [{ controlPlaneInstanceId: east().served.instanceId, connectTime: expect.any(String) }],
          metadata: { credential: { kind: 'dataplane', kid: '1', expiresAt: expect.any(String) } },
        },
      });
    }
  });

  it.each(['state of the world', 'incremental'] as const)(
    'gets what is new when the stored dataplane changes: %s',
    async (dialect) => {
      const envoy = await proxies.connected('east', await meshToken(), dataplane('web-2', HTTP), { dialect });
      const { status } = await east().call('PUT', '/meshes/default/dataplanes/web-2', dataplane('web-2', HTTP, TCP));
      expect(status).toBe(200);
      await lab.until(() => envoy.has('lds').has('inbound:10.0.0.1:8081') && envoy.isReady, 'the new inbound has come');
      await east().call('PUT', '/meshes/default/dataplanes/web-2', dataplane('web-2', TCP));
      await lab.until(() => envoy.has('lds').size === 1 && envoy.has('cds').size === 1, 'the old one has gone');
      expect(envoy.end).toBeUndefined();
    },
  );

  it('keeps what it has when it refuses something, and is offered the next change', async () => {
    const objection = (type: string, all: readonly object[]) => (type === 'lds' && all.length === 2 ? 'no' : undefined);
    const envoy = await proxies.connected('east', await meshToken(), dataplane('web-3', HTTP), { objection });
    await east().call('PUT', '/meshes/default/dataplanes/web-3', dataplane('web-3', HTTP, TCP));
    await lab.until(() => envoy.responses.at(-1)?.resources.length === 2, 'it was offered two listeners');
    await east().call('PUT', '/meshes/default/dataplanes/web-3', dataplane('web-3', HTTP, TCP, TCP));
    await lab.until(() => envoy.has('lds').size === 3, 'it has three');
    expect(envoy.end).toBeUndefined();
  });

  it.each([
    ['ingress', 'ZoneIngress', 'zone-ingress', { zone: 'east' }],
    ['ingress', 'ZoneIngress', 'zone', { zone: 'east', scope: ['ingress'] }],
    ['egress', 'ZoneEgress', 'zone', { zone: 'east', scope: ['egress'] }],
  ] as const)('may be an %s (%s), with a %s token for %j', async (type, resource, kind, body) => {
    const issuer = kind === 'zone' ? lab.global : east();
    const token = await issuer.issue(kind, body);
    const brings = zoneProxy(resource, 'proxy-1');
    const envoy = await proxies.connected('east', token, brings, { id: '.proxy-1', type });
    expect([envoy.has('cds').size, envoy.has('lds').size]).toEqual([0, 0]);
    await proxies.endOf(proxies.start('west', token, brings, { id: '.proxy-1', type })).then(({ code, details }) => {
      expect([code, details]).toEqual([
        UNAUTHENTICATED,
        'authentication failed: the token is for zone "east", not for "west"',
      ]);
    });
  });

  it('proves itself with the raw token: a scheme in front, or none, is refused', async () => {
    const token = await meshToken();
    const web = dataplane('web-4');
    const end = async (options: object) => proxies.endOf(proxies.start('east', '', web, options));
    const notGood = { code: UNAUTHENTICATED, details: 'authentication failed: the token is not good here' };
    expect(await end({ token: `Bearer ${token}` })).toEqual(notGood);
    expect(await end({ token: undefined })).toEqual(notGood);
  });

  it('is refused with a token of another mesh’s key, also when it says the right mesh', async () => {
    const token = await east().issue('dataplane', { mesh: 'payments' });
    expect(await proxies.endOf(proxies.start('east', token, dataplane('web-5')))).toMatchObject({
      code: UNAUTHENTICATED,
    });
  });

  it('is refused by a mesh that does not take its like', async () => {
    const constraints = { dataplaneProxy: { requirements: [{ tags: { team: 'shop' } }] } };
    await lab.global.call('PUT', '/meshes/payments', { type: 'Mesh', name: 'payments', constraints });
    await lab.synced();
    const token = await east().issue('dataplane', { mesh: 'payments' });
    const inMesh = (name: string, tags: object) => ({ ...dataplane(name, { ...HTTP, ...tags }), mesh: 'payments' });
    const { code, details } = await proxies.endOf(proxies.start('east', token, inMesh('pay-1', {})));
    expect([code, details]).toEqual([7, expect.stringContaining('does not take this dataplane')]);
    await proxies.connected('east', token, inMesh('pay-2', { team: 'shop' }));
  });
});

describe('the boundary of a token, as the documents draw it', () => {
  const S = 'kuma.io/service';
  const backend = dataplane('dp-echo-1', { [S]: 'backend' });
  const both = dataplane('dp-echo-1', { [S]: 'backend' }, { [S]: 'backend-admin' });
  const other = dataplane('dp-echo-2', { [S]: 'backend' });
  const rows: [string, string, object, object, boolean][] = [
    ['only the mesh', 'any proxy of that mesh', {}, both, true],
    ['mesh and tags', 'a replica of the service', { tags: { [S]: ['backend'] } }, other, true],
    [
      'mesh and tags',
      'a proxy with two inbounds, when both services are named',
      { tags: { [S]: ['backend', 'backend-admin'] } },
      both,
      true,
    ],
    [
      'mesh and tags',
      'a proxy with two inbounds, when one service is missing',
      { tags: { [S]: ['backend'] } },
      both,
      false,
    ],
    ['mesh and tags', 'a proxy of another service', { tags: { [S]: ['web'] } }, backend, false],
    [
      'mesh, name and tags',
      'the one instance',
      { name: 'dp-echo-1', tags: { [S]: ['backend', 'backend-admin'] } },
      both,
      true,
    ],
    [
      'mesh, name and tags',
      'another instance of the service',
      { name: 'dp-echo-1', tags: { [S]: ['backend'] } },
      other,
      false,
    ],
  ];
  it.each(rows)('with %s: %s', async (_, __, body, resource, fits) => {
    const token = await meshToken(body);
    const { name } = resource as { name: string };
    const order = await bootstrap({ name, dataplaneResource: JSON.stringify(resource), dataplaneToken: token });
    const { status } = await send(proxies.portOf('east'), '/bootstrap', JSON.stringify(order), JSON_TYPE);
    expect(status).toBe(fits ? 200 : 401);
    const envoy = proxies.start('east', token, resource as { name: string });
    await lab.until(() => envoy.isReady || envoy.end !== undefined, 'it was let in or refused');
    expect(envoy.end?.code).toBe(fits ? undefined : UNAUTHENTICATED);
  });
});

describe('a bootstrap over the wire', () => {
  it.each([
    ['HTTP/1.1', send],
    ['HTTP/2', sendOverHttp2],
  ])('is answered on the port of gRPC, by %s: JSON for kuma-dp, YAML for people', async (_, ask) => {
    const order = JSON.stringify(await bootstrap());
    const json = await ask(proxies.portOf('east'), '/bootstrap', order, JSON_TYPE);
    expect([json.status, json.type]).toEqual([200, 'application/json']);
    const body = JSON.parse(json.text) as { bootstrap: string; kumaSidecarConfiguration: object };
    expect(body.kumaSidecarConfiguration).toMatchObject({ networking: { address: '10.0.0.1' } });
    const yaml = await ask(proxies.portOf('east'), '/bootstrap', order, { 'content-type': 'application/json' });
    expect([yaml.status, yaml.type]).toEqual([200, 'text/x-yaml']);
    expect(parse(Buffer.from(body.bootstrap, 'base64').toString())).toMatchObject({ node: { id: 'default.web-1' } });
    expect(parse(yaml.text)).toMatchObject({ node: { id: 'default.web-1' } });
  });

  it.each([{}, { dataplaneTokenPath: '/token' }])('holds nothing that Envoy does not know: %j', async (more) => {
    const zone = await startStandalone({ KUMA_DP_SERVER_AUTH_USE_TOKEN_PATH: 'true' });
    const dataplaneToken = await zone.issue('dataplane', { mesh: 'default' });
    const order = JSON.stringify(await bootstrap({ dataplaneToken, ...more }));
    const { text } = await send(zone.served.ports.dp, '/bootstrap', order);
    await zone.stop();
    expect(strangersIn('envoy.config.bootstrap.v3.Bootstrap', parse(text))).toEqual([]);
  });

  it.each<[object, number, string]>([
    [{ dataplaneToken: '' }, 422, 'Dataplane Token is required. Generate token using'],
    [{ dataplaneToken: 'x.y.z' }, 401, 'authentication failed: the token is not good here'],
    [{ dataplaneResource: '{}' }, 422, 'cannot be empty'],
    [{ dataplaneResource: '', name: 'nobody' }, 404, ''],
    [{ mesh: 'nowhere', dataplaneResource: '' }, 401, 'authentication failed: the token is not good here'],
    [{ caCert: 'x' }, 400, 'caCert is not a certificate in PEM'],
  ])('is refused as kuma-dp expects it: %j', async (more, status, told) => {
    const answer = await send(proxies.portOf('east'), '/bootstrap', JSON.stringify(await bootstrap(more)), JSON_TYPE);
    expect(answer).toMatchObject({ status, text: expect.stringContaining(told) });
    expect(answer.text === '').toBe(told === '');
  });

  it.each([
    ['/bootstrap', 'not JSON', 400],
    ['/bootstrap', '', 400],
    ['/bootstrap', '[]', 422],
    ['/', '{}', 404],
    ['/bootstrap', 'x'.repeat(2_000_000), 413],
  ])('has its own status for each kind of nonsense: %s with %.9j is %i', async (path, body, status) => {
    for (const ask of [send, sendOverHttp2])
      expect((await ask(proxies.portOf('east'), path, body, { 'content-type': 'x/y' })).status).toBe(status);
  });
});

/** What a message has that its definition does not. */
function strangersIn(name: string, value: unknown, at = ''): string[] {
  const type = ENVOY.lookupType(name);
  return Object.entries(value as Record<string, unknown>).flatMap(([member, content]) => {
    if (member === '@type') return [];
    const field = type.fields[member];
    if (!field) return [`${at}.${member}`];
    const inner = field.resolve().resolvedType;
    if (!inner || !('fields' in inner) || inner.fullName === '.google.protobuf.Struct') return [];
    const all = field.map ? Object.values(content as object) : field.repeated ? (content as unknown[]) : [content];
    return all.flatMap((one) => {
      const packed = (one as { '@type'?: string })['@type'];
      if (inner.fullName === '.google.protobuf.Duration') return [];
      const its =
        inner.fullName === '.google.protobuf.Any'
          ? (packed ?? '').slice('type.googleapis.com/'.length)
          : inner.fullName;
      return strangersIn(its, one, `${at}.${member}`);
    });
  });
}
