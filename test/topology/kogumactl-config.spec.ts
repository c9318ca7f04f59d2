import { readFileSync, statSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type LabNode, startStandalone, startWiredLab, type WiredLab } from '@koguma/testkit';
import type { ServedZone } from '@koguma/zone-cp';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CommandLine } from '../support/command-line.js';
import { scratchFolder } from '../support/processes.js';
import { opensslCertificate } from '../support/tls.js';

let lab: WiredLab;
let user: CommandLine;
beforeAll(async () => {
  lab = await startWiredLab({ zones: ['east'] });
});
afterAll(() => lab.stop());
beforeEach(async () => {
  user = await CommandLine.with({});
  return () => user.remove();
});

const JOHN = { name: 'john', groups: ['team-a'], validFor: '1h' };
const add = (name: string, address: string, ...more: string[]) =>
  user.run('config', 'control-planes', 'add', '--name', name, '--address', address, ...more);
const withToken = (token: string) => ['--auth-type=tokens', '--auth-conf', `token=${token}`];

describe('kogumactl config control-planes', () => {
  it('add tests the control plane, keeps it in a file for its owner alone, and switches to it', async () => {
    expect(await add('prod', lab.global.url)).toEqual({
      code: 0,
      out: 'added Control Plane "prod"\nswitched active Control Plane to "prod"\n',
      err: '',
    });
    expect(statSync(user.configFile).mode & 0o777).toBe(0o600);
    expect(await user.ok('version')).toBe('Client: Koguma 0.1.0\nServer: Kuma 0.1.0-preview\n');
    expect(await user.ok('version', '-a')).toContain('"instanceId"');
  });

  it('add takes a token that is good there, and sends it from then on', async () => {
    const token = await lab.zone('east').issue('user', JOHN);
    expect(await add('east', lab.zone('east').url, ...withToken(token))).toMatchObject({ code: 0, err: '' });
    expect(readFileSync(user.configFile, 'utf8')).toContain(token);
  });

  it('add refuses a token that the control plane does not take, and keeps nothing of it', async () => {
    const token = await lab.global.issue('user', JOHN);
    const { url } = lab.zone('east');
    expect(await add('east', url, ...withToken(token))).toEqual({
      code: 1,
      out: '',
      err: `Error: the control plane "east" at ${url} does not take this token\nGive one that this control plane has issued: keys of users are its own. Nothing was added.\n`,
    });
    expect(await user.ok('config', 'control-planes', 'list')).not.toContain('east');
    expect(await add('east', url, ...withToken(token), '--skip-check')).toMatchObject({ code: 0 });
  });

  it('add wants a Kuma at the address', async () => {
    const other = createServer((_, response) => response.end('{"tagline":"Bananas"}'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    expect(await add('other', url)).toEqual({
      code: 1,
      out: '',
      err: `Error: ${url} is not the API server of Kuma\nCheck --address.\n`,
    });
    other.close();
    await new Promise((resolve) => other.once('close', resolve));
    const { code, err } = await add('other', url);
    expect({ code, err: err.split('\n')[0] }).toEqual({
      code: 1,
      err: `Error: the control plane "other" at ${url} cannot be reached: nothing listens there`,
    });
  });

  it('add replaces one only with --overwrite', async () => {
    await add('prod', lab.global.url);
    expect(await add('prod', lab.zone('east').url)).toEqual({
      code: 1,
      out: '',
      err: 'Error: Control Plane with name "prod" already exists\nReplace it with --overwrite.\n',
    });
    expect(await add('prod', lab.zone('east').url, '--overwrite')).toMatchObject({ code: 0 });
    expect(await user.ok('config', 'control-planes', 'list')).toContain(lab.zone('east').url);
  });

  it('list, switch and remove show and change which one is spoken to', async () => {
    await add('prod', lab.global.url);
    await add('east', lab.zone('east').url);
    expect(await user.ok('config', 'control-planes', 'list')).toBe(
      [
        'ACTIVE   NAME    ADDRESS',
        '         local   http://localhost:5681',
        `         prod    ${lab.global.url}`,
        `*        east    ${lab.zone('east').url}`,
        '',
      ].join('\n'),
    );
    expect(await user.ok('config', 'control-planes', 'switch', '--name', 'prod')).toBe(
      'switched active Control Plane to "prod"\n',
    );
    expect(await user.ok('config', 'control-planes', 'remove', '--name', 'prod')).toBe(
      'removed Control Plane "prod"\nswitched active Control Plane to "local"\n',
    );
    expect(await user.run('config', 'control-planes', 'switch', '--name', 'prod')).toEqual({
      code: 1,
      out: '',
      err: 'Error: there is no Control Plane with name "prod"\nThose that there are: local, east.\n',
    });
  });

  it.each([
    [['--address', 'localhost:5681'], '--address "localhost:5681" is not a URL'],
    [['--auth-type', 'tokens'], '--auth-conf is not valid: there is no token'],
    [['--auth-type', 'basic'], 'authentication plugin of type "basic" is not found'],
    [['--auth-type', 'tokens', '--auth-conf', 'eyJsecret'], 'what --auth-conf was given is not key=value'],
    [['--client-cert-file', 'a.pem'], 'a client certificate and its key belong together'],
    [['--api-timeout', '5'], '--api-timeout "5" is not a duration'],
  ])('add with %j is a wrong call', async (options, what) => {
    const { code, out, err } = await add('x', lab.global.url, ...options);
    expect({ code, out, what: err.split('\n')[0] }).toEqual({ code: 2, out: '', what: `Error: ${what}` });
    expect(err).not.toContain('eyJsecret');
  });
});

describe('kogumactl config view', () => {
  it('shows the file without what proves who one is, unless it is asked to', async () => {
    const token = await lab.global.issue('user', JOHN);
    await add('prod', lab.global.url, ...withToken(token), '--headers', 'x-key=secret');
    const shown = await user.ok('config', 'view');
    expect(shown).toContain('name: prod');
    expect(shown).toContain('token: "*****"');
    expect(shown).not.toContain(token);
    expect(shown).not.toContain('secret');
    expect(await user.ok('config', 'view', '--raw')).toBe(readFileSync(user.configFile, 'utf8'));
  });
});

describe('a control plane on port 5682, which is TLS', () => {
  let folder: Awaited<ReturnType<typeof scratchFolder>>;
  let zone: LabNode<ServedZone>;
  let ca: string;
  beforeAll(async () => {
    folder = await scratchFolder();
    const { certFile, keyFile } = opensslCertificate(folder.path, 'front', {});
    ca = certFile;
    zone = await startStandalone({
      KUMA_API_SERVER_HTTPS_ENABLED: 'true',
      KUMA_API_SERVER_HTTPS_PORT: '0',
      KUMA_API_SERVER_HTTPS_TLS_CERT_FILE: certFile,
      KUMA_API_SERVER_HTTPS_TLS_KEY_FILE: keyFile,
      KUMA_GENERAL_WORK_DIR: folder.path,
    });
  });
  afterAll(async () => {
    await zone.stop();
    await folder.remove();
  });
  /** The certificate is for `localhost`, and for no other name of this machine. */
  const at = (host: string) => `https://${host}:${zone.served.ports.https}`;

  it('is verified: by the CA that it is added with', async () => {
    expect(await add('tls', at('localhost'), '--ca-cert-file', ca)).toMatchObject({ code: 0 });
    expect(await user.ok('version')).toContain('Server: Kuma');
  });

  it('is not spoken to when nobody knows its CA', async () => {
    const { code, out, err } = await add('tls', at('localhost'));
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(
      /^Error: the certificate of the control plane "tls" at https.* is not trusted: .*\n.*--ca-cert-file/,
    );
  });

  it('is not spoken to under a name that its certificate is not for', async () => {
    const { code, err } = await add('tls', at('127.0.0.1'), '--ca-cert-file', ca);
    expect({ code, trusted: !err.includes('is not trusted') }).toEqual({ code: 1, trusted: false });
  });

  it('is spoken to unverified only when that is asked for', async () => {
    expect(await add('tls', at('127.0.0.1'), '--skip-verify')).toMatchObject({ code: 0 });
  });

  it('is not mistaken for one that speaks plain HTTP', async () => {
    const { code, err } = await add('plain', at('localhost').replace('https', 'http'));
    expect({ code, reached: !err.includes('cannot be reached') }).toEqual({ code: 1, reached: false });
  });
});

describe('a client certificate of an administrator', () => {
  it('is made by kogumactl, and is shown by it when the control plane was added with it', async () => {
    const { path: folder, remove } = await scratchFolder();
    const [key, cert] = [join(folder, 'tls.key'), join(folder, 'client.crt')];
    await user.ok('generate', 'tls-certificate', '--type=client', `--cert-file=${cert}`, `--key-file=${key}`);
    await mkdir(join(folder, 'clients'));
    await copyFile(cert, join(folder, 'clients', 'client1.pem'));
    const zone = await startStandalone({
      KUMA_API_SERVER_AUTHN_TYPE: 'adminClientCerts',
      KUMA_API_SERVER_AUTHN_LOCALHOST_IS_ADMIN: 'false',
      KUMA_API_SERVER_AUTH_CLIENT_CERTS_DIR: join(folder, 'clients'),
      KUMA_API_SERVER_HTTPS_ENABLED: 'true',
      KUMA_API_SERVER_HTTPS_PORT: '0',
      KUMA_GENERAL_WORK_DIR: folder,
    });
    const url = `https://localhost:${zone.served.ports.https}`;
    const ca = ['--ca-cert-file', join(folder, 'ca.crt')];
    expect(await add('nobody', url, ...ca)).toMatchObject({ code: 0 });
    expect((await user.run('get', 'global-secrets')).err).toContain('Access Denied (user "mesh-system:anonymous/');
    expect(await add('admin', url, ...ca, '--client-cert-file', cert, '--client-key-file', key)).toMatchObject({
      code: 0,
    });
    expect(await user.ok('get', 'global-secrets')).toContain('zone-token-signing-key-1');
    await zone.stop();
    await remove();
  });
});

describe('an answer that does not come', () => {
  it('is waited for as long as --api-timeout says', async () => {
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const { code, err } = await add('silent', url, '--api-timeout', '50ms');
    silent.closeAllConnections();
    silent.close();
    expect({ code, err }).toEqual({
      code: 1,
      err: `Error: the control plane "silent" at ${url} did not answer within 0.05 s\nGive it longer with --api-timeout.\n`,
    });
  });
});
