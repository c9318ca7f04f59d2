import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { owned } from './processes.mjs';

const PROGRAM = fileURLToPath(new URL('../apps/koguma-dp/bin/koguma-dp.js', import.meta.url));
/** A busy machine lets in ten a second. */
const PATIENCE_MS = { atLeast: 40_000, forEach: 100 };
/** The order for a token that is good for every proxy of its mesh. */
export const FOR_ALL = { name: '', tags: {} };

/** `koguma-dp run --count`: when what happened to each of its proxies, for the first time. */
export class Fleet {
  #child;
  #size;
  /** By event, by proxy. */
  #times = new Map();
  #heard = () => undefined;

  /** @param tokenFile instead of a token: read again for each connection */
  constructor({ proxies, authority }, { token, tokenFile, size, name }) {
    this.#size = size;
    const inbound = [{ port: 8080, tags: { 'kuma.io/service': 'web' } }];
    const dataplane = { type: 'Dataplane', mesh: 'default', name, networking: { address: '127.0.0.1', inbound } };
    const proof = tokenFile ? ['--dataplane-token-file', tokenFile] : ['--dataplane-token', token];
    const what = ['--dataplane', JSON.stringify(dataplane), ...proof, '--count', String(size)];
    const where = ['--cp-address', proxies, '--ca-cert-file', authority, '--log-format', 'json'];
    this.#child = owned(
      spawn(process.execPath, [PROGRAM, 'run', ...where, ...what], {
        stdio: ['ignore', 'pipe', 'inherit'],
        detached: true, // Ctrl-C is for the benchmark alone, which ends its processes itself
      }),
    );
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#hear(JSON.parse(line)));
  }

  get pid() {
    return this.#child.pid;
  }

  timesOf(event) {
    return [...(this.#times.get(event)?.values() ?? [])];
  }

  /** Resolves when this has happened to each. */
  all(event) {
    return new Promise((resolve, reject) => {
      const some = () => this.#times.get(event)?.size ?? 0;
      const patience = Math.max(PATIENCE_MS.atLeast, PATIENCE_MS.forEach * this.#size);
      const late = () => reject(new Error(`${some()} of ${this.#size} proxies were ${event} in ${patience} ms`));
      const timer = setTimeout(late, patience);
      this.#heard = () => {
        if (some() < this.#size) return;
        clearTimeout(timer);
        resolve();
      };
      this.#heard();
    });
  }

  async end(signal = 'SIGTERM') {
    const gone = once(this.#child, 'exit');
    this.#child.kill(signal);
    await gone;
  }

  #hear({ proxy, event }) {
    const times = this.#times.get(event) ?? new Map();
    this.#times.set(event, times);
    if (!times.has(proxy)) times.set(proxy, performance.now());
    this.#heard();
  }
}
