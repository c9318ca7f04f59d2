import { connect } from 'node:net';
import { ControlPlaneError } from '@koguma/core';
import type { Write } from '@koguma/resources';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Reply, type StartedDoor, startedDoor } from './started-door.contract.js';

const LIMIT = 50_000;
/** A zone whose name says how writing it fails. */
const failures: Record<string, () => Error> = {
  conflict: () => new ControlPlaneError('conflict', 'Zone "conflict" was changed meanwhile: read it again and retry'),
  down: () => new ControlPlaneError('unavailable', 'the store cannot be reached'),
  bug: () => {
    const cause = Object.assign(new Error('the driver gave up'), { parameters: ['PRIVATE KEY'] });
    return Object.assign(new TypeError('cannot read secret-of-ours', { cause }), { row: 'PRIVATE KEY' });
  },
};

/** The body of a failure without fields, as Kuma writes it. */
const plain = (status: number, title: string, detail: string) =>
  `${JSON.stringify({ type: '/std-errors', status, title, detail, details: detail }, null, 1)}\n`;

describe('failures', () => {
  let door: StartedDoor;
  beforeAll(async () => {
    const failing = {
      validate({ key }: Write) {
        const failure = failures[key.name];
        if (failure) throw failure();
        return {};
      },
    };
    const readOnly = ({ name }: { name: string }) =>
      name === 'theirs' ? 'this zone takes its zones from global: write there' : undefined;
    door = await startedDoor({ maxBodySize: LIMIT, hooks: [failing], readOnly });
  });
  afterAll(() => door.stop());

  const expectPlain = (reply: Reply, status: number, title: string, detail: string) => {
    expect(reply.text).toBe(plain(status, title, detail));
    expect(reply.status).toBe(status);
    expect(reply.headers['content-type']).toBe('application/json');
  };

  test('refused fields are told in both of the forms that kumactl reads, in the order of Kuma', async () => {
    const { status, text } = await door.call('PUT', '/meshes/default/secrets/s', {
      body: { mesh: 'other', name: 's' },
    });
    expect(status).toBe(400);
    expect(text).toBe(`{
 "type": "/std-errors",
 "status": 400,
 "title": "Could not process a resource",
 "detail": "Resource is not valid",
 "invalid_parameters": [
  {
   "field": "mesh",
   "reason": "mesh from the URL has to be the same as in body"
  }
 ],
 "details": "Resource is not valid",
 "causes": [
  {
   "field": "mesh",
   "message": "mesh from the URL has to be the same as in body"
  }
 ]
}
`);
  });

  test.each([
    ['GET', '/zones/x', 404, 'Could not retrieve a resource', 'Not found'],
    ['GET', '/zones/x/_overview', 404, 'Could not retrieve a resource', 'Not found'],
    ['DELETE', '/zones/x', 404, 'Could not delete a resource', 'Not found'],
    ['GET', '/meshes/x', 404, 'Could not retrieve a resource', 'Not found'],
    ['GET', '/meshes/x/secrets', 404, 'Failed to retrieve Mesh', 'Not found'],
    ['GET', '/meshes/x/secrets/s', 404, 'Failed to retrieve Mesh', 'Not found'],
    ['DELETE', '/meshes/x/secrets/s', 404, 'Failed to retrieve Mesh', 'Not found'],
    ['GET', '/no/such/page?token=abc', 404, 'Not Found', 'there is nothing at /no/such/page'],
    ['GET', '/meshes//secrets?token=abc', 404, 'Not Found', 'there is nothing at /meshes//secrets'],
    ['POST', '/tokens/no-such-kind', 404, 'Not Found', 'there is nothing at /tokens/no-such-kind'],
    ['GET', '/%zz', 400, 'Bad Request', 'the URL cannot be read'],
    ['GET', `/zones/${'x'.repeat(3_000)}`, 414, 'URI Too Long', 'the URL cannot be read'],
    ['POST', '/zones/x', 405, 'Method not allowed', 'POST is not allowed here: use DELETE, GET, HEAD, PUT'],
    ['GET', '/tokens/user', 405, 'Method not allowed', 'GET is not allowed here: use POST'],
    ['OPTIONS', '/zones', 405, 'Method not allowed', 'OPTIONS is not allowed here: use GET, HEAD'],
    ['PUT', '/zones/theirs', 405, 'Method not allowed', 'this zone takes its zones from global: write there'],
    ['DELETE', '/zones/theirs', 405, 'Method not allowed', 'this zone takes its zones from global: write there'],
  ])('%s %s is answered with %i %s: %s', async (method, path, status, title, detail) => {
    expectPlain(await door.call(method, path), status, title, detail);
  });

  test('a wrong method, and a write of what is owned elsewhere, come with the methods that work', async () => {
    expect((await door.call('PATCH', '/meshes/default')).headers.allow).toBe('DELETE, GET, HEAD, PUT');
    expect((await door.call('PUT', '/zones/theirs')).headers.allow).toBe('GET, HEAD');
  });

  test('a name of the greatest length that Kuma knows, and longer, reaches its route', async () => {
    const { status, json } = await door.call('PUT', `/global-secrets/${'x'.repeat(254)}`, { body: {} });
    expect([status, json.invalid_parameters[0].field]).toEqual([400, 'name']);
    expect((await door.call('PUT', `/global-secrets/${'x'.repeat(253)}`, { body: {} })).status).toBe(201);
  });

  test.each([
    ['{"name": "x",}', 'is not JSON: Expected double-quoted property name at line 1 column 14'],
    ['{\n "data": "LS0tLS1\n"}', 'is not JSON: Bad control character in string literal at line 2 column 18'],
    ['LS0tLS1CRUdJTiBSU0E', "is not JSON: Unexpected token 'L'"],
    ['{"data": "x"', "is not JSON: Expected ',' or '}' after property value at line 1 column 13"],
    ['', 'is empty: a JSON object is needed'],
    ['[]', 'must be a JSON object'],
    ['null', 'must be a JSON object'],
    ['"text"', 'must be a JSON object'],
    [`{"mtls":${'['.repeat(5_000)}${']'.repeat(5_000)}}`, 'must not be nested deeper than 100 levels'],
    ['{"data": "", "labels": {"__proto__": "x"}}', 'must not have a member named __proto__'],
  ])('case %# of a body is malformed, and why is told without a piece of it', async (body, reason) => {
    const { status, json } = await door.call('PUT', '/meshes/default/secrets/s', { body });
    expect(status).toBe(400);
    expect(json).toEqual({
      type: '/std-errors',
      status: 400,
      title: 'Bad Request',
      detail: `the body ${reason}`,
      invalid_parameters: [{ field: 'body', reason }],
      details: `the body ${reason}`,
      causes: [{ field: 'body', message: reason }],
    });
  });

  test.each(['application/yaml', 'application/x-www-form-urlencoded', 'text/plain', 'application/jsonp', 'x; y; /'])(
    'the content type %s is refused',
    async (type) => {
      const reply = await door.call('POST', '/tokens/zone', { body: '{}', headers: { 'content-type': type } });
      expect([reply.status, reply.json.title]).toEqual([415, 'Unsupported Media Type']);
    },
  );

  test.each(['application/json', 'application/json; charset=utf-8', 'Application/JSON ;charset=UTF-8', ''])(
    'the content type "%s" is JSON',
    async (type) => {
      const reply = await door.call('PUT', '/zones/typed', { body: '{}', headers: { 'content-type': type } });
      expect(reply.status).toBeLessThan(202);
    },
  );

  test('a DELETE may name a content type and have no body', async () => {
    await door.call('PUT', '/zones/gone', { body: {} });
    const reply = await door.call('DELETE', '/zones/gone', { headers: { 'content-type': 'application/json' } });
    expect([reply.status, reply.text]).toEqual([200, '{}\n']);
  });

  test.each([{}, { 'transfer-encoding': 'chunked' }])('a body beyond the limit is too large, %j', async (headers) => {
    const put = (size: number) => door.call('PUT', '/global-secrets/big', { body: '{}'.padEnd(size), headers });
    expect((await put(LIMIT)).status).toBeLessThan(202);
    const { status, json } = await put(LIMIT + 1);
    expect([status, json.title, json.detail]).toEqual([
      413,
      'Payload Too Large',
      'the body is larger than 50000 bytes',
    ]);
  });

  test('what is not HTTP, or has headers without end, gets an answer too', async () => {
    expect(await raw(door.port, 'nonsense\r\n\r\n')).toContain(
      'HTTP/1.1 400 Bad Request\r\nContent-Type: application/json',
    );
    const headers = `GET / HTTP/1.1\r\nhost: x\r\nx-long: ${'x'.repeat(40_000)}\r\n\r\n`;
    expect(await raw(door.port, headers)).toContain('HTTP/1.1 431 Request Header Fields Too Large');
  });

  test('a conflict tells what to do, and a store that is away says so', async () => {
    const conflict = await door.call('PUT', '/zones/conflict', { body: {} });
    expectPlain(conflict, 409, 'Conflict', 'Zone "conflict" was changed meanwhile: read it again and retry');
    const down = await door.call('PUT', '/zones/down', { body: {} });
    expectPlain(down, 503, 'Could not process a resource', 'the store cannot be reached');
  });

  test('a bug is logged whole with its route, and told to nobody', async () => {
    door.errors.length = 0;
    const reply = await door.call('PUT', '/zones/bug?dryRun&token=abc', { body: {} });
    expectPlain(reply, 500, 'Could not process a resource', 'Internal Server Error');
    expect(door.errors).toHaveLength(1);
    const [{ message, fields }] = door.errors as [(typeof door.errors)[number]];
    expect([message, fields?.route]).toEqual(['request failed', 'PUT /zones/:name']);
    expect(fields?.error).toMatch(
      /TypeError: cannot read secret-of-ours\n\s+at .*\ncaused by: Error: the driver gave up/s,
    );
    expect(JSON.stringify(door.errors)).not.toMatch(/PRIVATE KEY|abc/);
  });
});

function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}
