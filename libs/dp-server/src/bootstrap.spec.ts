import { describe, expect, it } from 'vitest';
import { BootstrapServer } from './bootstrap.js';
import type { DpServerSettings } from './settings.js';
import { dataplane, type ZoneUnderTest, zoneUnderTest } from './zone-under-test.contract.js';

const WEB = dataplane('web-1');
const CA = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----';

interface ReadBootstrap {
  node: { id: string; cluster: string; metadata: Record<string, unknown> };
  admin?: { address: { socketAddress: { portValue: number } } };
  dynamicResources: { adsConfig: { grpcServices: [Record<string, unknown>] } };
  staticResources: { clusters: [Record<string, never>] };
}

async function bootstrapped(settings: Partial<DpServerSettings> = {}) {
  const zone = await zoneUnderTest(settings);
  const server = new BootstrapServer({
    admission: zone.dp.admission,
    settings: zone.settings,
    certificate: { authority: () => 'OUR CA', isFor: (host) => ['localhost', '10.1.1.1', '::1'].includes(host) },
    port: () => 5678,
  });
  const ask = async (body: object, host = 'localhost:5678') => {
    const { envoy, kumaSidecarConfiguration } = await server.answer({ body, host });
    return { envoy: envoy as unknown as ReadBootstrap, kumaSidecarConfiguration };
  };
  return { zone, ask, token: await meshToken(zone) };
}

const meshToken = (zone: ZoneUnderTest, more: object = {}) => zone.issue('dataplane', { mesh: 'default', ...more });
const request = (more: object = {}) => ({
  mesh: 'default',
  name: 'web-1',
  proxyType: 'dataplane',
  dataplaneResource: JSON.stringify(WEB),
  ...more,
});

describe('a bootstrap', () => {
  it('tells Envoy who it is, where its control plane is, and what to show there', async () => {
    const { ask, token } = await bootstrapped();
    const version = { kumaDp: { version: '2.8.8' } };
    const { envoy, kumaSidecarConfiguration } = await ask(request({ dataplaneToken: token, caCert: CA, version }));
    expect(envoy.node).toEqual({
      id: 'default.web-1',
      cluster: 'web',
      metadata: {
        'dataplane.proxyType': 'dataplane',
        'dataplane.admin.port': '9901',
        'dataplane.resource': JSON.stringify(WEB),
        version,
      },
    });
    expect(envoy.dynamicResources.adsConfig.grpcServices).toEqual([
      { envoyGrpc: { clusterName: 'ads_cluster' }, initialMetadata: [{ key: 'authorization', value: token }] },
    ]);
    const cluster = JSON.stringify(envoy.staticResources.clusters);
    expect(cluster).toContain('{"socketAddress":{"address":"localhost","portValue":5678}}');
    expect(cluster).toContain(`"trustedCa":{"inlineString":${JSON.stringify(CA)}}`);
    expect(cluster).toContain('{"sanType":"DNS","matcher":{"exact":"localhost"}}');
    expect(kumaSidecarConfiguration).toEqual({
      networking: { address: '10.0.0.1', corefileTemplate: null },
      metrics: { aggregate: [] },
    });
  });

  it('stores nothing', async () => {
    const { zone, ask, token } = await bootstrapped();
    const before = zone.view.revision.n;
    await ask(request({ dataplaneToken: token }));
    expect(zone.view.revision.n).toBe(before);
  });

  it('believes this control plane’s own authority when the proxy brings none', async () => {
    const { ask, token } = await bootstrapped();
    const { envoy } = await ask(request({ dataplaneToken: token }));
    expect(JSON.stringify(envoy)).toContain('"trustedCa":{"inlineString":"OUR CA"}');
  });

  it('is for what is stored, when the proxy brings nothing', async () => {
    const { zone, ask, token } = await bootstrapped();
    const asked = () => ask({ mesh: 'default', name: 'web-1', dataplaneToken: token });
    await expect(asked()).rejects.toMatchObject({ code: 'not_found' });
    await zone.putDataplane('web-1', { networking: { ...WEB.networking, admin: { port: 7777 } } });
    const { envoy } = await asked();
    expect(envoy.node).toMatchObject({ cluster: 'web', metadata: { 'dataplane.admin.port': '7777' } });
    expect(envoy.admin?.address.socketAddress.portValue).toBe(7777);
    expect(envoy.node.metadata).not.toHaveProperty('dataplane.resource');
  });

  it('is for zone proxies, too', async () => {
    const { zone, ask } = await bootstrapped();
    const resource = { type: 'ZoneIngress', name: 'in-1', networking: { address: '10.0.0.1', port: 10_001 } };
    const order = { name: 'in-1', mesh: 'default', proxyType: 'ingress', dataplaneResource: JSON.stringify(resource) };
    for (const token of [
      await zone.issue('zone-ingress', { zone: 'east' }),
      await zone.issue('zone', { zone: 'east', scope: ['ingress'] }),
    ]) {
      const { envoy } = await ask({ ...order, dataplaneToken: token });
      expect(envoy.node).toMatchObject({ id: '.in-1', cluster: 'ingress' });
    }
    const west = await zone.issue('zone-ingress', { zone: 'west' });
    await expect(ask({ ...order, dataplaneToken: west })).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it.each([
    ['10.1.1.1:5678', '"type":"STATIC"', '{"sanType":"IP_ADDRESS","matcher":{"exact":"10.1.1.1"}}'],
    ['[::1]:5678', '"address":"::1"', '{"sanType":"IP_ADDRESS","matcher":{"exact":"::1"}}'],
    ['localhost', '"type":"STRICT_DNS"', '"sni":"localhost"'],
  ])('sends Envoy to where the proxy itself came: %s', async (host, ...parts) => {
    const { ask, token } = await bootstrapped();
    const { envoy } = await ask(request({ dataplaneToken: token }), host);
    for (const part of parts) expect(JSON.stringify(envoy.staticResources)).toContain(part);
  });

  it('sends Envoy where the settings say', async () => {
    const { ask, token } = await bootstrapped({ bootstrap: { xdsHost: 'cp.example', xdsPort: 443, adminPort: 0 } });
    const { envoy } = await ask(request({ dataplaneToken: token }), 'elsewhere:5678');
    expect(JSON.stringify(envoy.staticResources)).toContain('{"address":"cp.example","portValue":443}');
    expect(envoy).not.toHaveProperty('admin');
  });

  it('has the token read from its file when tokens are reloadable, and only then', async () => {
    const order = { dataplaneTokenPath: '/run/token' };
    const plain = await bootstrapped();
    const inline = await plain.ask(request({ ...order, dataplaneToken: plain.token }));
    expect(JSON.stringify(inline.envoy)).not.toContain('/run/token');

    const { ask, token } = await bootstrapped({ reloadableTokens: true });
    const { envoy } = await ask(request({ ...order, dataplaneToken: token }));
    const text = JSON.stringify(envoy.dynamicResources.adsConfig);
    expect(text).toContain('"secretData":{"filename":"/run/token"}');
    expect(text).not.toContain(token);
    await ask(request(order));
  });

  it('tells who shows no token yet nothing of what is stored', async () => {
    const { zone, ask } = await bootstrapped({ reloadableTokens: true });
    await zone.putDataplane('web-1', { networking: { ...WEB.networking, admin: { port: 7777 } } });
    const order = { mesh: 'default', proxyType: 'dataplane', dataplaneTokenPath: '/run/token' };
    const [known, unknown] = [await ask({ ...order, name: 'web-1' }), await ask({ ...order, name: 'web-2' })];
    expect(known.kumaSidecarConfiguration).toEqual(unknown.kumaSidecarConfiguration);
    expect(JSON.stringify(known.envoy).replaceAll('web-1', 'web-2')).toBe(JSON.stringify(unknown.envoy));
  });

  it('needs no token where nobody is asked for one', async () => {
    const { ask } = await bootstrapped({ dpProxy: 'none' });
    const { envoy } = await ask(request());
    expect(envoy.dynamicResources.adsConfig.grpcServices).toEqual([{ envoyGrpc: { clusterName: 'ads_cluster' } }]);
  });
});

describe('a bootstrap is refused', () => {
  it.each([{}, { dataplaneToken: '' }, { dataplaneTokenPath: '/run/token' }])('without a token: %j', async (more) => {
    const { ask } = await bootstrapped();
    await expect(ask(request(more))).rejects.toMatchObject({
      code: 'invalid',
      violations: [{ reason: expect.stringMatching(/^Dataplane Token is required\. Generate token using/) }],
    });
  });

  it.each<[string, object, string]>([
    ['a token of another name', { name: 'web-2' }, 'the token is for proxy "web-2"'],
    ['a token for other tags', { tags: { 'kuma.io/service': ['db'] } }, 'with value "web"'],
  ])('with %s, and told why', async (_, body, told) => {
    const { zone, ask } = await bootstrapped();
    const dataplaneToken = await meshToken(zone, body);
    await expect(ask(request({ dataplaneToken }))).rejects.toMatchObject({
      code: 'unauthenticated',
      message: expect.stringContaining(told),
    });
  });

  it('with a token that nobody signed here, and not told why; the log is', async () => {
    const { zone, ask, token } = await bootstrapped();
    const forged = `${token.slice(0, -20)}AAAAAAAAAAAAAAAAAAAA`;
    for (const dataplaneToken of [forged, 'x.y.z', `Bearer ${token}`]) {
      await expect(ask(request({ dataplaneToken }))).rejects.toMatchObject({
        code: 'unauthenticated',
        message: 'authentication failed: the token is not good here',
      });
    }
    const reasons = zone.logged
      .filter(({ message }) => message === 'refused a proxy')
      .map(({ fields }) => fields?.reason);
    expect(reasons).toEqual([
      expect.stringContaining('bad_signature'),
      expect.stringContaining('malformed'),
      expect.stringContaining('malformed'),
    ]);
    expect(JSON.stringify(zone.logged)).not.toContain(token.slice(0, -20));
  });

  it.each<[object, string]>([
    [{ proxyType: 'gateway' }, 'proxyType'],
    [{ mesh: '' }, 'mesh'],
    [{ name: 7 }, 'name'],
    [{ name: '' }, 'name'],
    [
      { dataplaneResource: JSON.stringify({ ...WEB, networking: { address: '' } }) },
      'dataplaneResource.networking.address',
    ],
    [{ dataplaneResource: JSON.stringify({ ...WEB, name: 'web-2' }) }, 'dataplaneResource.name'],
  ])('when something is wrong with it: %j', async (more, field) => {
    const { ask, token } = await bootstrapped();
    await expect(ask(request({ dataplaneToken: token, ...more }))).rejects.toMatchObject({
      code: 'invalid',
      violations: [{ field }],
    });
  });

  it.each<[object, string, string]>([
    [{ caCert: 'PRIVATE' }, 'localhost', 'caCert is not a certificate in PEM'],
    [{ dataplaneResource: 'networking: {}' }, 'localhost', 'dataplaneResource is not JSON'],
    [{}, 'evil.example:5678', '"evil.example" is not in the certificate of this control plane'],
  ])('when it cannot work: %j, at %s', async (more, host, told) => {
    const { ask, token } = await bootstrapped();
    await expect(ask(request({ dataplaneToken: token, ...more }), host)).rejects.toMatchObject({
      code: 'malformed',
      message: expect.stringContaining(told),
    });
  });
});
