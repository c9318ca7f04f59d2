import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ControlPlaneClient, decodeToken, freePort } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Program, ROOT, scratchFolder } from '../support/processes.js';

const KOGUMACTL = `${ROOT}/apps/kogumactl/bin/kogumactl.js`;
const GLOBAL = `${ROOT}/apps/global-cp/bin/global-cp.js`;

let home: Awaited<ReturnType<typeof scratchFolder>>;
let global: Program;
let client: ControlPlaneClient;
beforeAll(async () => {
  home = await scratchFolder();
  global = new Program(process.execPath, [GLOBAL, 'run'], {
    KUMA_API_SERVER_HTTP_PORT: '0',
    KUMA_DIAGNOSTICS_SERVER_PORT: '0',
    KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT: '0',
    KUMA_STORE_TYPE: 'memory',
    HOME: home.path,
  });
  const url = /"url":"([^"]+)"/.exec(await global.says(/"url":"([^"]+)","msg":"ready"/))?.[1] ?? '';
  client = new ControlPlaneClient(() => url);
});
afterAll(async () => {
  await global.end('SIGKILL');
  await home.remove();
});

/** The built command line as a process of a user who has nothing but a home. */
async function kogumactl(args: readonly string[], input = '', node: readonly string[] = []) {
  const child = spawn(process.execPath, [...node, KOGUMACTL, ...args], {
    env: { HOME: home.path, PATH: process.env.PATH ?? '' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const ran = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (ran.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (ran.err += text));
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number];
  return { code, ...ran };
}

describe('kogumactl as a program', () => {
  it('keeps control planes in a file for its user alone, and ends with 0 when all is well', async () => {
    expect(await kogumactl(['config', 'control-planes', 'add', '--name', 'global', '--address', client.url])).toEqual({
      code: 0,
      out: 'added Control Plane "global"\nswitched active Control Plane to "global"\n',
      err: '',
    });
    expect(statSync(join(home.path, '.kogumactl/config')).mode & 0o777).toBe(0o600);
    expect(await kogumactl(['version'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('Server: Kuma') as string,
    });
  });

  it('applies what is piped into it', async () => {
    const key = (await kogumactl(['generate', 'signing-key'])).out;
    const document = 'type: GlobalSecret\nname: user-token-signing-key-2\ndata: {{ key }}\n';
    expect(await kogumactl(['apply', '-f', '-', '--var', `key=${key}`], document)).toMatchObject({
      code: 0,
      out: 'resource type="GlobalSecret" name="user-token-signing-key-2" Created\n',
    });
    const { out: token } = await kogumactl(['generate', 'user-token', '--name', 'john', '--valid-for', '24h']);
    expect(decodeToken(token).kid).toBe('2');
    expect((await client.get('/who-am-i', { token })).body).toMatchObject({ name: 'john' });
  });

  it('passes on all of a long answer', async () => {
    await client.putSecret('long', 'x'.repeat(2_000_000));
    const { code, out } = await kogumactl(['get', 'global-secret', 'long', '-o', 'json']);
    expect({ code, length: (JSON.parse(out) as { data: string }).data.length }).toEqual({ code: 0, length: 2_666_668 });
  });

  it.each([
    [1, ['get', 'mesh', 'none'], '', 'Error: No resources found\nSee what there is: npx kogumactl get meshes\n'],
    [1, ['apply', '-f', '-'], '', 'Error: no resource(s) passed to apply\nPass YAML with a type and a name, '],
    [2, ['apply'], '', "Error: required option '-f, --file <file>' not specified\nSee: npx kogumactl apply --help\n"],
    [2, ['get', 'mash'], '', "Error: unknown command 'mash'\n"],
  ])('ends with %d, one line of what and one of what to do: %j', async (code, args, input, told) => {
    const ran = await kogumactl(args, input);
    expect({ ...ran, err: ran.err.slice(0, told.length) }).toEqual({ code, out: '', err: told });
  });

  it('says where scenarios can be played when the kit for tests is not installed, as in an image', async () => {
    const hook = `export const resolve = (name, context, next) => name === '@koguma/testkit'
      ? Promise.reject(Object.assign(new Error('none'), { code: 'ERR_MODULE_NOT_FOUND' })) : next(name, context);`;
    const [hooks, file] = [join(home.path, 'hooks.mjs'), join(home.path, 'without-testkit.mjs')];
    writeFileSync(hooks, hook);
    writeFileSync(file, `import { register } from 'node:module';\nregister('./hooks.mjs', import.meta.url);\n`);
    const { code, err } = await kogumactl(['scenario', 'run', 'story.yaml', '--live'], '', ['--import', file]);
    expect([code, err]).toEqual([
      1,
      'Error: scenarios cannot be played here: @koguma/testkit is not installed\n' +
        'Play them from a clone, or where it was installed with npm; with --live --context NAME they are played on control planes elsewhere, such as these.\n',
    ]);
  });

  it('ends with 1 when nobody is there', async () => {
    const address = `http://localhost:${await freePort()}`;
    await kogumactl(['config', 'control-planes', 'add', '--name', 'gone', '--address', address, '--skip-check']);
    expect(await kogumactl(['get', 'meshes'])).toEqual({
      code: 1,
      out: '',
      err: `Error: the control plane "gone" at ${address} cannot be reached: nothing listens there\nIs it running? Start a lab with: npx kogumactl up. Or choose another one with --context NAME.\n`,
    });
  });
});
