import { setTimeout as sleep } from 'node:timers/promises';
import pc from 'picocolors';
import { ApiClient } from '../api/client.js';
import { Failure } from '../failure.js';
import { shellWord } from '../lab/up.js';
import { waitForZones } from '../sync/wait.js';
import type { Input, Terminal } from '../terminal.js';
import { LagBars } from './lag-bars.js';

/** The command line itself, as a function. */
export type Kogumactl = (args: readonly string[], terminal: Terminal) => Promise<number>;

/** A lab to play on. */
export interface Scene {
  /** The API of each control plane by name. */
  readonly api: ReadonlyMap<string, string>;
  /** With the home and data folder that the commands of the demo are run with. */
  readonly terminal: Terminal;
}

/** What a command left behind. */
export interface Shown {
  readonly code: number;
  readonly out: string;
}

interface Verdict {
  readonly accepted: boolean;
  readonly reason?: string;
}

const SYNC_WITHIN_MS = 30_000;

/** Where a demo is told: what is said, what is typed, and what comes of it, all of it real. */
export class Stage {
  readonly #scene: Scene;
  readonly #kogumactl: Kogumactl;
  readonly #auto: boolean;
  readonly #paint: ReturnType<typeof pc.createColors>;
  readonly #input: Input;
  readonly #keys: AsyncIterator<Uint8Array>;

  constructor(scene: Scene, kogumactl: Kogumactl, auto: boolean) {
    this.#scene = scene;
    this.#kogumactl = kogumactl;
    this.#auto = auto;
    const { out, env } = scene.terminal;
    this.#paint = pc.createColors(out.isTTY === true && !env.NO_COLOR);
    this.#input = scene.terminal.stdin();
    this.#keys = this.#input[Symbol.asyncIterator]();
  }

  /** A step begins. */
  async step(text: string): Promise<void> {
    this.#line();
    this.#line(this.#paint.bold(text));
    if (this.#auto) return;
    this.#scene.terminal.out.write(this.#paint.dim('  (Enter goes on) '));
    if ((await this.#keys.next()).done) this.#line();
  }

  /** What follows from what was seen. */
  say(text: string): void {
    this.#line(`  ${text}`);
  }

  /** Runs a command that must succeed, and shows it. */
  async run(...args: string[]): Promise<Shown> {
    const shown = await this.try(...args);
    if (shown.code === 0) return shown;
    throw new Failure(
      `the demo stops: that command ended with ${shown.code}`,
      'Is the lab in the state that it was started in?',
    );
  }

  /** Runs a command that may fail, and shows it. */
  try(...args: string[]): Promise<Shown> {
    this.#typed(`npx kogumactl ${args.map(shellWord).join(' ')}`);
    return this.#perform(args, '');
  }

  /** Asks a zone for what only global can make. */
  tryZoneToken(zone: string): Promise<Shown> {
    const order = ['--zone', zone, '--scope', 'ingress', '--valid-for', '1h'];
    return this.try('--context', `lab-${zone}`, 'generate', 'zone-token', ...order);
  }

  /** Writes a resource, as YAML through a pipe. */
  async apply(context: string, yaml: string, shownYaml = yaml): Promise<void> {
    const args = ['--context', context, 'apply', '-f', '-'];
    this.#typed(`echo ${shellWord(shownYaml)} | npx kogumactl ${args.join(' ')}`);
    const { code } = await this.#perform(args, yaml);
    if (code !== 0) throw new Failure('the demo stops: that could not be written', 'Look at what it says.');
  }

  /** Copies a resource from one control plane to another through a pipe, in which nobody sees it. */
  async copy(type: string, name: string, from: string, to: string): Promise<void> {
    const [get, apply] = [
      ['--context', from, 'get', type, name, '-o', 'json'],
      ['--context', to, 'apply', '-f', '-'],
    ];
    this.#typed(`npx kogumactl ${get.join(' ')} | npx kogumactl ${apply.join(' ')}`);
    const { out } = await this.#perform(get, '', true);
    await this.#perform(apply, out);
  }

  /** Issues a token, which is kept in a variable. */
  async issue(variable: string, ...args: string[]): Promise<string> {
    this.#typed(`${variable}=$(npx kogumactl ${args.map(shellWord).join(' ')})`);
    const { code, out } = await this.#perform(args, '', true);
    if (code !== 0) throw new Failure('the demo stops: no token was issued', 'Look at what it says.');
    return out.trim();
  }

  /** Asks a control plane whether a token is good there, and shows the answer. */
  async verify(at: string, kind: string, variable: string, token: string, mesh?: string): Promise<Verdict> {
    const body = { kind, ...(mesh === undefined ? {} : { mesh }), token };
    const url = `${this.urlOf(at)}/koguma/tokens/verify`;
    const shown = JSON.stringify({ ...body, token: `'$${variable}'` });
    this.#typed(`curl -s -XPOST ${url} -H 'Content-Type: application/json' -d '${shown}'`);
    const type = { 'content-type': 'application/json' };
    const answer = await fetch(url, { method: 'POST', headers: type, body: JSON.stringify(body) });
    const verdict = (await answer.json()) as Verdict;
    this.#out(verdict.accepted ? 'accepted' : `refused: ${verdict.reason}`);
    return verdict;
  }

  /** Asks who somebody is with a user token. */
  async whoAmI(at: string, variable: string, token: string): Promise<number> {
    this.#typed(`curl -s ${this.urlOf(at)}/who-am-i -H "Authorization: Bearer $${variable}"`);
    const answer = await fetch(`${this.urlOf(at)}/who-am-i`, { headers: { authorization: `Bearer ${token}` } });
    const { name, title } = (await answer.json()) as { name?: string; title?: string };
    this.#out(answer.ok ? `"name": "${name}"` : `${answer.status} ${title}`);
    return answer.status;
  }

  /** Waits until all zones have what global has, with a bar for each as long as it lags. */
  async synced(): Promise<void> {
    this.#typed('npx kogumactl --context lab-global sync wait');
    const bars = new LagBars(this.#scene.terminal.out);
    const api = new ApiClient(
      { name: 'lab-global', apiServer: { url: this.urlOf('global') }, mesh: undefined },
      10_000,
    );
    const { names, ms } = await waitForZones(api, [], SYNC_WITHIN_MS, (sync) => bars.draw(sync));
    this.#out(`in sync: ${names.join(', ')} (${(ms / 1000).toFixed(1)} s)`);
  }

  /** Waits for something that nobody sees, such as that a zone notices that its link is gone. */
  async until(what: string, holds: () => Promise<boolean>, withinMs = SYNC_WITHIN_MS): Promise<void> {
    const began = performance.now();
    while (!(await holds().catch(() => false))) {
      if (performance.now() - began > withinMs)
        throw new Failure(`the demo waited in vain until ${what}`, 'See: npx kogumactl lab status');
      await sleep(100);
    }
  }

  /** How a zone stands with global, in its own words. */
  async linkOf(zone: string): Promise<string> {
    const answer = await fetch(`${this.urlOf(zone)}/koguma/sync`);
    return ((await answer.json()) as { state: string }).state;
  }

  urlOf(name: string): string {
    const url = this.#scene.api.get(name);
    if (url === undefined)
      throw new Failure(`this demo needs a control plane ${name}`, 'Start the lab with: npx kogumactl up');
    return url;
  }

  /** Nothing is read from the terminal any more, and who waits for Enter waits no longer. */
  close(): void {
    if (!this.#auto) this.#input.destroy?.();
  }

  async #perform(args: readonly string[], input: string, isSecret = false): Promise<Shown> {
    let [out, err] = ['', ''];
    const code = await this.#kogumactl(args, {
      ...this.#scene.terminal,
      out: { write: (text) => (out += text) },
      err: { write: (text) => (err += text) },
      stdin: async function* () {
        yield Buffer.from(input);
      },
    });
    for (const line of `${isSecret ? '' : out}${err}`.trimEnd().split('\n')) if (line !== '') this.#out(line);
    return { code, out };
  }

  #typed(command: string): void {
    this.#line(`  ${this.#paint.cyan(`$ ${command}`)}`);
  }

  #out(line: string): void {
    this.#line(`    ${line}`);
  }

  #line(text = ''): void {
    this.#scene.terminal.out.write(`${text}\n`);
  }
}
