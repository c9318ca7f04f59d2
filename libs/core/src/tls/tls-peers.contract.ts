import { execFileSync, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type ConnectionOptions, connect, createServer, type PeerCertificate } from 'node:tls';
import { Listener } from '../adapters/listener.js';
import type { TlsIdentity } from './certificates.js';

const P256: readonly string[] = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

/** A folder that is gone after the test, and certificates in it that OpenSSL made. */
export class CertificateBox implements Disposable {
  readonly dir = fs.mkdtempSync(path.join(tmpdir(), 'koguma-tls-'));

  path(name: string): string {
    return path.join(this.dir, name);
  }

  read(name: string): string {
    return fs.readFileSync(this.path(name), 'utf8');
  }

  write(name: string, text: string): string {
    fs.writeFileSync(this.path(name), text);
    return this.path(name);
  }

  openssl(...args: string[]): string {
    return execFileSync('openssl', args, { cwd: this.dir, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** `{name}.crt` and `{name}.key`: self-signed, for localhost, with a key as `openssl req` makes it. */
  selfSigned(name: string, more: readonly string[] = [], key = P256): { cert: string; key: string } {
    const files = ['-keyout', `${name}.key`, '-out', `${name}.crt`];
    const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost'];
    this.openssl('req', '-x509', '-newkey', ...key, '-nodes', ...files, ...subject, ...more);
    return { cert: this.path(`${name}.crt`), key: this.path(`${name}.key`) };
  }

  [Symbol.dispose](): void {
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}

/** A TLS server that greets whoever comes. */
export async function greeter(tls: TlsIdentity): Promise<{ port: number; close(): Promise<void> }> {
  const server = createServer((socket) => socket.on('error', () => undefined).end('hello'));
  const listener = await Listener.open(server, { host: '127.0.0.1', port: 0, name: 'greeter', tls });
  return { port: listener.port, close: () => listener.close(0) };
}

/** What a client sees that was greeted. @throws the error that it met */
export function greeted(
  port: number,
  options: ConnectionOptions = {},
): Promise<{ certificate: PeerCertificate; protocol: string | null; cipher: string }> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ...options }, () => {
      const seen = {
        certificate: socket.getPeerCertificate(),
        protocol: socket.getProtocol(),
        cipher: socket.getCipher().standardName,
      };
      socket.on('data', () => undefined).on('end', () => resolve(seen));
    });
    socket.on('error', reject);
  });
}

/** What `openssl s_client` says of a server, and whether it was greeted. */
export function sClient(port: number, ...args: string[]): Promise<{ greeted: boolean; output: string }> {
  return new Promise((resolve) => {
    const client = spawn(
      'openssl',
      ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'localhost', ...args],
      {
        stdio: ['pipe', 'pipe', 'pipe'],
      },
    );
    let output = '';
    for (const stream of [client.stdout, client.stderr])
      stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
    client.on('close', () => resolve({ greeted: output.includes('hello'), output }));
  });
}
