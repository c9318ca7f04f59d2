import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { type ConnectionOptions, connect } from 'node:tls';
import { makeSelfSigned } from '@koguma/core';

/** A certificate and its key, in files and as PEM. */
export interface TestCertificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

/** Makes a self-signed certificate in a folder, for whom `names` says. */
export async function certificateIn(
  folder: string,
  name: string,
  { use = 'server', names = ['localhost', '127.0.0.1'] }: { use?: 'server' | 'client'; names?: readonly string[] } = {},
): Promise<TestCertificate> {
  const { cert, key } = await makeSelfSigned({ commonName: name, names, use, keyType: 'ecdsa' });
  const [certFile, keyFile] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key);
  return { certFile, keyFile, cert, key };
}

interface Signing {
  /** The name of the certificate that signs; itself when left out. */
  readonly by?: string;
  /** As OpenSSL writes times: `20200101000000Z`. */
  readonly from?: string;
  readonly until?: string;
}

/** Makes a certificate with OpenSSL, which can do what ours never should: sign with any certificate, and for any time. */
export function opensslCertificate(folder: string, name: string, { by = name, from, until }: Signing): TestCertificate {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const policy = 'default_md=sha256\npolicy=p\nrand_serial=yes\ncopy_extensions=copy\n[p]\ncommonName=supplied\n';
  writeFileSync(join(folder, 'ca.cnf'), `[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nnew_certs_dir=.\n${policy}`);
  writeFileSync(join(folder, 'index.txt'), '');
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost'];
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`, ...subject);
  const signer = by === name ? ['-selfsign'] : ['-cert', `${by}.crt`];
  const dates = ['-startdate', from ?? '20200101000000Z', '-enddate', until ?? '20991231235959Z'];
  const files = ['-in', `${name}.csr`, '-out', `${name}.crt`, '-keyfile', `${by}.key`];
  openssl('ca', '-batch', '-notext', '-config', 'ca.cnf', ...files, ...signer, ...dates);
  const [certFile, keyFile] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
  return { certFile, keyFile, cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
}

export interface HttpsAnswer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

export interface HttpsCall {
  /** Whom to believe. */
  readonly ca: string;
  /** Shown to the server. */
  readonly client?: Pick<TestCertificate, 'cert' | 'key'>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: string;
  readonly body?: unknown;
}

/** One request over TLS, on a connection of its own. @throws the error of the connection */
export function httpsCall(
  port: number,
  path: string,
  { ca, client, headers = {}, method = 'GET', body }: HttpsCall,
): Promise<HttpsAnswer> {
  const identity = client ? { cert: client.cert, key: client.key } : {};
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', servername: 'localhost', port, path, method, headers, ca, agent: false, ...identity },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const isJson = response.headers['content-type'] === 'application/json' && text !== '';
          resolve({ status: response.statusCode ?? 0, body: isJson ? JSON.parse(text) : {} });
        });
      },
    );
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** The certificate that a server shows, as its subject's common name, and the protocol that was agreed on. */
export function shownBy(port: number, options: ConnectionOptions = {}): Promise<{ name: unknown; alpn: unknown }> {
  return new Promise((resolve, reject) => {
    const to = { host: '127.0.0.1', servername: 'localhost', port, rejectUnauthorized: false, ...options };
    const socket = connect(to, () => {
      resolve({ name: socket.getPeerCertificate().subject.CN, alpn: socket.alpnProtocol });
      socket.destroy();
    });
    socket.on('error', reject);
  });
}
