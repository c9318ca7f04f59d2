import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ROOT } from './processes.js';

const MARKER = '--- next ---';
const PATIENCE_MS = 60_000;

/** One bash in the folder of the clone, in which what one command sets, the next one has. */
export class Shell {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(env: Readonly<Record<string, string>>) {
    const child = spawn('bash', {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'ignore'],
      detached: true, // a group of its own, so that what it starts in the background ends with it
    });
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** What is shown, without blank lines around it, when somebody types this. Nothing can be piped into it. */
  async type(text: string): Promise<string> {
    const late = setTimeout(() => this.close(), PATIENCE_MS);
    this.#child.stdin?.write(`{\n${text}\n} < /dev/null\nprintf '\\n${MARKER}\\n'\n`);
    const shown: string[] = [];
    let line = await this.#lines.next();
    for (; !line.done && line.value !== MARKER; line = await this.#lines.next()) shown.push(line.value);
    clearTimeout(late);
    if (line.done) throw new Error(`this never came to an end: ${text}\nIt showed: ${shown.join('\n')}`);
    return shown.join('\n').replace(/^\n+|\s+$/g, '');
  }

  close(): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // Gone already.
    }
  }
}

/** A line of a console block, and what the page shows under it. */
export interface Command {
  readonly typed: string;
  readonly shown: string;
}

/** What the console blocks of a page type, each with what the page shows under it. */
export function commandsOf(markdown: string): Command[] {
  const blocks = [...markdown.matchAll(CONSOLE)].map(([, block = '']) => block);
  return blocks
    .flatMap((block) => block.split(/^\$ /m).slice(1))
    .map((text) => {
      const [typed = '', ...shown] = text.split('\n');
      return { typed, shown: shown.join('\n').trim() };
    });
}

const CONSOLE = /```console\n(.*?)```/gs;

/** The same page with what was seen when its commands were typed, in their order. */
export function pageWith(markdown: string, seen: readonly Command[]): string {
  let next = 0;
  return markdown.replace(CONSOLE, (_, block: string) => {
    const commands = seen.slice(next, next + block.split(/^\$ /m).length - 1);
    next += commands.length;
    const lines = commands.map(({ typed, shown }) => `$ ${typed}\n${shown === '' ? '' : `${shown}\n`}`);
    return `\`\`\`console\n${lines.join('')}\`\`\``;
  });
}

/** What differs from run to run, made the same. */
export function settled(shown: string): string {
  return shown
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UUID')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replace(/\b[12]\d{9}\b/g, 'SECONDS')
    .replace(/(thumbprint) [\w-]{43}/g, '$1 THUMBPRINT')
    .replace(/again in [\d.]+ s/g, 'again in N s')
    .replace(/\(pid \d+\)/g, '(pid PID)')
    .replace(/revision \d+/g, 'revision N')
    .replace(/\bin [\d.]+ (ms|s|min)$/gm, 'in N')
    .replace(/ time="[\d.]+"/g, ' time="N"')
    .replace(/ +\d+[smh]$/gm, ' AGE');
}
