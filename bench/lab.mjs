import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Connection } from './http.mjs';
import { cpuSecondsOf, folder, giveUp, owned, rssBytesOf, THREADS } from './processes.mjs';

const PROGRAMS = {
  global: fileURLToPath(new URL('../apps/global-cp/bin/global-cp.js', import.meta.url)),
  zone: fileURLToPath(new URL('../apps/zone-cp/bin/zone-cp.js', import.meta.url)),
};
/** Pino's levels. */
const [WARNING, ERROR] = [40, 50];
const PATIENCE_MS = 20_000;
let labs = 0;

/** One control plane: a process of its own, on SQLite, like those that people run. */
export class ControlPlane {
  #child;
  #log;
  #stopping = false;

  constructor(name, role, home, ports, env) {
    this.name = name;
    this.home = home;
    this.api = new Connection(`http://127.0.0.1:${ports.api}`);
    this.diagnostics = new Connection(`http://127.0.0.1:${ports.diagnostics}`);
    /** Where proxies go, and the file of who they should believe there. */
    this.proxies = `https://localhost:${ports.dp}`;
    this.authority = path.join(env.KOGUMA_TLS_CA_DIR, 'ca.crt');
    mkdirSync(home, { recursive: true });
    this.#log = path.join(home, 'log');
    const out = openSync(this.#log, 'w');
    const inherited = Object.entries(process.env).filter(([key]) => !/^(KUMA|KOGUMA)_/.test(key));
    this.#child = owned(
      spawn(process.execPath, [PROGRAMS[role], 'run'], {
        env: {
          ...THREADS,
          ...Object.fromEntries(inherited),
          KUMA_MODE: role,
          KUMA_STORE_TYPE: 'sqlite',
          KUMA_GENERAL_WORK_DIR: home,
          KUMA_API_SERVER_HTTP_PORT: String(ports.api),
          KUMA_API_SERVER_HTTPS_PORT: String(ports.https),
          KUMA_DIAGNOSTICS_SERVER_PORT: String(ports.diagnostics),
          KUMA_DP_SERVER_PORT: String(ports.dp),
          ...env,
        },
        stdio: ['ignore', out, out, 'ipc'],
        detached: true, // Ctrl-C is for the benchmark alone, which ends its processes itself
      }),
    );
    closeSync(out);
    this.#child.once('exit', (code, signal) => {
      if (this.#stopping) return;
      const said = readFileSync(this.#log, 'utf8').trimEnd().split('\n').slice(-10).join('\n');
      giveUp(`${name} died (${signal ?? `exit code ${code}`}):\n${said}`);
    });
    const told = (what) => new Promise((resolve) => this.#child.on('message', (message) => what(message) && resolve()));
    this.serving = told(({ type }) => type === 'ready');
    this.ready = role === 'global' ? this.serving : told(({ state }) => state === 'in-sync');
  }

  get pid() {
    return this.#child.pid;
  }

  /** The lines of its log with this message. */
  logged(message) {
    return this.#lines()
      .filter((line) => line.includes(JSON.stringify(message)))
      .map((line) => JSON.parse(line));
  }

  /** What its log warns of, and its errors, among them what is no line of a log: { isError, time, text }. */
  complaints() {
    return this.#lines()
      .map((line) => (line.startsWith('{') ? JSON.parse(line) : { level: ERROR, msg: line }))
      .filter(({ level }) => level >= WARNING)
      .map(({ level, time, msg }) => ({ isError: level >= ERROR, time, text: `${this.name}: ${msg}` }));
  }

  #lines() {
    return readFileSync(this.#log, 'utf8').split('\n').filter(Boolean);
  }

  /** Bytes of its heap that are alive: it collects its garbage first. Only where `bench/soak/collect.mjs` is loaded. */
  async aliveBytes() {
    this.#child.send({ type: 'collect' });
    for (;;) {
      const [{ type, bytes }] = await once(this.#child, 'message');
      if (type === 'alive') return bytes;
    }
  }

  /** CPU seconds that its process has used, on all its threads. */
  cpuSeconds() {
    return cpuSecondsOf(this.pid);
  }

  rssBytes() {
    return rssBytesOf(this.pid);
  }

  stop() {
    return this.#end('SIGTERM');
  }

  /** Ends it as a crash would. */
  kill() {
    return this.#end('SIGKILL');
  }

  async #end(signal) {
    this.#stopping = true;
    this.api.close();
    this.diagnostics.close();
    const gone = once(this.#child, 'exit');
    this.#child.kill(signal);
    await gone;
  }

  /** What it tells of itself for Prometheus, by name and labels as they are written there. */
  async metrics(names) {
    const lines = (await this.diagnostics.call('GET', '/metrics')).split('\n');
    const numberOf = (name) => Number(lines.find((line) => line.startsWith(`${name} `))?.slice(name.length));
    return Object.fromEntries(names.map((name) => [name, numberOf(name)]));
  }
}

/** A global control plane and two zones. */
export class Lab {
  /**
   * Starts all at once, like `kogumactl up` does.
   * @param env of the zones, beside what links them
   * @returns a lab that is in sync, and whose first zone has issued a token
   */
  static async start(env = {}) {
    const home = path.join(folder, `lab-${++labs}`);
    const ports = await freePorts(13);
    const take = () => ({ api: ports.pop(), https: ports.pop(), diagnostics: ports.pop(), dp: ports.pop() });
    const kds = ports.pop();
    const authority = path.join(home, 'global');
    const lab = new Lab();
    /** On the clock of `performance`. */
    lab.startedAt = performance.now();
    lab.global = new ControlPlane('global', 'global', path.join(home, 'global'), take(), {
      KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT: String(kds),
      KOGUMA_TLS_CA_DIR: authority,
    });
    lab.zones = ['east', 'west'].map(
      (name) =>
        new ControlPlane(name, 'zone', path.join(home, name), take(), {
          KUMA_MULTIZONE_ZONE_NAME: name,
          KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: `grpcs://localhost:${kds}`,
          KUMA_MULTIZONE_ZONE_KDS_ROOT_CA_FILE: path.join(authority, 'ca.crt'),
          KOGUMA_TLS_CA_DIR: authority,
          ...env,
        }),
    );
    const late = setTimeout(() => giveUp(`the lab was not in sync after ${PATIENCE_MS / 1000} s`), PATIENCE_MS);
    await Promise.all(lab.all.map(({ serving }) => serving));
    lab.servingAfterMs = performance.now() - lab.startedAt;
    await Promise.all(lab.all.map(({ ready }) => ready));
    clearTimeout(late);
    await lab.issue(lab.zones[0]);
    lab.issuingAfterMs = performance.now() - lab.startedAt;
    return lab;
  }

  get all() {
    return [this.global, ...this.zones];
  }

  async stop() {
    await Promise.all(this.all.map((controlPlane) => controlPlane.stop()));
  }

  /** A token that this zone issues, and its id. @param change what its order says otherwise */
  async issue(zone, mesh = 'default', change = {}) {
    const token = await zone.api.send('POST', '/tokens/dataplane', orderOf(mesh, change));
    return { token, id: JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).jti };
  }

  /** Writes the revocation list of a mesh on global. */
  revoke(ids, mesh = 'default') {
    const name = `dataplane-token-revocations-${mesh}`;
    const data = Buffer.from(ids.join(',')).toString('base64');
    return this.global.api.call('PUT', `/meshes/${mesh}/secrets/${name}`, { type: 'Secret', mesh, name, data });
  }

  /** Resolves when the zones have applied all secrets that global has. */
  async synced() {
    for (const until = performance.now() + PATIENCE_MS; performance.now() < until; ) {
      const { zones } = JSON.parse(await this.global.api.call('GET', '/koguma/sync'));
      const secrets = zones.map(({ types }) => types.find(({ type }) => type === 'Secret'));
      if (secrets.every((row) => row && row.applied !== null && row.applied >= row.written)) return;
    }
    throw new Error(`the zones had not applied a revocation list after ${PATIENCE_MS / 1000} s`);
  }
}

/** The body of `POST /tokens/dataplane`. */
export function orderOf(mesh, change = {}) {
  return JSON.stringify({ name: 'web-1', mesh, tags: { 'kuma.io/service': ['web'] }, validFor: '24h', ...change });
}

/** The body of `POST /koguma/tokens/verify`. */
export function checkOf(token, mesh) {
  return JSON.stringify({ token, kind: 'dataplane', mesh });
}

export async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen({ host: '127.0.0.1', port: 0 });
      await once(server, 'listening');
      return server;
    }),
  );
  return Promise.all(
    servers.map(async (server) => {
      const { port } = server.address();
      server.close();
      await once(server, 'close');
      return port;
    }),
  );
}
