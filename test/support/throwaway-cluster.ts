import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, statfsSync } from 'node:fs';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Config } from '@koguma/core';
import { freePort } from '@koguma/testkit';
import pg from 'pg';

const HOST = '127.0.0.1';
const USER = 'kuma';
const PASSWORD = 'kuma';
/** What is committed is written, but not forced to the disk: it outlives every process, not the machine. */
const FAST = ['fsync=off', 'full_page_writes=off', 'wal_level=minimal', 'max_wal_senders=0', 'shared_buffers=64MB'];
const QUIET = ['autovacuum=off', 'logging_collector=off', 'lc_messages=C', `listen_addresses=${HOST}`];
const READY = 'database system is ready to accept connections';
/** Runs the server until told how to end it; when this process is gone instead, the data goes too. */
const WATCH = `trap '' INT HUP; folder=$1; shift; "$@" & server=$!
  if read -r signal; then kill -"$signal" $server; wait $server; exit; fi
  kill -QUIT $server; wait $server; rm -rf "$folder"`;

const run = promisify(execFile);

/** The folder of PostgreSQL's programs on this machine; undefined when it has none. */
function findBinaries(): string | undefined {
  const below = (folder: string, suffix: string) =>
    existsSync(folder) ? readdirSync(folder).map((name) => path.join(folder, name, suffix)) : [];
  const usual = [...below('/usr/lib/postgresql', 'bin').reverse(), ...below('/usr/local/opt', 'bin')];
  const known = [configured(), ...usual, ...below('/opt/homebrew/opt', 'bin'), '/usr/local/bin', '/usr/bin'];
  return known.find((folder) => folder !== undefined && existsSync(path.join(folder, 'initdb')));
}

function configured(): string | undefined {
  try {
    const ask = ['-c', 'pg_config --bindir'];
    return execFileSync('/bin/sh', ask, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}

const BINARIES = findBinaries();

/** Whether a {@link ThrowawayCluster} can be had. Says so when it cannot, since what needs one is then skipped. */
export function hasPostgres(): boolean {
  if (BINARIES === undefined) console.warn('PostgreSQL is not installed here: what needs it is skipped');
  return BINARIES !== undefined;
}

type Settings = Config['store']['postgres'];

/** A real PostgreSQL server in a temporary folder, with a superuser `kuma`, that ends with the process that started it. */
export class ThrowawayCluster {
  readonly folder: string;
  readonly port: number;
  readonly #as: { uid: number; gid: number } | undefined;
  readonly #options: string[];
  #server: ChildProcess | undefined;
  /** From version 15 on the quick way to make a database is not the usual one. */
  #strategy = '';

  private constructor(folder: string, port: number, as: { uid: number; gid: number } | undefined, more: string[]) {
    this.folder = folder;
    this.port = port;
    this.#as = as;
    const options = [...FAST, ...QUIET, `port=${port}`, `unix_socket_directories=${folder}`, ...more];
    this.#options = options.flatMap((option) => ['-c', option]);
  }

  /** @param more settings of the server, as `name=value`; what `prepare` puts into the folder belongs to the server */
  static async start(more: string[] = [], prepare?: (folder: string) => void): Promise<ThrowawayCluster> {
    const folder = await mkdtemp(path.join(scratchFolder(), 'koguma-pg-'));
    const as = unprivileged();
    const passwordFile = path.join(folder, 'password');
    await writeFile(passwordFile, PASSWORD);
    prepare?.(folder);
    if (as) for (const name of ['.', ...readdirSync(folder)]) await chown(path.join(folder, name), as.uid, as.gid);
    const how = [
      '-U',
      USER,
      '-A',
      'scram-sha-256',
      `--pwfile=${passwordFile}`,
      '-E',
      'UTF8',
      '--locale=C',
      '--no-sync',
    ];
    await run(path.join(BINARIES ?? '', 'initdb'), ['-D', path.join(folder, 'data'), ...how], { ...as, cwd: folder });
    const cluster = new ThrowawayCluster(folder, await freePort(), as, more);
    await cluster.resume();
    const [row] = await cluster.query("SELECT current_setting('server_version_num')::int >= 150000 AS recent");
    if (row?.recent) cluster.#strategy = 'STRATEGY FILE_COPY';
    return cluster;
  }

  /** How a store reaches one of its databases. */
  settings(dbName: string, more: Partial<Settings> = {}): Settings {
    const tls = { mode: 'disable', caPath: '', certPath: '', keyPath: '' } as const;
    const where = { host: HOST, port: this.port, user: USER, password: PASSWORD, dbName };
    return { ...where, connectionTimeout: 5, maxOpenConnections: 10, tls, ...more };
  }

  /** Makes an empty database, in place of the one of that name if there is one, whoever uses it. */
  async createDatabase(name: string, how = ''): Promise<void> {
    await this.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await this.query(`CREATE DATABASE ${name} ${this.#strategy} ${how}`);
  }

  /** What an administrator does with a SQL shell. */
  async query(sql: string, dbName = 'postgres'): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ host: HOST, port: this.port, user: USER, password: PASSWORD, database: dbName });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query(sql)).rows as Record<string, unknown>[];
    } finally {
      await client.end();
    }
  }

  /** Starts the server, on what it had. */
  async resume(): Promise<void> {
    const server = [path.join(BINARIES ?? '', 'postgres'), '-D', path.join(this.folder, 'data'), ...this.#options];
    const child = spawn('/bin/sh', ['-c', WATCH, 'sh', this.folder, ...server], {
      ...this.#as,
      cwd: this.folder,
      stdio: ['pipe', 'ignore', 'pipe'],
    });
    this.#server = child;
    const said: string[] = [];
    await new Promise<void>((resolve, reject) => {
      child.on('exit', () => reject(new Error(`PostgreSQL did not start: ${said.slice(-10).join('\n')}`)));
      createInterface({ input: child.stderr }).on('line', (line) => {
        said.push(line);
        if (line.includes(READY)) resolve();
      });
    });
  }

  /** Stops the server: in order, or so that all connections break at once and it has to recover. */
  async halt(how: 'in order' | 'at once'): Promise<void> {
    const child = this.#server;
    this.#server = undefined;
    if (!child) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.stdin?.end(how === 'in order' ? 'INT\n' : 'QUIT\n');
    await exited;
  }

  /** Stops the server and removes all that it had. */
  async drop(): Promise<void> {
    await this.halt('at once');
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Memory where there is plenty: making a database writes a thousand files. */
function scratchFolder(): string {
  const memory = '/dev/shm';
  if (!existsSync(memory)) return tmpdir();
  const { bavail, bsize } = statfsSync(memory);
  return bavail * bsize > 2 ** 30 ? memory : tmpdir();
}

/** PostgreSQL does not run as root; nobody who is not root has to be somebody else. */
function unprivileged(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const user of ['postgres', 'nobody']) {
    const id = (what: string) => Number(execFileSync('id', [what, user], { stdio: ['ignore', 'pipe', 'ignore'] }));
    try {
      return { uid: id('-u'), gid: id('-g') };
    } catch {}
  }
  throw new Error('PostgreSQL does not run as root, and there is no user "postgres" or "nobody" to run it as');
}
