import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kogumactl } from 'kogumactl';

/** What a command left behind when it was over. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** `kogumactl` as a function, for a user with a home of their own. */
export class CommandLine {
  private constructor(readonly home: string) {}

  /** @param contexts addresses of control planes by the names of their contexts; the first is current */
  static async with(contexts: Readonly<Record<string, string>>): Promise<CommandLine> {
    const line = new CommandLine(await mkdtemp(join(tmpdir(), 'kogumactl-')));
    for (const [name, address] of Object.entries(contexts))
      await line.ok('config', 'control-planes', 'add', '--name', name, '--address', address);
    const [first] = Object.keys(contexts);
    if (first !== undefined) await line.ok('config', 'control-planes', 'switch', '--name', first);
    return line;
  }

  get configFile(): string {
    return join(this.home, '.kogumactl', 'config');
  }

  run(...args: string[]): Promise<Ran> {
    return this.pipe('', ...args);
  }

  /** Runs a command with something piped into it. */
  async pipe(input: string, ...args: string[]): Promise<Ran> {
    const ran = { out: '', err: '' };
    const { signal } = new AbortController();
    const code = await kogumactl(args, {
      out: { write: (text) => (ran.out += text) },
      err: { write: (text) => (ran.err += text) },
      env: { HOME: this.home },
      stdin: async function* () {
        yield Buffer.from(input);
      },
      interrupts: () => ({ stop: signal, atOnce: signal }),
    });
    return { code, ...ran };
  }

  /** What a command printed that must succeed, and have nothing to remark. */
  async ok(...args: string[]): Promise<string> {
    const { code, out, err } = await this.run(...args);
    if (code !== 0 || err !== '') throw new Error(`kogumactl ${args.join(' ')} ended with ${code}: ${err}`);
    return out;
  }

  remove(): Promise<void> {
    return rm(this.home, { recursive: true, force: true });
  }
}
