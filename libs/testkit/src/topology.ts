import type { TokenCrypto } from '@koguma/auth';
import { type Clock, type Config, type Entropy, type Log, loadConfig, SILENT } from '@koguma/core';
import { type ServedGlobal, serveGlobal } from '@koguma/global-cp';
import type { Dial } from '@koguma/kds';
import { MemoryStore, type ResourceStore } from '@koguma/resources';
import { type ServedZone, serveZone } from '@koguma/zone-cp';
import { freePort } from './adapters/free-port.js';
import { LOCALHOST_CERTIFICATE } from './certificate.js';
import type { LabNode } from './lab-node.js';

export type Env = Readonly<Record<string, string>>;

export interface TopologyOptions {
  /** Names of the zones; `east` and `west` when left out. */
  readonly zones?: readonly string[];
  /** Environment of all control planes (`KUMA_…`, `KOGUMA_…`), over the lab's own. */
  readonly env?: Env | undefined;
  /** Opens the store of a control plane each time that it starts; memory that survives a stop when left out, or undefined. */
  readonly openStore?: ((name: string) => Promise<ResourceStore | undefined>) | undefined;
  /** Environment of single control planes, by name, over that of all. */
  readonly nodes?: Readonly<Record<string, Env>> | undefined;
  /** What the control planes of this lab log to; nowhere when left out. */
  readonly log?: Log | undefined;
}

/** What a control plane lives in: what differs between a lab on virtual time and one on real links. */
export interface Surroundings {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly crypto: TokenCrypto;
}

export const GLOBAL = 'global';

/** Every port is a free one, and nothing waits for certificates or keys to be made. */
export const BASE_ENV = {
  KUMA_API_SERVER_HTTP_PORT: '0',
  // TLS has tests of its own; a handshake for each connection would only make the others slow.
  KUMA_API_SERVER_HTTPS_ENABLED: 'false',
  KUMA_MULTIZONE_GLOBAL_KDS_TLS_ENABLED: 'false',
  KUMA_DIAGNOSTICS_SERVER_PORT: '0',
  KUMA_DP_SERVER_PORT: '0',
  ...LOCALHOST_CERTIFICATE,
};

/** A global and its zones in this process: real REST, real proxies' port, free ports, memory stores. */
export abstract class Topology<G extends LabNode<ServedGlobal>, Z extends LabNode<ServedZone>> {
  abstract readonly global: G;
  /** What each control plane that was started lives in. */
  readonly stores = new Map<string, ResourceStore>();
  protected readonly zones = new Map<string, Z>();
  readonly #options: TopologyOptions;
  readonly #configured = new Map<string, { readonly env: Env; readonly yaml: string }>();
  /** Where those that dial by themselves find each control plane, in all its lives. */
  readonly #places = new Map<string, Env>();

  constructor(options: TopologyOptions) {
    this.#options = options;
    for (const [name, env] of Object.entries(options.nodes ?? {})) this.configure(name, env);
  }

  protected abstract surroundings(name: string): Surroundings;
  protected abstract dial(zone: string, config: Config): Dial;
  /** Environment that all control planes of this sort of lab have. */
  protected abstract readonly env: Env;
  /** Waits for a condition. @throws ControlPlaneError `unavailable` that says what did not come */
  abstract until(
    condition: () => boolean | Promise<boolean>,
    what: string | (() => string | Promise<string>),
  ): Promise<unknown>;

  get zoneNames(): readonly string[] {
    return [...this.zones.keys()];
  }

  /** @throws TypeError that names the zones that there are */
  zone(name: string): Z {
    const zone = this.zones.get(name);
    if (!zone) throw new TypeError(`this lab has no zone ${name}: it has ${this.zoneNames.join(', ')}`);
    return zone;
  }

  /** Starts everything and waits until every zone is in sync. */
  async start(): Promise<void> {
    await this.global.start();
    await Promise.all([...this.zones.values()].map((zone) => zone.start()));
    await this.synced();
  }

  async stop(): Promise<void> {
    await Promise.all([this.global.stop(), ...[...this.zones.values()].map((zone) => zone.stop())]);
  }

  /** Environment of one control plane from its next start on, over that of all, and its YAML file. */
  configure(name: string, env: Env, yaml = ''): void {
    this.#configured.set(name, { env, yaml });
  }

  /** Forgets the store of a stopped control plane, as a lost disk would. */
  wipe(name: string): void {
    this.stores.delete(name);
  }

  /** Resolves when every zone that runs has applied all that global has. */
  async synced(): Promise<void> {
    const running = [...this.zones.values()].filter(({ running }) => running).map(({ name }) => name);
    await this.until(
      () => running.every((zone) => this.isSynced(zone)),
      () => `zones are in sync: ${JSON.stringify(this.global.served.kds.report())}`,
    );
  }

  /** Whether a zone has applied all that global has. */
  isSynced(zone: string): boolean {
    const { zones } = this.global.served.kds.report() as {
      zones: { zone: string; types: { written: number; applied: number | null }[] }[];
    };
    const types = zones.find((row) => row.zone === zone)?.types ?? [];
    return (
      types.length > 0 &&
      this.zone(zone).served.link?.state === 'in-sync' &&
      types.every(({ written, applied }) => applied !== null && applied >= written)
    );
  }

  protected async serveGlobal(): Promise<{ readonly served: ServedGlobal; readonly config: Config }> {
    const config = this.#config('global', GLOBAL, await this.#placeOf(GLOBAL, 'KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT'));
    return { served: await serveGlobal(config, await this.#portsOf(GLOBAL), 'lab'), config };
  }

  protected async serveZone(name: string, globalAddress: string): Promise<ServedZone> {
    const config = this.#config('zone', name, {
      KUMA_MULTIZONE_ZONE_NAME: name,
      KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: globalAddress,
      ...(await this.#placeOf(name, 'KUMA_DP_SERVER_PORT')),
    });
    return serveZone(config, { ...(await this.#portsOf(name)), dial: this.dial(name, config) }, 'lab');
  }

  async #placeOf(name: string, setting: string): Promise<Env> {
    const place = this.#places.get(name) ?? { [setting]: String(await freePort()) };
    this.#places.set(name, place);
    return place;
  }

  #config(role: 'global' | 'zone', name: string, own: Env): Config {
    const { env, yaml } = this.#configured.get(name) ?? {};
    const all = { ...BASE_ENV, ...this.env, ...own, ...this.#options.env, ...env };
    return loadConfig({ role, yaml, env: all }).config;
  }

  async #portsOf(name: string) {
    const { clock, entropy, crypto } = this.surroundings(name);
    const store = (await this.#options.openStore?.(name)) ?? this.stores.get(name) ?? new MemoryStore(entropy.uuid());
    this.stores.set(name, store);
    return { store, clock, entropy, crypto, log: this.#options.log ?? SILENT };
  }
}
