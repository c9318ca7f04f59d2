import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { send } from './http.js';

let server: Server;
let url: string;
let asked: IncomingMessage;
let body: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    asked = request;
    body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => response.writeHead(request.url === '/moved' ? 302 : 200, { location: '/' }).end('grüße'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
});

const get = (apiServer: object, path: string, query: [string, string][] = []) =>
  send({ url, ...apiServer }, { method: 'GET', path, query }, 'kogumactl/1', undefined);

describe('a request', () => {
  it('goes to a path below that of the address', async () => {
    await get({ url: `${url}/api/` }, '/meshes');
    expect(asked.url).toBe('/api/meshes');
    await get({}, '/meshes/a%2Fb', [
      ['tag', 'a:b c'],
      ['tag', 'd&e'],
    ]);
    expect(asked.url).toBe('/meshes/a%2Fb?tag=a%3Ab+c&tag=d%26e');
  });

  it('says who asks, with what, and for what', async () => {
    const apiServer = { authType: 'tokens', authConf: { token: 'T' }, headers: [{ key: 'X-Team', value: 'a' }] };
    await get(apiServer, '/');
    expect(asked.headers).toMatchObject({
      accept: 'application/json',
      authorization: 'Bearer T',
      'user-agent': 'kogumactl/1',
      'x-team': 'a',
    });
    expect(asked.headers).not.toHaveProperty('content-type');
  });

  it('sends a body as JSON', async () => {
    await send({ url }, { method: 'PUT', path: '/x', body: { name: 'ü' } }, 'k', undefined);
    expect([asked.method, asked.headers['content-type'], body]).toEqual(['PUT', 'application/json', '{"name":"ü"}']);
  });

  it('is answered whatever the status, and follows nobody elsewhere', async () => {
    expect(await get({}, '/')).toEqual({ status: 200, text: 'grüße' });
    expect((await get({}, '/moved')).status).toBe(302);
  });

  it('names a certificate file that cannot be read', async () => {
    const apiServer = { url: url.replace('http', 'https'), caCertFile: '/none.pem' };
    await expect(get(apiServer, '/')).rejects.toThrow('/none.pem cannot be read (ENOENT)');
  });
});
