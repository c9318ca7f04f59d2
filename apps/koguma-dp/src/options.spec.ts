import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ordersOf, type RunOptions } from './options.js';

const TOKEN = `${Buffer.from('{"alg":"RS256","kid":"1"}').toString('base64url')}.e30.c2ln`;
const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const DATAPLANE = `type: Dataplane\nmesh: shop\nname: '{{ name }}'\nnetworking:\n  address: {{ address }}\n`;
const folder = mkdtempSync(path.join(tmpdir(), 'koguma-dp-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string) => {
  const where = path.join(folder, name);
  writeFileSync(where, text);
  return where;
};
const [token, dp, ca] = [file('token', `${TOKEN}\n`), file('dp.yaml', DATAPLANE), file('ca.crt', PEM)];
const ingress = file('ingress.yaml', 'type: ZoneIngress\nname: in-1\nnetworking: {port: 10001}\n');
const VARS = ['name=web-1', 'address=10.0.0.1'];
const one = (given: RunOptions, env: Record<string, string> = {}) => ordersOf(given, env)[0];

describe('koguma-dp run', () => {
  it('is told everything by options', () => {
    const given = {
      cpAddress: 'https://cp:5678/',
      caCertFile: ca,
      dataplaneFile: dp,
      dataplaneVar: VARS,
      dataplaneTokenFile: token,
    };
    expect(one(given)).toEqual({
      controlPlane: 'https://cp:5678',
      authority: PEM,
      skipVerify: false,
      type: 'dataplane',
      mesh: 'shop',
      name: 'web-1',
      resource: { type: 'Dataplane', mesh: 'shop', name: 'web-1', networking: { address: '10.0.0.1' } },
      token: { inline: undefined, path: token },
    });
  });

  it('is told everything by Kuma’s variables, and options count before them', () => {
    const env = {
      KUMA_CONTROL_PLANE_URL: 'https://cp:5678',
      KUMA_CONTROL_PLANE_CA_CERT: PEM,
      KUMA_CONTROL_PLANE_TLS_SKIP_VERIFY: 'true',
      KUMA_DATAPLANE_PROXY_TYPE: 'ingress',
      KUMA_DATAPLANE_NAME: 'in-1',
      KUMA_DATAPLANE_RUNTIME_TOKEN: TOKEN,
      KUMA_DATAPLANE_RUNTIME_TOKEN_PATH: '',
    };
    const order = {
      controlPlane: 'https://cp:5678',
      authority: PEM,
      skipVerify: true,
      type: 'ingress',
      mesh: '',
      name: 'in-1',
    };
    expect(one({}, env)).toEqual({ ...order, resource: undefined, token: { inline: TOKEN, path: undefined } });
    expect(one({ name: 'in-2', cpAddress: 'https://other:1' }, env)).toMatchObject({
      name: 'in-2',
      controlPlane: 'https://other:1',
    });
    const resource = { KUMA_DATAPLANE_RUNTIME_RESOURCE_PATH: ingress, KUMA_CONTROL_PLANE_CA_CERT_FILE: ca };
    expect(one({}, resource)).toMatchObject({ type: 'ingress', mesh: '', name: 'in-1', authority: PEM });
    expect(one({}, { KUMA_DATAPLANE_RUNTIME_RESOURCE: '{"type":"ZoneEgress","name":"e"}' })).toMatchObject({
      type: 'egress',
    });
  });

  it('makes as many proxies as are asked for, each with its own name', () => {
    const orders = ordersOf({ dataplaneFile: dp, dataplaneVar: VARS, count: '3' }, {});
    expect(orders.map(({ name, resource }) => [name, resource?.name])).toEqual([
      ['web-1-1', 'web-1-1'],
      ['web-1-2', 'web-1-2'],
      ['web-1-3', 'web-1-3'],
    ]);
  });

  it.each<[RunOptions, string]>([
    [{}, 'nothing says which proxy this is'],
    [{ name: 'x', proxyType: 'gateway' }, 'gateway is no type of proxy'],
    [{ name: 'x', cpAddress: 'http://cp:5678' }, 'http://cp:5678 is not an address of a control plane'],
    [{ name: 'x', count: '0' }, '--count 0 is not a number of proxies'],
    [{ name: 'x', count: '10001' }, '--count 10001 is not a number of proxies'],
    [{ name: 'x', caCertFile: token }, `${token} has no certificate in PEM`],
    [{ name: 'x', caCertFile: '/nowhere' }, 'the file of the authority /nowhere is not there'],
    [{ name: 'x', dataplaneToken: 'x' }, 'the token is not a token'],
    [{ dataplaneFile: dp, dataplaneVar: ['name=x'] }, `${dp} asks for the variable address`],
    [{ dataplaneFile: dp, dataplaneVar: ['name'] }, '--dataplane-var name is not NAME=VALUE'],
    [{ dataplaneFile: dp, dataplaneVar: VARS, name: 'x' }, '--name and --mesh are in the resource already'],
    [{ dataplaneFile: ingress, proxyType: 'dataplane' }, '--proxy-type dataplane does not fit a ZoneIngress'],
    [{ dataplaneFile: '/nowhere' }, 'the dataplane file /nowhere is not there'],
    [{ dataplane: 'a: [' }, 'the resource is not YAML'],
    [{ dataplane: 'networking: {}' }, 'the resource is not a resource: it needs a type and a name'],
    [{ dataplane: '{type: Mesh, name: x}' }, 'a Mesh is no proxy'],
  ])('says what is wrong with %j before it asks anybody', (given, told) => {
    expect(() => ordersOf(given, {})).toThrow(told);
  });
});
