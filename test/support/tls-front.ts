import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A TLS end in front of a control plane that speaks plain HTTP, as people put one there. */
export class TlsFront {
  private constructor(
    private readonly server: Server,
    /** PEM of its certificate, which is its own CA. */
    readonly certFile: string,
  ) {}

  /** @param folder gets the certificate and its key, which are for `localhost` alone */
  static async open(apiUrl: string, folder: string): Promise<TlsFront> {
    const [certFile, keyFile] = [join(folder, 'front.pem'), join(folder, 'front-key.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout', keyFile];
    await run('openssl', ['req', '-x509', ...key, '-out', certFile, '-days', '2', ...subject]);
    const port = Number(new URL(apiUrl).port);
    const options = { cert: await readFile(certFile), key: await readFile(keyFile) };
    const server = createServer(options, (socket) => {
      const inner = connect(port, '127.0.0.1');
      socket.pipe(inner).pipe(socket);
      socket.on('error', () => inner.destroy());
      inner.on('error', () => socket.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new TlsFront(server, certFile);
  }

  urlFor(host: string): string {
    return `https://${host}:${(this.server.address() as { port: number }).port}`;
  }

  async close(): Promise<void> {
    await new Promise((resolve) => this.server.close(resolve));
  }
}
