import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { decodeToken, startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandLine } from '../support/command-line.js';

let lab: WiredLab;
let user: CommandLine;
beforeAll(async () => {
  lab = await startWiredLab({ zones: ['east'] });
  user = await CommandLine.with({ global: lab.global.url, east: lab.zone('east').url });
});
afterAll(async () => {
  await user.remove();
  await lab.stop();
});

const base64 = (text: string) => Buffer.from(text).toString('base64');
const globalSecret = (name: string, text: string) => `type: GlobalSecret\nname: ${name}\ndata: ${base64(text)}\n`;
const secret = (name: string, text: string) => `type: Secret\nmesh: default\nname: ${name}\ndata: ${base64(text)}\n`;
const write = async (name: string, text: string) => {
  await writeFile(join(user.home, name), text);
  return join(user.home, name);
};

describe('kogumactl apply', () => {
  it('creates what is not there and updates what is, and says which', async () => {
    const file = await write('one.yaml', secret('one', 'first'));
    expect(await user.ok('apply', '-f', file)).toBe('resource type="Secret" mesh="default" name="one" Created\n');
    await write('one.yaml', secret('one', 'second'));
    expect(await user.ok('apply', '-f', file)).toBe('resource type="Secret" mesh="default" name="one" Updated\n');
    expect(await lab.global.secretText('one', 'default')).toBe('second');
  });

  it('applies many documents in their order', async () => {
    const text = `type: Mesh\nname: demo\n---\ntype: Secret\nmesh: demo\nname: s\ndata: ${base64('x')}\n`;
    expect(await user.pipe(text, 'apply', '-f', '-')).toEqual({
      code: 0,
      out: 'resource type="Mesh" name="demo" Created\nresource type="Secret" mesh="demo" name="s" Created\n',
      err: '',
    });
    expect(await lab.global.secretText('s', 'demo')).toBe('x');
  });

  it('applies what is at an address, and all files of a folder', async () => {
    const server: Server = createServer((request, response) => {
      response.statusCode = request.url === '/there' ? 200 : 404;
      response.end(secret('fetched', 'x'));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await user.ok('apply', '-f', `${url}/there`)).toContain('name="fetched" Created');
    const { code, err } = await user.run('apply', '-f', `${url}/gone`);
    expect({ code, err: err.split('\n')[0] }).toEqual({ code: 1, err: `Error: ${url}/gone cannot be read: HTTP 404` });
    server.close();
    await once(server, 'close');
    expect((await user.run('apply', '-f', `${url}/there`)).err).toContain(
      `${url}/there cannot be read: ECONNREFUSED\n`,
    );

    await mkdir(join(user.home, 'folder'));
    await write('folder/02.yml', secret('second', 'x'));
    await write(
      'folder/01.json',
      JSON.stringify({ type: 'Secret', mesh: 'default', name: 'first', data: base64('x') }),
    );
    await write('folder/notes.txt', 'not YAML: at: all');
    expect(await user.ok('apply', '-f', join(user.home, 'folder'))).toMatch(/"first" Created\n.*"second" Created\n$/);
  });

  it('fills in variables', async () => {
    const key = base64(await lab.makeKey());
    const text = 'type: GlobalSecret\nname: user-token-signing-key-{{ serial }}\ndata: {{ key }}\n';
    const { code } = await user.pipe(text, 'apply', '-f', '-', '--var', 'serial=2', '-v', `key=${key}`);
    expect(code).toBe(0);
    expect(decodeToken(await lab.global.issue('user', { name: 'john', validFor: '1h' })).kid).toBe('2');
    const { code: failed, err } = await user.pipe(text, 'apply', '-f', '-', '--var', 'serial=3');
    expect({ failed, err }).toEqual({
      failed: 1,
      err: 'Error: no value is given for {{ key }}\nGive each one: --var key=VALUE\n',
    });
  });

  it('applies a Secret of Kubernetes: a revocation list acts as the documents say', async () => {
    const token = await lab.global.issue('zone-ingress', { zone: 'us-east' });
    const text = [
      'apiVersion: v1',
      'kind: Secret',
      'metadata: {name: zone-ingress-token-revocations, namespace: kuma-system}',
      `data: {value: ${base64(`${decodeToken(token).jti}\n`)}}`,
      'type: system.kuma.io/global-secret',
    ].join('\n');
    expect((await user.pipe(text, 'apply', '-f', '-')).code).toBe(0);
    await lab.synced();
    expect(await lab.zone('east').verify(token, 'zone-ingress')).toMatchObject({ reason: 'revoked' });
  });

  it('passes on what the control plane wants known', async () => {
    expect(await user.pipe(globalSecret('user-token-revocations', 'not an id'), 'apply', '-f', '-')).toEqual({
      code: 0,
      out: 'resource type="GlobalSecret" name="user-token-revocations" Created\n',
      err: expect.stringMatching(/^Warning: .*\n$/) as string,
    });
  });

  it('with --dry-run prints what would be sent, and asks nobody', async () => {
    const text = `${secret('dry', 'x')}---\ntype: Mesh\nname: dry\n`;
    expect(await user.pipe(text, 'apply', '-f', '-', '--dry-run')).toEqual({ code: 0, out: text, err: '' });
    expect(await lab.global.secretNames('default')).not.toContain('dry');
  });

  it('with --dry-run=server asks the control plane what would happen, and nothing does', async () => {
    const ran = await user.pipe(
      globalSecret('zone-token-revocations', 'not an id'),
      'apply',
      '-f',
      '-',
      '--dry-run=server',
    );
    expect(ran).toEqual({
      code: 0,
      out: 'resource type="GlobalSecret" name="zone-token-revocations" Created (dry run)\n',
      err: expect.stringMatching(/^Warning: /) as string,
    });
    expect(await lab.global.secretNames()).not.toContain('zone-token-revocations');
  });

  it('copies a user key from one control plane to another, as page 003 says', async () => {
    const name = 'user-token-signing-key-1';
    const john = await lab.global.issue('user', { name: 'john', validFor: '1h' });
    expect(decodeToken(john).kid).toBe('2');
    const there = async () => (await lab.zone('east').get('/who-am-i', { token: john })).body.name;
    expect(await there()).toBeUndefined();
    for (const key of [name, 'user-token-signing-key-2']) {
      const document = await user.ok('get', 'global-secret', key, '-o', 'yaml');
      const { code, out } = await user.pipe(document, 'apply', '--context', 'east', '-f', '-');
      expect({ code, out: out.replace(/(Cre|Upd)ated/, '…') }).toEqual({
        code: 0,
        out: `resource type="GlobalSecret" name="${key}" …\n`,
      });
    }
    expect(await there()).toBe('john');
  });
});

describe('kogumactl apply of what cannot be', () => {
  it('stops before anything is written when one document is bad', async () => {
    const { code, out, err } = await user.pipe(`${secret('good', 'x')}---\ntype: Mesh\n`, 'apply', '-f', '-');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toBe(
      'Error: these documents cannot be applied\n* document 2: name must be a string that is not empty\nNothing was applied: mend them, and try again.\n',
    );
    expect(await lab.global.secretNames('default')).not.toContain('good');
  });

  it('stops at the first that the control plane refuses, and says what was applied', async () => {
    const bad = 'type: GlobalSecret\nname: user-token-signing-key-x\ndata: "!"\n';
    const text = `${secret('before', 'x')}---\n${bad}---\n${secret('behind', 'x')}`;
    const { code, out, err } = await user.pipe(text, 'apply', '-f', '-');
    expect({ code, out }).toEqual({ code: 1, out: 'resource type="Secret" mesh="default" name="before" Created\n' });
    expect(err).toMatch(
      /^Error: resource type="GlobalSecret" name="user-token-signing-key-x": .* \(Resource is not valid\)\n(\* \w+: .*\n)+Mend what it names, and try again. What came before it \(1\) was applied.\n$/,
    );
    const names = await lab.global.secretNames('default');
    expect([names.includes('before'), names.includes('behind')]).toEqual([true, false]);
  });

  it('tells where a resource is written when that is elsewhere', async () => {
    const { code, err } = await user.pipe('{type: Mesh, name: m}', 'apply', '-f', '-', '--context', 'east');
    expect({ code, title: err.split(' (')[0] }).toEqual({
      code: 1,
      title: 'Error: resource type="Mesh" name="m": Method not allowed',
    });
    expect(err).toContain('--context NAME');
  });

  it.each([
    [['-f', '/none'], 1, 'Error: /none cannot be read (ENOENT)\n'],
    [[], 2, "Error: required option '-f, --file <file>' not specified\n"],
    [['-f', '-', '--var', 'x'], 2, 'Error: what --var was given is not key=value\n'],
    [['-f', '-'], 1, 'Error: no resource(s) passed to apply\n'],
    [['-f', 'http://localhost:1/x'], 1, 'Error: http://localhost:1/x cannot be read: bad port\n'],
  ])('%j is an error with exit code %d', async (args, code, told) => {
    const ran = await user.run('apply', ...args);
    expect({ ...ran, err: ran.err.slice(0, told.length) }).toEqual({ code, out: '', err: told });
  });
});

describe('kogumactl delete', () => {
  it('deletes, and says what was', async () => {
    await lab.global.putSecret('gone', 'x');
    expect(await user.ok('delete', 'global-secret', 'gone')).toBe('deleted GlobalSecret "gone"\n');
    expect(await lab.global.secretNames()).not.toContain('gone');
  });

  it('deletes in the mesh that it is told', async () => {
    await lab.global.createMesh('other');
    await lab.global.putSecret('s', 'x', { mesh: 'other' });
    expect(await user.run('delete', 'secret', 's')).toEqual({
      code: 1,
      out: '',
      err: 'Error: there is no Secret with name "s"\nSee what there is: npx kogumactl get secrets --mesh default\n',
    });
    expect(await user.ok('delete', 'secret', 's', '-m', 'other')).toBe('deleted Secret "s"\n');
  });

  it('passes on what depends on a key that goes, and with --dry-run=server before it does', async () => {
    const key = 'zone-ingress-token-signing-key-1';
    const warned = expect.stringMatching(/^Warning: .*kid 1.*\n/) as string;
    expect(await user.run('delete', 'global-secret', key, '--dry-run=server')).toEqual({
      code: 0,
      out: `deleted GlobalSecret "${key}" (dry run)\n`,
      err: warned,
    });
    expect(await lab.global.secretNames()).toContain(key);
    expect(await user.run('delete', 'globalsecret', key)).toMatchObject({ code: 0, err: warned });
    expect(await lab.global.secretNames()).not.toContain(key);
  });

  it.each([
    [['global-secret', 'none'], 1, 'Error: there is no GlobalSecret with name "none"\n'],
    [['zonk', 'x'], 2, 'Error: unknown TYPE: zonk\nAllowed values: mesh, secret, global-secret, '],
    [['mesh'], 2, "Error: missing required argument 'name'\n"],
  ])('%j is an error with exit code %d', async (args, code, told) => {
    const ran = await user.run('delete', ...args);
    expect({ ...ran, err: ran.err.slice(0, told.length) }).toEqual({ code, out: '', err: told });
  });
});
