import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the clone. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PATIENCE_MS = 60_000;

/** A real process whose output is kept, so that a test can wait for a line of it. */
export class Program {
  readonly child: ChildProcess;
  #output = '';
  #waiting: (() => void)[] = [];
  #exited = false;

  constructor(
    command: string,
    args: readonly string[],
    env: Record<string, string> = {},
    stdin: 'ignore' | 'pipe' = 'ignore',
  ) {
    this.child = spawn(command, args, {
      cwd: ROOT,
      env: { ...clean(process.env), ...env },
      stdio: [stdin, 'pipe', 'pipe'],
      detached: true, // a group of its own, so that what it starts in turn can be ended with it
    });
    const take = (chunk: Buffer) => {
      this.#output += chunk.toString();
      this.#rouse();
    };
    this.child.stdout?.on('data', take);
    this.child.stderr?.on('data', take);
    this.child.once('close', () => {
      this.#exited = true;
      this.#rouse();
    });
  }

  /** A program in a terminal of its own, by `script` of util-linux: it is typed to, and Ctrl-C is a key. */
  static inTerminal(words: readonly string[], env: Record<string, string>): Program {
    const line = words.map((word) => `'${word}'`).join(' ');
    // `exec`: a shell that waits for the program would end by the Ctrl-C itself, before the program has.
    const command = ['--command', `exec ${line}`];
    return new Program('script', ['--quiet', '--return', '--flush', ...command, '/dev/null'], env, 'pipe');
  }

  get output(): string {
    return this.#output;
  }

  /** Presses keys. Only for a program in a terminal. */
  type(keys: string): void {
    this.child.stdin?.write(keys);
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('the process did not start');
    return this.child.pid;
  }

  /** Resolves once the output has `text`; an error with all of the output when the process ends without it. */
  async says(text: string | RegExp): Promise<string> {
    const deadline = AbortSignal.timeout(PATIENCE_MS);
    const expire = () => this.#rouse();
    deadline.addEventListener('abort', expire);
    const found = () =>
      typeof text === 'string' ? (this.#output.includes(text) ? [text] : null) : text.exec(this.#output);
    while (!found()) {
      if (this.#exited || deadline.aborted)
        throw new Error(`${this.#exited ? 'ended' : 'waited'} without ${text}:\n${this.#output}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    deadline.removeEventListener('abort', expire);
    return found()?.[0] ?? '';
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<{ code: number | null; ms: number }> {
    const start = performance.now();
    if (!this.#exited) {
      const closed = once(this.child, 'close');
      process.kill(-this.pid, signal); // the group, as a terminal does
      await closed;
    }
    return { code: this.child.exitCode, ms: performance.now() - start };
  }

  /** Waits for the end without asking for it. */
  async ended(): Promise<number | null> {
    if (!this.#exited) await once(this.child, 'close');
    return this.child.exitCode;
  }

  #rouse(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** Runs a command to its end. */
export async function run(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number | null; output: string }> {
  const program = new Program(command, args, env);
  const code = await program.ended();
  return { code, output: program.output };
}

/** A folder that is gone after the test file. */
export async function scratchFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'koguma-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** True while a process with this id lives. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Waits for a condition of the outside world, asking about fifty times a second. */
export async function eventually(
  condition: () => Promise<boolean> | boolean,
  what: string,
  patienceMs = 20_000,
): Promise<void> {
  const start = performance.now();
  while (!(await condition())) {
    if (performance.now() - start > patienceMs) throw new Error(`waited ${patienceMs} ms until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The environment without what would configure a control plane or make a tool think that a test runner is its user. */
function clean(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept = Object.entries(env).filter(
    ([name, value]) => value !== undefined && !/^(KUMA_|KOGUMA_|VITEST|NODE_ENV|npm_)/.test(name),
  );
  return Object.fromEntries(kept) as Record<string, string>;
}
