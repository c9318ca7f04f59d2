import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseRsaKey } from '@koguma/auth';
import { decodeToken, startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CommandLine } from '../support/command-line.js';
import { switchesYaml } from './offline-keys.js';

let lab: WiredLab;
let user: CommandLine;
beforeAll(async () => {
  lab = await startWiredLab({ zones: ['east'] });
  await lab.global.createMesh('payments');
  await lab.synced();
  user = await CommandLine.with({ global: lab.global.url, east: lab.zone('east').url });
});
afterAll(async () => {
  await user.remove();
  await lab.stop();
});

const generate = (...args: string[]) => user.ok('generate', ...args);
/** How long a token is valid from when it was issued, in hours. */
const hours = ({ claims }: ReturnType<typeof decodeToken>) => (Number(claims.exp) - Number(claims.iat)) / 3_600;

describe('kogumactl generate with a control plane', () => {
  it('dataplane-token prints the token of page 002, and nothing else', async () => {
    const token = await generate(
      ...['dataplane-token', '--name', 'dp-echo-1', '--mesh', 'payments', '--valid-for', '720h'],
      ...['--tag', 'kuma.io/service=backend,backend-admin'],
    );
    expect(token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(await lab.zone('east').verify(token, 'dataplane', 'payments')).toMatchObject({ accepted: true });
    const decoded = decodeToken(token);
    expect(decoded.claims).toMatchObject({
      Name: 'dp-echo-1',
      Mesh: 'payments',
      Tags: { 'kuma.io/service': ['backend', 'backend-admin'] },
      Type: '',
    });
    expect(hours(decoded)).toBe(720);
  });

  it('dataplane-token says no more than it is told, and is valid for ten years', async () => {
    const decoded = decodeToken(await generate('dataplane-token'));
    expect(decoded.claims).toMatchObject({ Name: '', Mesh: 'default', Tags: {}, Type: '' });
    expect(hours(decoded)).toBe(87_600);
  });

  it('dataplane-token takes tags one by one, a proxy type by its old name, and a workload', async () => {
    const tags = ['--tag', 'a=1', '--tag', 'b=2,3', '--tag', 'a=4'];
    const { claims } = decodeToken(await generate('dataplane-token', ...tags, '--type=ingress', '--workload=web'));
    expect(claims).toMatchObject({ Tags: { a: ['1', '4'], b: ['2', '3'] }, Type: 'ingress', Workload: 'web' });
  });

  it('zone-ingress-token prints the token of pages 000 and 001, on a zone too', async () => {
    const token = await generate('zone-ingress-token', '--zone', 'us-east', '--valid-for', '720h', '--context', 'east');
    expect(decodeToken(token).claims).toMatchObject({ Zone: 'us-east' });
    expect(await lab.global.verify(token, 'zone-ingress')).toMatchObject({ accepted: true });
    expect(hours(decodeToken(await generate('zone-ingress-token', '--zone', 'us-east')))).toBe(87_600);
  });

  it('zone-token is for ingress and egress, or for what it is told', async () => {
    const zone = ['zone-token', '--zone', 'east', '--valid-for', '1h30m'];
    expect(decodeToken(await generate(...zone)).claims).toMatchObject({ Zone: 'east', Scope: ['ingress', 'egress'] });
    const token = await generate(...zone, '--scope', 'cp');
    expect(decodeToken(token).claims.Scope).toEqual(['cp']);
    expect(hours(decodeToken(token))).toBe(1.5);
    expect(await lab.global.verify(token, 'zone')).toMatchObject({ accepted: true });
  });

  it('user-token prints the token of page 003', async () => {
    const token = await generate('user-token', '--name=john', '--group=team-a', '--group', 'b,c', '--valid-for=24h');
    expect(decodeToken(token).claims).toMatchObject({ Name: 'john', Groups: ['team-a', 'b', 'c'] });
    expect((await lab.global.get('/who-am-i', { token })).body).toMatchObject({ name: 'john' });
  });

  it('tells why the control plane issues none', async () => {
    expect(await user.run('generate', 'dataplane-token', '--mesh', 'none')).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(
        /^Error: Signing Key not found \(there is no signing key with KID 1\. .*\)\nCheck the name/,
      ) as string,
    });
    const { code, err } = await user.run('generate', 'user-token', '--name', '', '--valid-for', '1h');
    expect({ code, err }).toEqual({
      code: 1,
      err: 'Error: Invalid request (Resource is not valid)\n* name: cannot be empty\nMend what it names, and try again.\n',
    });
  });
});

describe('a wrong call of kogumactl generate', () => {
  it.each([
    [['zone-token', '--zone', 'a'], "required option '--valid-for <duration>' not specified"],
    [['user-token', '--name', 'a'], "required option '--valid-for <duration>' not specified"],
    [['zone-ingress-token'], "required option '--zone <name>' not specified"],
    [['zone-ingress-token', '--zone', 'a', '--valid-for', '30d'], '--valid-for is invalid: time: unknown unit "d"'],
    [['zone-token', '--zone', 'a', '--valid-for', '1h', '--scope', 'ingress,x'], 'invalid --scope values: [x]\nSupp'],
    [['dataplane-token', '--tag', 'a'], 'what --tag was given is not key=value'],
    [['dataplane-token', '--kid', '1'], '--kid cannot be used without --signing-key-path'],
    [['dataplane-token', '--signing-key-path', 'x'], '--kid is required when --signing-key-path is used'],
    [['signing-key', '--format', 'der'], "option '--format <format>' argument 'der' is invalid"],
    [['public-key'], "required option '--signing-key-path <file>' not specified"],
  ])('%j ends with exit code 2', async (args, told) => {
    const { code, out, err } = await user.run('generate', ...args);
    expect({ code, out, told: err.slice(0, told.length + 7) }).toEqual({ code: 2, out: '', told: `Error: ${told}` });
  });
});

describe('kogumactl generate signing-key', () => {
  it('prints base64 without a line end, which can be stored as it is', async () => {
    const key = await generate('signing-key');
    expect(key).toMatch(/^[\w+/]+=*$/);
    const pem = Buffer.from(key, 'base64').toString();
    expect(pem).toMatch(/^-----BEGIN RSA PRIVATE KEY-----\n/);
    expect(parseRsaKey(Buffer.from(pem)).key.asymmetricKeyDetails?.modulusLength).toBe(2048);
    const document = 'type: Secret\nmesh: payments\nname: dataplane-token-signing-key-payments-2\ndata: {{ key }}\n';
    expect((await user.pipe(document, 'apply', '-f', '-', '--var', `key=${key}`)).code).toBe(0);
    expect(decodeToken(await generate('dataplane-token', '-m', 'payments')).kid).toBe('2');
  });

  it('--format=pem prints PEM, of which public-key prints the public half', async () => {
    const file = join(user.home, 'key.pem');
    await writeFile(file, await generate('signing-key', '--format=pem'));
    const publicKey = await generate('public-key', `--signing-key-path=${file}`);
    expect(publicKey).toMatch(/^-----BEGIN RSA PUBLIC KEY-----\n/);
    const made = execFileSync('openssl', ['rsa', '-in', file, '-RSAPublicKey_out'], { stdio: 'pipe' });
    expect(publicKey).toBe(made.toString());
  });

  it.each([
    ['/none', '/none cannot be read (ENOENT)\nCheck --signing-key-path.'],
    ['/dev/null', '/dev/null is not an RSA key: give PEM (PKCS#1, PKCS#8 or SPKI) or PKCS#1 DER\nMake one with: '],
  ])('public-key of %s tells what is wrong', async (file, told) => {
    const { code, out, err } = await user.run('generate', 'public-key', '--signing-key-path', file);
    expect({ code, out, told: err.slice(0, told.length + 7) }).toEqual({ code: 1, out: '', told: `Error: ${told}` });
  });
});

describe('kogumactl generate without a control plane', () => {
  let nobody: CommandLine;
  let file: string;
  beforeAll(async () => {
    nobody = await CommandLine.with({});
    file = join(nobody.home, 'private.pem');
    await writeFile(file, await generate('signing-key', '--format=pem'));
    return () => nobody.remove();
  });
  const key = () => ['--signing-key-path', file, '--kid', 'key-1'];

  it('makes tokens that are accepted where the public key is configured', async () => {
    const token = await nobody.ok('generate', 'user-token', '--name=ci', '--group=users', '--valid-for=24h', ...key());
    expect(decodeToken(token)).toMatchObject({ kid: 'key-1', claims: { Name: 'ci', Groups: ['users'] } });
    const publicKey = await nobody.ok('generate', 'public-key', '--signing-key-path', file);
    const switches = { enableIssuer: false, useSecrets: false, publicKeys: [{ kid: 'key-1', key: publicKey }] };
    lab.configure('east', {}, switchesYaml({ user: switches }));
    await lab.zone('east').restart();
    expect((await lab.zone('east').get('/who-am-i', { token })).body).toMatchObject({ name: 'ci' });
  });

  it('needs no configuration file, and does not look at one', async () => {
    // A file that cannot be a configuration: whoever looked at it would fail.
    const broken = ['--config-file', file];
    const token = await nobody.ok('generate', 'zone-token', '--zone=a', '--valid-for=1h', ...key(), ...broken);
    expect(decodeToken(token).claims).toMatchObject({ Zone: 'a', Scope: ['ingress', 'egress'] });
    expect(existsSync(nobody.configFile)).toBe(false);
    const dataplane = await nobody.ok('generate', 'dataplane-token', ...key(), ...broken);
    expect(decodeToken(dataplane).claims).toMatchObject({ Mesh: 'default' });
  });

  it('refuses what a control plane would refuse, by field, and a file that is no private key', async () => {
    const { code, err } = await nobody.run('generate', 'user-token', '--name=', '--valid-for=0s', ...key());
    expect({ code, err }).toEqual({
      code: 1,
      err: 'Error: no token can be made of this\n* name: cannot be empty\n* validFor: must be at least 1s\nMend what it names, and try again.\n',
    });
    const publicFile = join(nobody.home, 'public.pem');
    await writeFile(publicFile, await nobody.ok('generate', 'public-key', '--signing-key-path', file));
    const args = ['--name=a', '--valid-for=1h', '--kid=1', '--signing-key-path', publicFile];
    expect((await nobody.run('generate', 'user-token', ...args)).err).toContain(
      `* ${publicFile}: is a public key: signing needs the private one\n`,
    );
  });
});
