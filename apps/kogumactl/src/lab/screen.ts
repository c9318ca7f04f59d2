import pc from 'picocolors';
import { table } from '../output/table.js';
import type { Output, Terminal } from '../terminal.js';
import type { Life } from './child.js';
import type { ChildStatus } from './supervisor.js';

type Paint = ReturnType<typeof pc.createColors>;

/** Of the longest state, and the space around it: a line that wraps cannot be drawn again. */
const STATE_WIDTH = 30;

/** Draws a lab: its progress while it starts, one line for each event, and the table of its control planes. */
export class Screen {
  readonly #out: Output;
  readonly #paint: Paint;
  readonly #redraws: boolean;
  readonly #shown = new Map<string, string>();
  #drawn = 0;

  constructor({ out, env }: Pick<Terminal, 'out' | 'env'>, lines = 0) {
    this.#out = out;
    const terminal = out.isTTY === true && env.TERM !== 'dumb';
    this.#paint = pc.createColors(terminal && !env.NO_COLOR);
    // What has scrolled out of the window cannot be drawn again.
    this.#redraws = terminal && lines < (out.rows || 24);
  }

  line(text = ''): void {
    this.#drawn = 0;
    this.#out.write(`${text}\n`);
  }

  heading(text: string): void {
    this.line(this.#paint.bold(text));
  }

  /** A note to be noticed, with the lines that explain it. */
  alarm(text: string, details: readonly string[] = []): void {
    this.line(this.#paint.red(text));
    for (const detail of details) this.line(`  ${detail}`);
  }

  /** Shows how far each one is: redrawn in place on a terminal, else a line for each change. */
  progress(children: readonly ChildStatus[]): void {
    const width = Math.max(...children.map(({ name }) => name.length));
    const lines = children.map((child) => {
      const words = child.sync === null ? [this.#state(child)] : [this.#state(child), this.#sync(child)];
      return `  ${child.name.padEnd(width)}  ${words.join(', ')}`;
    });
    if (this.#redraws && width + STATE_WIDTH < (this.#out.columns || 80)) {
      const back = this.#drawn === 0 ? '' : `\x1b[${this.#drawn}A`;
      this.#out.write(`${back}${lines.map((line) => `\x1b[2K${line}\n`).join('')}`);
      this.#drawn = lines.length;
      return;
    }
    for (const [index, { name, state }] of children.entries()) {
      const line = lines[index] ?? '';
      if (state === 'waiting' || this.#shown.get(name) === line) continue;
      this.#shown.set(name, line);
      this.line(line);
    }
  }

  /** Shows how many of very many are there: in place on a terminal, else a line for each tenth. */
  count(what: string, done: number, all: number): void {
    const text = `  ${done} of ${all} ${what}`;
    if (this.#redraws) {
      this.#out.write(`${this.#drawn === 0 ? '' : '\x1b[1A\x1b[2K'}${text}\n`);
      this.#drawn = 1;
      return;
    }
    const tenth = Math.floor((10 * done) / all);
    if (this.#shown.get(what) === `${tenth}`) return;
    this.#shown.set(what, `${tenth}`);
    this.line(text);
  }

  table(children: readonly ChildStatus[]): void {
    const rows = children.map((child) => {
      const { name, pid, uptimeSeconds, api, log } = child;
      return [name, this.#state(child), this.#sync(child), pid ?? '-', uptime(uptimeSeconds), api, log];
    });
    for (const line of table(['NAME', 'STATE', 'SYNC', 'PID', 'UPTIME', 'API', 'LOG'], rows)) this.line(line);
  }

  #state({ state }: ChildStatus): string {
    const { green, yellow, red, dim } = this.#paint;
    const colours: Partial<Record<Life, Paint['red']>> = { running: green, stopped: yellow, killed: red, died: red };
    return (colours[state] ?? dim)(state);
  }

  #sync({ sync }: ChildStatus): string {
    const { green, yellow } = this.#paint;
    return sync === null ? '-' : (sync === 'in-sync' ? green : yellow)(sync);
  }
}

/** `7s`, `3m20s`, `26h0m`: two units at most. */
export function uptime(seconds: number | null): string {
  if (seconds === null) return '-';
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
  if (hours > 0) return `${hours}h${minutes % 60}m`;
  return minutes > 0 ? `${minutes}m${seconds % 60}s` : `${seconds}s`;
}
