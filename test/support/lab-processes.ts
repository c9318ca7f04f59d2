import { ControlPlaneClient } from '@koguma/testkit';
import { Program, ROOT, run, scratchFolder } from './processes.js';

export const KOGUMACTL = `${ROOT}/apps/kogumactl/bin/kogumactl.js`;

/** `kogumactl up` as a person runs it: one process a control plane, SQLite in a folder of its own. */
export class LabProcesses {
  readonly global: ControlPlaneClient;
  program: Program;

  private constructor(
    readonly data: string,
    private readonly offset: number,
    private readonly more: readonly string[],
    private readonly remove: () => Promise<void>,
  ) {
    this.global = this.#client(0);
    this.program = this.#spawn();
  }

  /** @param offset is added to every port: choose one per test file */
  static async up(offset: number, ...more: string[]): Promise<LabProcesses> {
    const { path, remove } = await scratchFolder();
    const lab = new LabProcesses(path, offset, more, remove);
    await lab.program.says('Ctrl-C stops the lab');
    return lab;
  }

  /** Where the files of the user of this lab are, such as its contexts. */
  get home(): string {
    return `${this.data}/home`;
  }

  /** `index` counts from 1, in the order of `--zones`. */
  zone(index: number): ControlPlaneClient {
    return this.#client(index);
  }

  /** Starts the lab again on the same folder. */
  async again(): Promise<void> {
    this.program = this.#spawn();
    await this.program.says('Ctrl-C stops the lab');
  }

  /** `kogumactl lab …`, from another terminal. */
  async lab(...args: string[]): Promise<string> {
    const { code, output } = await run(process.execPath, [KOGUMACTL, 'lab', ...args, '--data', this.data]);
    if (code !== 0) throw new Error(`kogumactl lab ${args.join(' ')} ended with ${code}: ${output}`);
    return output;
  }

  /** Any command of `kogumactl` on this lab, with the contexts of its user. */
  async ctl(...args: string[]): Promise<{ code: number | null; output: string }> {
    const program = this.start(...args);
    return { code: await program.ended(), output: program.output };
  }

  /** The same, while it is under way. */
  start(...args: string[]): Program {
    return new Program(process.execPath, [KOGUMACTL, ...args], { HOME: this.home, KOGUMA_DATA: this.data });
  }

  /** The same, in a terminal. */
  inTerminal(...args: string[]): Program {
    return Program.inTerminal([process.execPath, KOGUMACTL, ...args], { HOME: this.home, KOGUMA_DATA: this.data });
  }

  /** Process ids of the control planes, by name. */
  async pids(): Promise<Record<string, number>> {
    const { controlPlanes } = JSON.parse(await this.lab('status', '-o', 'json')) as { controlPlanes: Row[] };
    return Object.fromEntries(controlPlanes.flatMap(({ name, pid }) => (pid === null ? [] : [[name, pid]])));
  }

  /** True when every connected zone has applied all that global has; also when global is down. */
  async isSynced(): Promise<boolean> {
    const answer = await this.global.get<SyncReport>('/koguma/sync').catch(() => undefined);
    const connected = answer?.body.zones.filter(({ state }) => state === 'Online') ?? [];
    return connected.every(({ types }) =>
      types.every(({ written, applied }) => applied !== null && applied >= written),
    );
  }

  async down(): Promise<void> {
    await this.program.end('SIGINT');
    await this.remove();
  }

  #client(index: number): ControlPlaneClient {
    return new ControlPlaneClient(() => `http://127.0.0.1:${5681 + 1000 * index + this.offset}`);
  }

  #spawn(): Program {
    const args = ['up', '--data', this.data, '--port-offset', String(this.offset), ...this.more];
    return new Program(process.execPath, [KOGUMACTL, ...args], { HOME: this.home });
  }
}

interface Row {
  readonly name: string;
  readonly pid: number | null;
}

interface SyncReport {
  readonly zones: { state: string; types: { written: number; applied: number | null }[] }[];
}
