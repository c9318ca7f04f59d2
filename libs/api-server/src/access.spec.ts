import { Controller, Get } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AccessGuard } from './access-guard.js';
import { ErrorFilter } from './error-filter.js';
import type { ApiServerParts } from './parts.js';
import { type StartedDoor, startedDoor, type Who } from './started-door.contract.js';

@Controller('forgotten')
class ForgottenController {
  @Get()
  get(): object {
    return { told: 'everybody' };
  }
}

const get = (path: string) => `GET ${path}`;

/** Routes that an anonymous caller from elsewhere may use. */
const OPEN = [
  'GET /',
  'GET /meshes',
  'GET /meshes/:name',
  'GET /who-am-i',
  ...['/meshes/:mesh/dataplanes', '/dataplanes']
    .flatMap((list) => [list, `${list}/_overview`, `${list}+insights`])
    .map(get),
  ...['/:name', '/:name/_overview'].map((item) => get(`/meshes/:mesh/dataplanes${item}`)),
  get('/meshes/:mesh/dataplanes+insights/:name'),
  ...['zone-ingresses', 'zoneingresses', 'zoneegresses'].flatMap((type) => [
    ...[`/${type}`, `/${type}/:name`, `/${type}/_overview`, `/${type}/:name/_overview`].map(get),
    ...[`/${type}+insights`, `/${type}+insights/:name`].map(get),
  ]),
  ...['/zoneegressoverviews', '/zoneegressoverviews/:name'].map(get),
  'GET /zones',
  'GET /zones+insights',
  'GET /zones+insights/:name',
  'GET /zones/:name',
  'GET /zones/:name/_overview',
  'GET /zones/_overview',
  'GET /openapi.json',
  ...['/_resources', '/policies', '/global-insight', '/global-insights', '/status/zones'].map(get),
  ...['/mesh-insights', '/mesh-insights/:mesh', '/service-insights', '/meshes/:mesh/service-insights'].map(get),
  'GET /meshes/:mesh/service-insights/:service',
];

describe('access', () => {
  let door: StartedDoor;
  let john: Who;
  let admin: Who;
  let closed: StartedDoor;
  beforeAll(async () => {
    door = await startedDoor({ controllers: [ForgottenController] });
    closed = await startedDoor({ localhostIsAdmin: false });
    john = { token: await door.tokenOf('john', 'team-a') };
    admin = { token: await door.tokenOf('mesh-system:admin', 'mesh-system:admin') };
  });
  afterAll(async () => {
    await door.stop();
    await closed.stop();
  });

  test('every route but those listed is closed to an anonymous caller from elsewhere', async () => {
    const open: string[] = [];
    for (const { method, path } of door.routes.all()) {
      const { status } = await door.call(method, path.replace(/:\w+/g, 'default'), { as: 'stranger', body: '{' });
      if (status !== 403) open.push(`${method} ${path}`);
    }
    const heads = OPEN.map((route) => route.replace('GET', 'HEAD'));
    expect(open.sort()).toEqual([...OPEN, ...heads].sort());
  });

  test('the book of routes says of each what it asks, and the index and the description of the API ask nothing', () => {
    const demands = door.routes.all().map(({ method, path, demand }) => ({ route: `${method} ${path}`, demand }));
    const asking = (demand: unknown) =>
      demands.filter((one) => one.demand === demand && one.route.startsWith('GET')).map(({ route }) => route);
    expect(asking(undefined)).toEqual(['GET /forgotten']);
    expect(asking('nothing')).toEqual(['GET /', 'GET /openapi.json']);
    expect([...asking('sound-credential'), ...asking('nothing')].sort()).toEqual([...OPEN].sort());
  });

  test('a route that does not say what it asks is open to nobody', async () => {
    for (const as of ['local', 'stranger', admin] as const) {
      const { status, json } = await door.call('GET', '/forgotten', { as });
      expect([status, json.title]).toEqual([403, 'Access Denied']);
    }
    expect((await door.call('GET', '/forgotten', { as: { token: 'bad' } })).status).toBe(401);
  });

  test.each([
    ['GET', '/meshes/default', 200, 200, 200],
    ['GET', '/zones', 200, 200, 200],
    ['PUT', '/zones/z1', 403, 403, 201],
    ['DELETE', '/zones/z1', 403, 403, 200],
    ['PUT', '/meshes/m1', 403, 403, 201],
    ['GET', '/secrets', 403, 403, 200],
    ['GET', '/meshes/default/secrets', 403, 403, 200],
    ['PUT', '/meshes/default/secrets/s1', 403, 403, 201],
    ['GET', '/meshes/default/secrets/s1', 403, 403, 200],
    ['DELETE', '/meshes/default/secrets/s1', 403, 403, 200],
    ['GET', '/global-secrets', 403, 403, 200],
    ['GET', '/globalsecrets/zone-token-signing-key-1', 403, 403, 200],
    ['GET', '/koguma/sync', 403, 403, 200],
    ['GET', '/koguma/keys', 403, 403, 200],
    ['GET', '/koguma/timeline', 403, 403, 200],
    ['GET', '/koguma/events', 403, 403, 200],
    ['POST', '/koguma/tokens/verify', 403, 403, 400],
    ['GET', '/koguma/capabilities', 403, 403, 200],
    ['GET', '/config', 403, 403, 200],
    ['POST', '/tokens', 403, 403, 400],
    ['POST', '/tokens/dataplane', 403, 403, 400],
    ['POST', '/tokens/zone-ingress', 403, 403, 400],
    ['POST', '/tokens/zone', 403, 403, 400],
    ['POST', '/tokens/user', 403, 403, 400],
    // Nothing is told to those who may not: what exists, and what is wrong with what they send.
    ['GET', '/meshes/default/secrets/none', 403, 403, 404],
    ['GET', '/meshes/none/secrets', 403, 403, 404],
    ['DELETE', '/global-secrets/none', 403, 403, 404],
    ['GET', '/global-secrets?size=no', 403, 403, 400],
    ['PUT', '/zones/Bad_Name', 403, 403, 400],
    ['PUT', '/zones/z1?dryRun=no', 403, 403, 400],
  ])('%s %s: stranger %i, ordinary user %i, administrator %i', async (method, path, stranger, user, administrator) => {
    const as = async (who: Who) => (await door.call(method, path, { as: who, body: {} })).status;
    expect([await as('stranger'), await as(john), await as(admin)]).toEqual([stranger, user, administrator]);
  });

  test.each(['not json', 'A'.repeat(200_000)])(
    'a body is not looked at before the caller is, case %#',
    async (body) => {
      const headers = { 'content-type': 'text/plain' };
      expect((await door.call('PUT', '/zones/z1', { as: 'stranger', body, headers })).status).toBe(403);
      expect((await door.call('POST', '/tokens/user', { as: john, body, headers })).status).toBe(403);
    },
  );

  test.each([
    ['GET', '/secrets', 'access the resource of type "Secret"'],
    ['PUT', '/zones/z1', 'access the resource of type "Zone"'],
    ['POST', '/tokens/dataplane', 'access generate dataplane token'],
    ['POST', '/tokens/zone', 'access generate zone token'],
    ['POST', '/tokens/user', 'access generate user token'],
  ])('%s %s: the refusal names the user and what was tried', async (method, path, act) => {
    const { json } = await door.call(method, path, { as: 'stranger' });
    const detail = `user "mesh-system:anonymous/mesh-system:unauthenticated" cannot ${act}`;
    expect(json).toEqual({ type: '/std-errors', status: 403, title: 'Access Denied', detail, details: detail });
    const { json: forJohn } = await door.call(method, path, { as: john });
    expect(forJohn.detail).toBe(`user "john/team-a,mesh-system:authenticated" cannot ${act}`);
  });

  test('who-am-i', async () => {
    const name = async (as: Who) => (await door.call('GET', '/who-am-i', { as })).json;
    expect(await name('local')).toEqual({
      name: 'mesh-system:admin',
      groups: ['mesh-system:admin', 'mesh-system:authenticated'],
    });
    expect(await name('stranger')).toEqual({ name: 'mesh-system:anonymous', groups: ['mesh-system:unauthenticated'] });
    expect(await name(john)).toEqual({ name: 'john', groups: ['team-a', 'mesh-system:authenticated'] });
    const nobody = await closed.call('GET', '/who-am-i', { as: 'local' });
    expect(nobody.json.name).toBe('mesh-system:anonymous');
  });

  test('a credential that is no good is refused, on open routes and on localhost too', async () => {
    const good = (john as { token: string }).token;
    const dataplane = await door.auth.issuer.issue('dataplane', { identity: { Name: 'x' }, mesh: 'default' }, 60);
    const bad = [
      'Bearer x',
      'Bearer',
      'bearer x',
      `Bearer ${good} `.repeat(2),
      `Basic ${good}`,
      `Bearer ${dataplane}`,
      ' ',
    ];
    for (const authorization of bad) {
      const reply = await door.call('GET', '/meshes', { headers: { authorization } });
      expect(reply.json, authorization).toEqual({
        type: '/std-errors',
        status: 401,
        title: 'Invalid authentication data',
        detail: 'Unauthenticated',
        details: 'Unauthenticated',
      });
      expect(reply.headers['www-authenticate']).toBe('Bearer');
    }
    const twice = await door.call('GET', '/meshes', {
      headers: { authorization: [`Bearer ${good}`, `Bearer ${good}`] },
    });
    expect(twice.status).toBe(401);
  });

  test('the index does not look at credentials', async () => {
    expect((await door.call('GET', '/', { headers: { authorization: 'Bearer bad' } })).status).toBe(200);
  });

  test('a token is its user on localhost as well: least privilege can be tried there', async () => {
    expect((await door.call('GET', '/secrets', { as: john })).status).toBe(403);
  });

  test.each<[boolean, Record<string, string | string[]>]>([
    [true, {}],
    [true, { host: 'localhost' }],
    [true, { host: 'LOCALHOST:5681' }],
    [true, { host: '127.0.0.1:5681' }],
    [true, { host: '127.9.9.9' }],
    [true, { host: '[::1]:5681' }],
    [true, { host: 'localhost:5681', origin: 'http://localhost:5681' }],
    [true, { host: 'localhost', origin: 'http://localhost:80' }],
    [true, { 'sec-fetch-site': 'same-origin' }],
    [true, { 'sec-fetch-site': 'none' }],
    [false, { 'sec-fetch-site': 'same-site' }],
    [false, { 'sec-fetch-site': 'cross-site' }],
    [false, { host: 'kuma.example' }],
    [false, { host: 'localhost.example' }],
    [false, { host: 'localhost:99999' }],
    [false, { host: 'localhost:5681', origin: 'http://evil.example' }],
    [false, { host: 'localhost:5681', origin: 'http://localhost:3000' }],
    [false, { host: 'localhost:5681', origin: 'https://localhost:5681' }],
    [false, { host: 'localhost:5681', origin: 'http://localhost:5681/' }],
    [false, { host: 'localhost:5681', origin: 'http://user@localhost:5681' }],
    [false, { host: 'localhost:5681', origin: 'null' }],
    [false, { forwarded: 'for=203.0.113.7' }],
    [false, { 'x-forwarded-for': '127.0.0.1' }],
    [false, { 'x-real-ip': '127.0.0.1' }],
    [false, { 'x-forwarded-for': ['127.0.0.1', '127.0.0.1'] }],
    [false, { 'sec-fetch-site': ['none', 'none'] }],
    [false, { host: 'localhost:5681', origin: ['http://localhost:5681', 'http://localhost:5681'] }],
  ])('%s: a call from this machine is the administrator’s with %j', async (isAdmin, headers) => {
    const { json } = await door.call('GET', '/who-am-i', { headers });
    expect(json.name).toBe(isAdmin ? 'mesh-system:admin' : 'mesh-system:anonymous');
  });

  test('other doors of the same application are left alone', async () => {
    const rpc = new ExecutionContextHost([{}, {}]);
    rpc.setType('rpc');
    const guard = new AccessGuard({} as ApiServerParts);
    expect(await guard.canActivate(rpc)).toBe(true);
    expect(new ErrorFilter({} as never).catch(new Error('theirs'), rpc)).toBe(undefined);
  });
});
