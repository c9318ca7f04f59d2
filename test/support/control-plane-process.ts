import { existsSync, readFileSync } from 'node:fs';
import { ControlPlaneClient, freePort } from '@koguma/testkit';
import { Program, ROOT } from './processes.js';

type Env = Readonly<Record<string, string>>;

/** What is said to the ports of these can be read on the wire; TLS has tests of its own. */
const WITHOUT_TLS = { KUMA_API_SERVER_HTTPS_ENABLED: 'false', KUMA_MULTIZONE_GLOBAL_KDS_TLS_ENABLED: 'false' };

/** A global or a zone as a real process, at the same address and on the same store in each of its lives. */
export class ControlPlaneProcess extends ControlPlaneClient {
  readonly #script: string;
  readonly #env: Env;
  #life: Program | undefined;

  private constructor(role: 'global' | 'zone', port: number, env: Env) {
    super(() => `http://127.0.0.1:${port}`);
    this.#script = `${ROOT}/apps/${role}-cp/bin/${role}-cp.js`;
    const others = { KUMA_DIAGNOSTICS_SERVER_PORT: '0', KUMA_DP_SERVER_PORT: '0' };
    this.#env = { KUMA_API_SERVER_HTTP_PORT: String(port), ...others, ...WITHOUT_TLS, ...env };
  }

  /** Not started yet. @param env its configuration, but for the ports for people */
  static async of(role: 'global' | 'zone', env: Env): Promise<ControlPlaneProcess> {
    return new ControlPlaneProcess(role, await freePort(), env);
  }

  /** Resolves once it serves. */
  async start(): Promise<void> {
    this.#life = new Program(process.execPath, [this.#script, 'run'], this.#env);
    await this.#life.says('"msg":"ready"');
  }

  /** Resolves once the process is gone; without one, at once. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const life = this.#life;
    this.#life = undefined;
    await life?.end(signal);
  }

  /** What it has logged in this life, one JSON object a line. */
  get log(): string {
    return this.#life?.output ?? '';
  }

  /** The most memory that it ever took in this life, in MiB; undefined where the machine does not tell. */
  get peakMemory(): number | undefined {
    const status = `/proc/${this.#life?.pid}/status`;
    const kib = existsSync(status) ? /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(status, 'utf8'))?.[1] : undefined;
    return kib === undefined ? undefined : Number(kib) / 1024;
  }
}
