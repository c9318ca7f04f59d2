import * as fs from 'node:fs';
import { isIP } from 'node:net';
import type { CertificateOrder } from '@koguma/core';
import { type Command, Option } from 'commander';
import { Failure } from '../failure.js';
import type { Terminal } from '../terminal.js';

interface Options {
  readonly type: 'client' | 'server';
  readonly hostname?: readonly string[];
  readonly keyType: 'rsa' | 'ecdsa';
  readonly keyFile: string;
  readonly certFile: string;
  readonly caDir?: string;
}

const STDOUT = '-';
const HOST_NAME = /^(\*\.)?[\w-]+(\.[\w-]+)*$/;
const LONGEST_HOST_NAME = 253;
/** X.520 allows no more for a common name. */
const LONGEST_COMMON_NAME = 64;

const NOTES = `
The certificate is its own authority, or is signed by the one in --ca-dir, as those are that control planes make
(KOGUMA_TLS_CA_DIR); it is valid for ten years. A server certificate is for
KUMA_GENERAL_TLS_CERT_FILE and _KEY_FILE of a control plane; a client certificate without its key goes into
KUMA_API_SERVER_AUTH_CLIENT_CERTS_DIR. Files that exist are never overwritten.

Example:
  npx kogumactl generate tls-certificate --type=server --hostname=localhost,cp.example
  npx kogumactl generate tls-certificate --type=client --key-file=/tmp/tls.key --cert-file=/tmp/tls.crt`;

/** `generate tls-certificate`, with the flags and defaults of kumactl. */
export function addTlsCertificate(generate: Command, terminal: Terminal): void {
  const names = (value: string, before: readonly string[] = []) => [...before, ...value.split(',')];
  generate
    .command('tls-certificate')
    .description('make a private key and a self-signed certificate for a TLS server or client')
    .addOption(new Option('--type <type>', 'what it is for').choices(['client', 'server']).makeOptionMandatory())
    .option('--hostname <names>', 'host names and IP addresses, with commas (required for a server; repeatable)', names)
    .addOption(new Option('--key-type <type>', 'sort of the key').choices(['rsa', 'ecdsa']).default('rsa'))
    .option('--key-file <file>', 'where the private key goes; - is standard output', 'key.pem')
    .option('--cert-file <file>', 'where the certificate goes; - is standard output', 'cert.pem')
    .option('--ca-dir <folder>', 'sign with the authority in it (ca.crt, ca.key), both made when neither is there')
    .addHelpText('after', NOTES)
    .action((options: Options) => generateTlsCertificate(options, terminal));
}

async function generateTlsCertificate(options: Options, { out }: Terminal): Promise<void> {
  const { type, keyType, keyFile, certFile, caDir } = options;
  const names = namesOf(options);
  const files = [keyFile, certFile].filter((file) => file !== STDOUT);
  if (keyFile === certFile && keyFile !== STDOUT) {
    throw Failure.usage(`${keyFile} cannot hold both the key and the certificate`, 'Give each a file of its own.');
  }
  for (const file of files) if (fs.existsSync(file)) throw exists(file);

  const commonName = (names[0] ?? 'kogumactl').slice(0, LONGEST_COMMON_NAME);
  const { cert, key } = await make({ commonName, names, use: type, keyType }, caDir);
  if (keyFile === STDOUT) out.write(key);
  else write(keyFile, key, 0o600);
  if (certFile === STDOUT) out.write(cert);
  else {
    try {
      write(certFile, cert, 0o644);
    } catch (error) {
      // A key whose certificate was lost is of no use to anybody, and in the way of the next try.
      if (keyFile !== STDOUT) fs.rmSync(keyFile);
      throw error;
    }
  }
  if (files.length === 2) out.write(`Private key saved in ${keyFile}\nCertificate saved in ${certFile}\n`);
}

async function make(order: CertificateOrder, caDir: string | undefined): Promise<{ cert: string; key: string }> {
  const { ControlPlaneError, issueIn, makeSelfSigned } = await import('@koguma/core');
  if (caDir === undefined) return makeSelfSigned(order);
  return issueIn({ name: '--ca-dir', path: caDir }, order).catch((error: unknown) => {
    const [violation] = error instanceof ControlPlaneError ? error.violations : [];
    if (!violation) throw error;
    throw new Failure(
      `${violation.field}: ${violation.reason}`,
      'Name a folder with both files of an authority, or one where they can be made.',
    );
  });
}

function namesOf({ type, hostname = [] }: Options): string[] {
  const names = hostname.map((name) => name.trim());
  for (const name of names) {
    if (isIP(name) !== 0 || (HOST_NAME.test(name) && name.length <= LONGEST_HOST_NAME)) continue;
    const todo = 'Write host names and IP addresses with commas: --hostname=cp.example,10.0.0.1';
    throw Failure.usage(`${JSON.stringify(name)} is neither a host name nor an IP address`, todo);
  }
  if (type === 'client' || names.length > 0) return names;
  const todo = 'Say by which names it is dialled: --hostname=localhost,cp.example';
  throw Failure.usage('at least one hostname must be given for a server', todo);
}

function write(file: string, text: string, mode: number): void {
  try {
    fs.writeFileSync(file, text, { mode, flag: 'wx' });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw exists(file);
    throw new Failure(
      `${file} cannot be written (${code ?? message})`,
      'Choose another one with --key-file or --cert-file.',
    );
  }
}

function exists(file: string): Failure {
  return new Failure(
    `${file} exists, and is not overwritten`,
    'Move it away, or choose another one with --key-file or --cert-file.',
  );
}
