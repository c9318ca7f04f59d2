import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../', import.meta.url).href;

/** Lets a bare Node run our sources: `.js` means the `.ts` beside it, and our packages are their `src`. */
const HOOKS = `
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
const { transformFile } = createRequire(${JSON.stringify(ROOT)})('@swc/core');
export function resolve(specifier, context, next) {
  const ours = /^@koguma\\/([a-z-]+)$/.exec(specifier);
  if (ours) return next(${JSON.stringify(ROOT)} + 'libs/' + ours[1] + '/src/index.ts', context);
  const source = specifier.startsWith('.') && context.parentURL.endsWith('.ts');
  return next(source ? specifier.replace(/\\.js$/, '.ts') : specifier, context);
}
export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const jsc = { target: 'es2022', parser: { syntax: 'typescript', decorators: true } };
  const { code } = await transformFile(fileURLToPath(url), { swcrc: false, module: { type: 'es6' }, jsc });
  return { format: 'module', source: code, shortCircuit: true };
}
`;
const REGISTER = `import { register } from 'node:module'; register(${JSON.stringify(asUrl(HOOKS))});`;

export interface SecondProcess {
  readonly child: ChildProcess;
  /** How it ended: the signal, or null when it ended by itself. */
  readonly ended: Promise<NodeJS.Signals | null>;
  /** Each line of standard output, as it comes; it ends with the process. */
  readonly lines: AsyncIterableIterator<string>;
}

/**
 * Runs an ES module's text in a real process of its own; it can import the packages of this repository.
 * @param under the command that runs Node, when it is not to run by itself
 */
export function startProcess(script: string, under: readonly string[] = []): SecondProcess {
  const node = [process.execPath, '--import', asUrl(REGISTER), '--input-type=module', '--eval', script];
  const [command = '', ...args] = [...under, ...node];
  const child = spawn(command, args, { cwd: fileURLToPath(ROOT), stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.on('exit', (_code, signal) => resolve(signal)));
  return { child, ended, lines };
}

const STRACE = 'strace';
/** Whether there is what shows the system calls of a process. */
export const hasStrace = spawnSync(STRACE, ['-V']).status === 0;

/**
 * As {@link startProcess}, with its system calls written down.
 * @param names of the calls, separated by commas
 * @returns also `calls`, to be asked once when it has ended: name and file, or for `write` the name and the text
 */
export function traced(script: string, names: string): SecondProcess & { calls(): string[] } {
  const folder = mkdtempSync(path.join(tmpdir(), 'koguma-calls-'));
  const file = path.join(folder, 'calls');
  const started = startProcess(script, [STRACE, '-f', '-y', '-e', `trace=${names}`, '-o', file]);
  const calls = () => {
    const text = readFileSync(file, 'utf8');
    rmSync(folder, { recursive: true });
    return [...text.matchAll(/^\d+\s+(\w+)\((?:\d+<([^>]*)>)?(?:, "(\w+))?/gm)].map(([, name = '', of = '', written]) =>
      [name, written ?? of].filter((part) => part !== '').join(' '),
    );
  };
  return { ...started, calls };
}

function asUrl(module: string): string {
  return `data:text/javascript,${encodeURIComponent(module)}`;
}
