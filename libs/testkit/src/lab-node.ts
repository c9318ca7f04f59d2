import { type ClientOptions, ControlPlaneClient } from './control-plane.js';

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
    options: ClientOptions = {},
  ) {
    super(() => `http://127.0.0.1:${this.served.ports.api}`, options);
    this.#serve = serve;
  }

  get running(): boolean {
    return this.#served !== undefined;
  }

  /** The control plane itself, for what REST does not show. @throws TypeError while it is stopped */
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

  /** Starts it, with what it had stored; nothing when it runs. Proxies and zones find it where it was, `url` is a new one. */
  async start(): Promise<void> {
    this.#served ??= await this.#serve();
  }

  /** Stops it in good order; nothing when it is stopped. What it stored stays. */
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
