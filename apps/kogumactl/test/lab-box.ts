import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from '@swc/core';

const APP = fileURLToPath(new URL('..', import.meta.url));

/**
 * What a control plane is to its supervisor, and nothing more. FAKE says how it misbehaves; what it was given is
 * written to its folder.
 */
const FAKE_CONTROL_PLANE = `
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
const { FAKE = '', FAKE_HTTP, KUMA_MODE, KUMA_GENERAL_WORK_DIR: folder, KUMA_API_SERVER_HTTP_PORT: port } = process.env;
const send = (message) => process.connected && process.send(message);
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => FAKE !== 'deaf' && setTimeout(() => process.exit(0), FAKE === 'slow' ? 300 : 0));
process.on('SIGINT', () => process.exit(7));
writeFileSync(folder + '/given.json', JSON.stringify({ args: process.argv.slice(2), env: process.env }));
console.log(JSON.stringify({ level: 30, msg: 'started', pid: process.pid }));
if (FAKE === 'dies') {
  console.error('the store is locked');
  process.exit(3);
}
if (FAKE === 'dies-in-json') {
  console.log(JSON.stringify({ level: 50, msg: 'cannot start', err: { message: 'no such file' } }));
  process.exit(1);
}
if (FAKE === 'odd') for (const odd of [null, 7, 'ready', [], { type: 'state', state: 'fine' }, { type: 'later' }]) send(odd);
const serve = (done) => {
  if (FAKE_HTTP === undefined) return done();
  createServer((request, response) => {
    const known = request.url === '/global-secrets/admin-user-token';
    response.statusCode = known ? 200 : 404;
    response.end(JSON.stringify({ data: Buffer.from('token-of-' + KUMA_MODE).toString('base64') }));
  }).listen(Number(port), '127.0.0.1', done);
};
if (FAKE !== 'silent') {
  serve(() => {
    send({ type: 'ready', name: KUMA_MODE });
    if (KUMA_MODE === 'zone') send({ type: 'state', state: FAKE === 'alone' ? 'never-met' : 'in-sync' });
  });
}
setInterval(() => undefined, 1_000);
`;

/** A temporary folder with a control plane that is none, for tests of what runs control planes. */
export class LabBox implements Disposable {
  readonly dir = fs.realpathSync(fs.mkdtempSync(path.join(tmpdir(), 'kl-')));
  readonly data = path.join(this.dir, 'data');
  readonly program = path.join(this.dir, 'app/node_modules/@koguma/global-cp/dist/program/main.js');
  readonly #started: ChildProcess[] = [];

  constructor() {
    for (const app of ['global-cp', 'zone-cp']) {
      const folder = path.join(this.dir, 'app/node_modules/@koguma', app);
      fs.mkdirSync(path.join(folder, 'dist/program'), { recursive: true });
      fs.writeFileSync(path.join(folder, 'package.json'), '{"type":"module","exports":"./dist/index.js"}');
      fs.writeFileSync(path.join(folder, 'dist/index.js'), '');
      fs.writeFileSync(path.join(folder, 'dist/program/main.js'), FAKE_CONTROL_PLANE);
    }
  }

  /** What the last process of a control plane was started with. */
  given(name: string): { args: string[]; env: Record<string, string> } {
    return JSON.parse(fs.readFileSync(path.join(this.data, name, 'given.json'), 'utf8'));
  }

  /** Puts this package into the box as its build would, but beside the fake control planes. */
  install(): void {
    const app = path.join(this.dir, 'app');
    fs.cpSync(path.join(APP, 'bin'), path.join(app, 'bin'), { recursive: true });
    fs.copyFileSync(path.join(APP, 'package.json'), path.join(app, 'package.json'));
    fs.symlinkSync(path.join(APP, '../../node_modules'), path.join(this.dir, 'node_modules'));
    const commander = path.join(APP, 'node_modules/commander');
    if (fs.existsSync(commander)) fs.symlinkSync(commander, path.join(app, 'node_modules/commander'));
    for (const file of fs.readdirSync(path.join(APP, 'src'), { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts') || file.endsWith('.spec.ts')) continue;
      const source = fs.readFileSync(path.join(APP, 'src', file), 'utf8');
      const jsc = { parser: { syntax: 'typescript' }, target: 'es2022' } as const;
      const { code } = transformSync(source, { jsc, module: { type: 'es6' }, configFile: false, swcrc: false });
      const target = path.join(app, 'dist', file.replace(/ts$/, 'js'));
      fs.mkdirSync(path.dirname(target), { recursive: true });
      fs.writeFileSync(target, code);
    }
  }

  /** Where its user's files would be. */
  get home(): string {
    return path.join(this.dir, 'home');
  }

  /** Starts the installed command line as a process. */
  run(...args: string[]): Running {
    const bin = path.join(this.dir, 'app/bin/kogumactl.js');
    const child = spawn(process.execPath, [bin, ...args], {
      env: { ...process.env, HOME: this.home, KOGUMA_DATA: this.data, KUMA_MODE: 'from the shell' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#started.push(child);
    return new Running(child);
  }

  [Symbol.dispose](): void {
    for (const child of this.#started) child.kill('SIGKILL');
    fs.rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** A process and all that it has printed. */
export class Running {
  readonly child: ChildProcess;
  text = '';
  readonly #waiting = new Set<() => void>();
  readonly #closed: Promise<unknown[]>;

  constructor(child: ChildProcess) {
    this.child = child;
    this.#closed = once(child, 'close');
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        this.text += chunk;
        for (const look of this.#waiting) look();
      });
    }
  }

  /** Resolves when it has printed something. */
  async prints(wanted: string): Promise<void> {
    const printed = new Promise<void>((resolve) => {
      const look = () => this.text.includes(wanted) && this.#waiting.delete(look) && resolve();
      this.#waiting.add(look);
      look();
    });
    await Promise.race([printed, this.#closed]);
    const ended = `ended with ${this.child.exitCode ?? this.child.signalCode}`;
    if (!this.text.includes(wanted)) throw new Error(`never printed ${wanted}, and ${ended}:\n${this.text}`);
  }

  /** Resolves with its exit code, or the signal that ended it. */
  async end(): Promise<unknown> {
    const [code, signal] = await this.#closed;
    return code ?? signal;
  }
}

/** Whether a process is there and not merely waiting to be buried. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    const stat = `/proc/${pid}/stat`;
    return !fs.existsSync(stat) || !/\) Z /.test(fs.readFileSync(stat, 'utf8'));
  } catch {
    return false;
  }
}

/** A `--port-offset` that leaves every port of a lab with two zones free. */
export async function freePortOffset(): Promise<number> {
  // Below 15,000: from there on other tests choose ports by chance. Five beside the tens: 10080 is one that `up` refuses.
  for (let offset = 2_405 + (process.pid % 220) * 20; ; offset += 20) {
    const ports = [
      5685,
      ...[0, 1_000, 2_000].flatMap((zone) => [5678, 5680, 5681, 5682, 5690].map((port) => port + zone)),
    ].map((port) => port + offset);
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return offset;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
