import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { kogumactl } from '../cli.js';

// RSA keys are really made, and OpenSSL is asked, which takes its time where others work too.
vi.setConfig({ testTimeout: 20_000 });

let dir: string;
let ran: { code: number; out: string; err: string };
beforeEach(() => {
  dir = fs.mkdtempSync(path.join(tmpdir(), 'kl-'));
});
afterEach(() => fs.rmSync(dir, { recursive: true, force: true }));

const file = (name: string) => path.join(dir, name);
const FILES = () => [`--key-file=${file('key.pem')}`, `--cert-file=${file('cert.pem')}`];

async function generate(...args: string[]): Promise<void> {
  ran = { code: 0, out: '', err: '' };
  const { signal } = new AbortController();
  ran.code = await kogumactl(['generate', 'tls-certificate', ...args], {
    out: { write: (text) => (ran.out += text) },
    err: { write: (text) => (ran.err += text) },
    env: {},
    stdin: async function* () {},
    interrupts: () => ({ stop: signal, atOnce: signal }),
  });
}

/** What OpenSSL says of the certificate. */
const shown = (...what: string[]) =>
  execFileSync('openssl', ['x509', '-in', file('cert.pem'), '-noout', ...what], { encoding: 'utf8' });
const verify = (purpose: string) =>
  execFileSync('openssl', ['verify', '-CAfile', file('cert.pem'), '-purpose', purpose, file('cert.pem')], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });

describe('generate tls-certificate', () => {
  it('makes a key and a certificate for a server, which belong together', async () => {
    await generate('--type=server', '--hostname=cp.example,10.0.0.1', '--hostname', '::1', ...FILES());
    expect(ran).toEqual({
      code: 0,
      out: `Private key saved in ${file('key.pem')}\nCertificate saved in ${file('cert.pem')}\n`,
      err: '',
    });
    const publicKey = execFileSync('openssl', ['pkey', '-in', file('key.pem'), '-pubout'], { encoding: 'utf8' });
    expect(shown('-pubkey')).toBe(publicKey);
    expect(shown('-subject', '-nameopt', 'RFC2253')).toBe('subject=CN=cp.example\n');
    const text = shown('-text');
    expect(text).toMatch(/DNS:cp\.example, IP Address:10\.0\.0\.1, IP Address:0:0:0:0:0:0:0:1/);
    expect(text).toMatch(/Digital Signature, Key Encipherment, Certificate Sign/);
    expect(text).toMatch(/CA:TRUE/);
    expect(verify('sslserver')).toContain('OK');
    expect(() => verify('sslclient')).toThrow();
  });

  it('is for ten years', async () => {
    await generate('--type=server', '--hostname=a', ...FILES());
    const years = (days: number) => ['-checkend', String(days * 86_400)];
    expect(shown(...years(3_649))).toContain('will not expire');
    expect(() => shown(...years(3_651))).toThrow();
  });

  it('makes one for a client, whose name nobody asks for', async () => {
    await generate('--type=client', ...FILES());
    expect(ran.code).toBe(0);
    expect(verify('sslclient')).toContain('OK');
    expect(() => verify('sslserver')).toThrow();
  });

  it.each([
    [[], /RSA PRIVATE KEY/, /RSA Public-Key|Public-Key: \(2048 bit\)/],
    [['--key-type=rsa'], /RSA PRIVATE KEY/, /Public-Key: \(2048 bit\)/],
    [['--key-type=ecdsa'], /EC PRIVATE KEY/, /NIST CURVE: P-256/],
  ])('has keys of two sorts: %j', async (args, pem, text) => {
    await generate('--type=client', ...args, ...FILES());
    expect(fs.readFileSync(file('key.pem'), 'utf8')).toMatch(pem);
    expect(shown('-text')).toMatch(text);
  });

  it('lets only their owner read keys', async () => {
    await generate('--type=client', ...FILES());
    expect(fs.statSync(file('key.pem')).mode & 0o777).toBe(0o600);
  });

  it('prints what is for standard output, and nothing else', async () => {
    await generate('--type=client', '--key-file=-', `--cert-file=${file('cert.pem')}`);
    expect(ran.out).toMatch(/^-----BEGIN RSA PRIVATE KEY-----\n[\s\S]+-----END RSA PRIVATE KEY-----\n$/);
    await generate('--type=client', '--key-type=ecdsa', '--key-file=-', '--cert-file=-');
    expect(ran.out).toMatch(
      /^-----BEGIN EC[\s\S]+KEY-----\n-----BEGIN CERTIFICATE-----\n[\s\S]+-----END CERTIFICATE-----\n$/,
    );
  });

  it.each(['key.pem', 'cert.pem'])('never overwrites a file, and then writes neither: %s', async (name) => {
    fs.writeFileSync(file(name), 'precious');
    await generate('--type=client', ...FILES());
    expect(ran).toEqual({
      code: 1,
      out: '',
      err: `Error: ${file(name)} exists, and is not overwritten\nMove it away, or choose another one with --key-file or --cert-file.\n`,
    });
    expect(fs.readdirSync(dir)).toEqual([name]);
    expect(fs.readFileSync(file(name), 'utf8')).toBe('precious');
  });

  it('leaves no key behind whose certificate cannot be written', async () => {
    await generate('--type=client', `--key-file=${file('key.pem')}`, `--cert-file=${file('none/cert.pem')}`);
    expect([ran.code, ran.err]).toEqual([1, expect.stringContaining('none/cert.pem cannot be written (ENOENT)')]);
    expect(fs.readdirSync(dir)).toEqual([]);
  });

  it('signs with an authority that is made once, and is none itself', async () => {
    const ca = file('ca');
    await generate('--type=server', '--hostname=a', `--ca-dir=${ca}`, ...FILES());
    expect(ran.code).toBe(0);
    const authority = fs.readFileSync(path.join(ca, 'ca.crt'), 'utf8');
    expect(fs.statSync(path.join(ca, 'ca.key')).mode & 0o777).toBe(0o600);
    const verifies = (cert: string) =>
      execFileSync('openssl', ['verify', '-CAfile', path.join(ca, 'ca.crt'), '-purpose', 'sslserver', cert]).toString();
    expect(verifies(file('cert.pem'))).toContain('OK');
    expect(shown('-text')).toMatch(/CA:FALSE/);

    const more = [`--key-file=${file('b.key')}`, `--cert-file=${file('b.crt')}`];
    await generate('--type=server', '--hostname=b', `--ca-dir=${ca}`, ...more);
    expect(verifies(file('b.crt'))).toContain('OK');
    expect(fs.readFileSync(path.join(ca, 'ca.crt'), 'utf8')).toBe(authority);
  });

  it('says what is wrong with an authority, and writes nothing', async () => {
    fs.mkdirSync(file('ca'));
    fs.writeFileSync(file('ca/ca.crt'), 'nothing');
    await generate('--type=server', '--hostname=a', `--ca-dir=${file('ca')}`, ...FILES());
    expect([ran.code, ran.err]).toEqual([
      1,
      expect.stringMatching(/^Error: --ca-dir: got .*, in which ca.crt or ca.key /),
    ]);
    expect(fs.readdirSync(dir)).toEqual(['ca']);
  });

  it.each([
    [['--hostname=a'], /required option '--type <type>' not specified/],
    [['--type=peer', '--hostname=a'], /'peer' is invalid\. Allowed choices are client, server/],
    [['--type=server'], /at least one hostname must be given for a server/],
    [['--type=server', '--hostname='], /"" is neither a host name nor an IP address/],
    [['--type=server', '--hostname=a,,b'], /"" is neither a host name nor an IP address/],
    [['--type=server', '--hostname=https://a'], /"https:\/\/a" is neither a host name nor an IP address/],
    [['--type=server', `--hostname=${'a'.repeat(254)}`], /is neither a host name nor an IP address/],
    [['--type=client', '--key-type=dsa'], /'dsa' is invalid\. Allowed choices are rsa, ecdsa/],
    [['--type=client', '--key-file=x', '--cert-file=x'], /x cannot hold both the key and the certificate/],
  ])('refuses %j', async (args, message) => {
    await generate(...args);
    expect(ran.code).toBe(2);
    expect(ran.err).toMatch(message);
  });
});
