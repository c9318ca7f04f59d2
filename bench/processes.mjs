import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Everything that this run leaves on disk until it ends. */
export const folder = mkdtempSync(path.join(tmpdir(), 'koguma-bench-'));

/** As every lab has it: the main thread needs a core as well. */
export const THREADS = { UV_THREADPOOL_SIZE: String(Math.max(1, availableParallelism() - 1)) };

const running = new Set();

// The one way out, for success, failure and Ctrl-C alike: it cannot wait, and does not have to.
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(130));

/** Ends the run. */
export function giveUp(message) {
  process.stderr.write(`\n${message}\n`);
  process.exit(1);
}

/** Remembers a child process, so that none outlives this one. */
export function owned(child) {
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.once('error', (error) => giveUp(`${child.spawnfile} could not be run: ${error.message}`));
  return child;
}

/** Runs a command to its end. @returns what it printed */
export async function run(command, args) {
  const child = owned(spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] }));
  const chunks = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}`);
  return Buffer.concat(chunks).toString();
}

/** CPU seconds of a process on all its threads, as the kernel counts them: to ask the process would be in what is measured. */
export function cpuSecondsOf(pid) {
  const threads = readdirSync(`/proc/${pid}/task`);
  const nanoseconds = threads.map(
    (thread) => readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0],
  );
  return nanoseconds.reduce((sum, one) => sum + Number(one), 0) / 1e9;
}

/** Bytes of a process in memory (RSS), as its kernel tells. */
export function rssBytesOf(pid) {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
}

/** The client process; see client.mjs. */
export class Client {
  #child = owned(fork(fileURLToPath(new URL('./client.mjs', import.meta.url))));

  constructor() {
    this.#child.once('exit', (code) => code !== 0 && giveUp('the client process died'));
  }

  /** Sends one request again and again, `inFlight` at a time, for `ms`. @returns { requests, seconds } */
  async load(order) {
    this.#child.send(order);
    const [answer] = await once(this.#child, 'message');
    if (answer.error) throw new Error(answer.error);
    return answer;
  }

  close() {
    this.#child.disconnect();
  }
}

/**
 * Very many zones, in as many processes as there are cores: one alone would be at its limit when the machine is not, and would
 * stand still for all of them together when it collects its garbage.
 */
export class Zones {
  #crowds = [];

  /** Processes for so many zones, which have loaded what they need. */
  async open(count) {
    this.#crowds = Array.from({ length: Math.min(availableParallelism(), count) }, () => new Crowd());
    await this.#each(({ ready }) => ready);
  }

  /** Starts zones of these names. @param where see zones.mjs @returns when all are in sync */
  start(names, where) {
    const share = (nth) => names.filter((_, index) => index % this.#crowds.length === nth);
    return this.#latest((crowd, nth) => crowd.order('start', { ...where, names: share(nth) }));
  }

  /** @returns when all are in sync, from where they are not */
  gather() {
    return this.#latest((crowd) => crowd.order('gather'));
  }

  /** Whether links that are dialled from now on take up where the last one ended. */
  async resume(wanted) {
    await this.#each((crowd) => crowd.order('resume', wanted));
  }

  /** Looks for a change from now on. @returns what it comes to: when each zone has it, and when the last one refuses */
  async watch(what) {
    const watching = this.#each((crowd) => crowd.told('watching'));
    const seen = this.#each((crowd) => crowd.order('watch', what));
    await watching;
    const over = seen.then((all) => ({
      applied: all.flatMap(({ applied }) => applied),
      refused: Math.max(...all.map(({ refused }) => refused)),
    }));
    return { over };
  }

  /** Bytes that they have read. */
  get readBytes() {
    return this.#crowds.reduce((sum, { readBytes }) => sum + readBytes, 0);
  }

  async end() {
    await this.#each((crowd) => crowd.end());
  }

  #each(work) {
    return Promise.all(this.#crowds.map(work));
  }

  async #latest(work) {
    return Math.max(...(await this.#each(work)).map(({ at }) => at));
  }
}

/** A process full of zones; see zones.mjs. */
class Crowd {
  #child = owned(fork(fileURLToPath(new URL('./zones.mjs', import.meta.url))));
  #waiting = new Map();
  ready = this.told('ready');

  constructor() {
    this.#child.once('exit', (code) => code && giveUp('the process of the zones died'));
    this.#child.on('message', (message) => {
      for (const [name, answer] of Object.entries(message)) this.#waiting.get(name)?.(answer);
    });
  }

  /** Gives an order, and waits for what it comes to. */
  order(name, about = true) {
    const answer = this.told(name);
    this.#child.send({ [name]: about });
    return answer;
  }

  /** The next word of this name. */
  told(name) {
    return new Promise((resolve) => this.#waiting.set(name, resolve));
  }

  /** Bytes that it has read: what its zones got. */
  get readBytes() {
    return Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${this.#child.pid}/io`, 'utf8'))[1]);
  }

  async end() {
    const gone = once(this.#child, 'exit');
    this.#child.disconnect();
    await gone;
  }
}

/** A process with servers that do nothing; see bare.mjs. */
export class Bare {
  #child = owned(fork(fileURLToPath(new URL('./bare.mjs', import.meta.url)), { env: { ...process.env, ...THREADS } }));

  /** Its process id, and the ports of both. @returns { pid, http, grpc } */
  async ports() {
    const [ports] = await once(this.#child, 'message');
    return ports;
  }

  close() {
    this.#child.disconnect();
  }
}
