import { startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandLine } from '../support/command-line.js';

let lab: WiredLab;
let user: CommandLine;
beforeAll(async () => {
  lab = await startWiredLab({ zones: ['east'] });
  await lab.global.createMesh('payments');
  const inbound = [
    { port: 80, tags: { 'kuma.io/service': 'backend', version: 'v1' } },
    { port: 81, tags: { 'kuma.io/service': 'backend-admin', version: 'v1' } },
  ];
  const networking = { address: '10.0.0.1', inbound };
  await lab.synced();
  const east = lab.zone('east');
  await east.call('PUT', '/meshes/payments/dataplanes/web-1', { type: 'Dataplane', name: 'web-1', networking });
  await east.call('PUT', '/zone-ingresses/ing-1', { networking: { address: '10.0.0.2', port: 10001 } });
  await east.call('PUT', '/zoneegresses/egr-1', { networking: { address: '10.0.0.3', port: 10002 } });
  user = await CommandLine.with({ global: lab.global.url, east: east.url });
});
afterAll(async () => {
  await user.remove();
  await lab.stop();
});

/** A table with its ages made the same. */
const shown = async (...args: string[]) =>
  (await user.ok('get', ...args)).replace(/ +\d+s$/gm, '   AGE').replace(/ +AGE$/gm, '   AGE');
const lines = (...all: string[]) => `${all.join('\n')}\n`;

describe('kogumactl get', () => {
  it('shows the keys of a new mesh as the documents do', async () => {
    expect(await shown('secrets')).toBe(
      lines('MESH      NAME   AGE', 'default   dataplane-token-signing-key-default-1   AGE'),
    );
    expect(await shown('secrets', '--mesh', 'payments')).toContain('payments   dataplane-token-signing-key-payments-1');
  });

  it('shows the keys of the first start as the documents do', async () => {
    await lab.until(
      async () => (await lab.global.secretNames()).includes('admin-user-token'),
      'the admin token is made',
    );
    const names = ['admin-user-token', 'user-token-signing-key-1', 'zone-ingress-token-signing-key-1'];
    expect(await shown('global-secrets')).toBe(
      lines('NAME   AGE', ...[...names, 'zone-token-signing-key-1'].map((name) => `${name}   AGE`)),
    );
    expect(await shown('globalsecrets')).toBe(await shown('global-secrets'));
  });

  it.each([
    [['meshes'], 'NAME       mTLS   LOCALITY   ZONEEGRESS   AGE', 'payments   off    off        off   AGE'],
    [['mesh', 'payments'], 'NAME       mTLS   LOCALITY   ZONEEGRESS   AGE', 'payments   off    off        off   AGE'],
    [['zones'], 'NAME   AGE', 'east   AGE'],
    [
      ['dataplanes', '-m', 'payments', '--context', 'east'],
      'MESH       NAME    TAGS                                               ADDRESS    AGE',
      'payments   web-1   kuma.io/service=backend,backend-admin version=v1   10.0.0.1   AGE',
    ],
    [['zone-ingresses', '--context', 'east'], 'NAME    AGE', 'ing-1   AGE'],
    [['zoneingress', 'ing-1', '--context', 'east'], 'NAME    AGE', 'ing-1   AGE'],
    [['zoneegresses', '--context', 'east'], 'NAME    AGE', 'egr-1   AGE'],
  ])('%j is a table with the headings of Kuma', async (args, headings, row) => {
    const [first, ...rows] = (await shown(...args)).trimEnd().split('\n');
    expect(first?.replace(/ +AGE$/, '')).toBe(headings.replace(/ +AGE$/, ''));
    expect(rows).toContain(row.replace(/ +AGE$/, '   AGE'));
  });

  it('shows as JSON and as YAML what the API answers', async () => {
    const path = '/global-secrets/zone-token-signing-key-1';
    const { body } = await lab.global.get(path);
    const args = ['global-secret', 'zone-token-signing-key-1'];
    expect(await user.ok('get', ...args, '-o', 'json')).toBe(`${JSON.stringify(body, null, 2)}\n`);
    expect(await user.ok('get', ...args, '-oyaml')).toBe(
      Object.entries(body)
        .map(([member, value]) => `${member}: ${value}\n`)
        .join(''),
    );
    expect(await user.ok('get', '-o', 'yaml', 'meshes')).toMatch(
      /^total: 2\nitems:\n {2}- type: Mesh\n.*\nnext: null\n$/s,
    );
  });

  it('shows one page after the other', async () => {
    const first = await user.ok('get', 'meshes', '--size', '1');
    expect(first).toMatch(
      /^NAME .*\ndefault .*\n\nRerun command with --offset=1 argument to retrieve more resources\n$/,
    );
    const second = await user.ok('get', 'meshes', '--size=1', '--offset=1');
    expect(second).toMatch(/^NAME .*\npayments .*\n$/);
    expect(JSON.parse(await user.ok('get', 'meshes', '--size', '1', '-o', 'json'))).toMatchObject({ total: 2 });
  });
});

describe('kogumactl get of what is not there', () => {
  it.each([
    [['mesh', 'none'], 'No resources found\nSee what there is: npx kogumactl get meshes\n'],
    [
      ['secret', 'none'],
      'No resources found in default mesh\nSee what there is: npx kogumactl get secrets --mesh default\n',
    ],
    [
      ['secret', 'none', '-m', 'x'],
      'No resources found in x mesh\nSee what there is: npx kogumactl get secrets --mesh x\n',
    ],
  ])('%j says so', async (args, told) => {
    expect(await user.run('get', ...args)).toEqual({ code: 1, out: '', err: `Error: ${told}` });
  });

  it('says so of a list in a mesh that is not there, with the control plane that was asked', async () => {
    expect(await user.run('get', 'secrets', '--mesh', 'none')).toEqual({
      code: 1,
      out: '',
      err: `Error: Failed to retrieve Mesh (Not found)\nCheck the name, and that ${lab.global.url} is the control plane that you mean.\n`,
    });
  });
});

describe('kogumactl get by somebody who may not', () => {
  const become = (token: string) =>
    user.run(
      ...['config', 'control-planes', 'add', '--name', 'john', '--address', lab.global.url, '--overwrite'],
      ...['--auth-type', 'tokens', '--auth-conf', `token=${token}`],
    );

  it('tells who that is, and what to do', async () => {
    await become(await lab.global.issue('user', { name: 'john', groups: ['team-a'], validFor: '1h' }));
    expect(await user.run('get', 'secrets')).toEqual({
      code: 1,
      out: '',
      err: [
        'Error: Access Denied (user "john/team-a,mesh-system:authenticated" cannot access the resource of type "Secret")',
        'Speak as somebody who may: --context NAME chooses another one (npx kogumactl config control-planes list).',
        '',
      ].join('\n'),
    });
  });

  it('tells that a token is no longer good', async () => {
    const token = await lab.global.issue('user', { name: 'john', validFor: '1h' });
    await become(token);
    lab.clock.advance(3_600_000);
    const { code, err } = await user.run('get', 'secrets');
    lab.clock.advance(-3_600_000);
    expect({ code, err }).toEqual({
      code: 1,
      err: [
        'Error: Invalid authentication data (Unauthenticated)',
        'The credential of context "john" is not good there: add the control plane again with a good one and --overwrite.',
        '',
      ].join('\n'),
    });
    expect(err).not.toContain(token);
  });
});

describe('a wrong call of kogumactl get', () => {
  it.each([
    [['meshes', '--size', 'ten'], 'Error: --size "ten" is not a number\n'],
    [['meshes', '-o', 'xml'], "Error: option '-o, --output <format>' argument 'xml' is invalid."],
    [['meshs'], "Error: unknown command 'meshs'\n(Did you mean one of mesh, meshes?)"],
    [['mesh'], "Error: missing required argument 'name'\n"],
    [['meshes', '--context', 'none'], 'Error: there is no context "none"\n'],
  ])('%j', async (args, told) => {
    const { code, out, err } = await user.run('get', ...args);
    expect({ code: code > 0, out, told: err.slice(0, told.length) }).toEqual({ code: true, out: '', told });
  });
});
