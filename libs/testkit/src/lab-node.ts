import { ControlPlaneClient } from './control-plane.js';

interface Served {
  readonly ports: { readonly api: number; readonly diagnostics: number };
  stop(): Promise<void>;
}

/** A control plane of a lab: what it answers, and its life. */
export class LabNode<S extends Served> extends ControlPlaneClient {
  readonly #serve: () => Promise<S>;
  #served: S | undefined;

  constructor(
    readonly name: string,
    serve: () => Promise<S>,
  ) {
    super(() => `http://127.0.0.1:${this.served.ports.api}`);
    this.#serve = serve;
  }

  get running(): boolean {
    return this.#served !== undefined;
  }

  /** The control plane itself, for what REST does not show. */
  get served(): S {
    if (!this.#served) throw new TypeError(`${this.name} is stopped`);
    return this.#served;
  }

  /** Where `/ready` and `/metrics` are. */
  get diagnosticsUrl(): string {
    return `http://127.0.0.1:${this.served.ports.diagnostics}`;
  }

  /** What a load balancer learns: the status of `/ready`. */
  async readiness(): Promise<number> {
    return (await fetch(`${this.diagnosticsUrl}/ready`)).status;
  }

  async start(): Promise<void> {
    this.#served ??= await this.#serve();
  }

  async stop(): Promise<void> {
    const served = this.#served;
    this.#served = undefined;
    await served?.stop();
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }
}
