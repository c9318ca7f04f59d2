import type { TokenCrypto } from '@koguma/auth';
import { type Config, ControlPlaneError, type Log, loadConfig, SILENT, systemEntropy } from '@koguma/core';
import { type ServedGlobal, serveGlobal } from '@koguma/global-cp';
import { type Dial, grpcDial } from '@koguma/kds';
import { MemoryStore, type ResourceStore } from '@koguma/resources';
import { type ServedZone, serveZone } from '@koguma/zone-cp';
import { nextTurn } from './adapters/next-turn.js';
import { LOCALHOST_CERTIFICATE } from './certificate.js';
import { FixtureKeys, fixtureCrypto } from './fixture-crypto.js';
import { LabClock } from './lab-clock.js';
import { LabNode } from './lab-node.js';

type Env = Readonly<Record<string, string>>;

export interface LabOptions {
  readonly zones?: readonly string[];
  /** Environment of all control planes, over the lab's own. */
  readonly env?: Env;
  /** Opens the store of a control plane each time that it starts; memory that survives a stop when left out, or undefined. */
  readonly openStore?: (name: string) => Promise<ResourceStore | undefined>;
  /** What the control planes of this lab log to; nowhere when left out. */
  readonly log?: Log;
  /** Stands between a zone and its global, to watch or to break what passes; not where it answers undefined. */
  readonly dialThrough?: (zone: string, address: string) => Dial | undefined;
}

/** How long a condition may take before the test is told what was missing. */
const PATIENCE_MS = 5_000;
const GLOBAL = 'global';
const BASE_ENV = {
  KUMA_API_SERVER_HTTP_PORT: '0',
  // TLS has tests of its own; a handshake for each connection would only make the others slow.
  KUMA_API_SERVER_HTTPS_ENABLED: 'false',
  KUMA_MULTIZONE_GLOBAL_KDS_TLS_ENABLED: 'false',
  KUMA_DIAGNOSTICS_SERVER_PORT: '0',
  KUMA_DP_SERVER_PORT: '0',
  ...LOCALHOST_CERTIFICATE,
  KOGUMA_MULTIZONE_ZONE_RECONNECT_BASE: '20ms',
  KOGUMA_MULTIZONE_ZONE_RECONNECT_MAX: '100ms',
};

/** Starts a global and its zones in this process: real REST, real gRPC, free ports, memory stores, ready-made keys. */
export async function startLab(options: LabOptions = {}): Promise<Lab> {
  const lab = new Lab(options);
  await lab.start();
  return lab;
}

/** Starts a zone that has no global, and so owns its meshes and keys itself. */
export async function startStandalone(env: Env = {}, clock = new LabClock()): Promise<LabNode<ServedZone>> {
  const store = new MemoryStore(systemEntropy.uuid());
  const crypto = fixtureCrypto(new FixtureKeys());
  const { config } = loadConfig({ role: 'zone', env: { ...BASE_ENV, ...env } });
  const dial = () => {
    throw new TypeError('a stand-alone zone dials nobody');
  };
  const ports = { store, clock, entropy: systemEntropy, crypto, log: SILENT, dial };
  const zone = new LabNode('stand-alone', () => serveZone(config, ports, 'lab'));
  await zone.start();
  return zone;
}

/** A whole topology inside a test. */
export class Lab {
  readonly clock = new LabClock();
  readonly global: LabNode<ServedGlobal>;
  readonly #options: LabOptions;
  readonly #zones: Map<string, LabNode<ServedZone>>;
  /** What each control plane that was started lives in. */
  readonly stores = new Map<string, ResourceStore>();
  readonly #configured = new Map<string, { readonly env: Env; readonly yaml: string }>();
  readonly #crypto: TokenCrypto = fixtureCrypto(new FixtureKeys());
  #kdsPort = 0;
  #globalAddress = '';

  constructor(options: LabOptions) {
    this.#options = options;
    this.global = new LabNode(GLOBAL, () => this.#startGlobal());
    this.#zones = new Map(
      (options.zones ?? ['east', 'west']).map((name) => [name, new LabNode(name, () => this.#startZone(name))]),
    );
  }

  /** Starts everything and waits until every zone is in sync. */
  async start(): Promise<void> {
    await this.global.start();
    await Promise.all([...this.#zones.values()].map((zone) => zone.start()));
    await this.synced();
  }

  async stop(): Promise<void> {
    await Promise.all([this.global.stop(), ...[...this.#zones.values()].map((zone) => zone.stop())]);
  }

  zone(name: string): LabNode<ServedZone> {
    const zone = this.#zones.get(name);
    if (!zone) throw new TypeError(`this lab has no zone ${name}: it has ${[...this.#zones.keys()].join(', ')}`);
    return zone;
  }

  /** Forgets the store of a stopped control plane, as a lost disk would. */
  wipe(name: string): void {
    this.stores.delete(name);
  }

  /** Environment of one control plane from its next start on, over that of all, and its YAML file. */
  configure(name: string, env: Env, yaml = ''): void {
    this.#configured.set(name, { env, yaml });
  }

  /** A new signing key as people bring it: PEM of the private half. */
  async makeKey(): Promise<string> {
    return (await this.#crypto.makeKey()).pem;
  }

  /** Resolves when every zone that runs has applied all that global has. */
  async synced(): Promise<void> {
    const running = [...this.#zones.values()].filter(({ running }) => running).map(({ name }) => name);
    await this.until(
      () => running.every((zone) => this.#isSynced(zone)),
      () => `zones are in sync: ${JSON.stringify(this.global.served.kds.report())}`,
    );
  }

  /** Waits for a condition, asking in each turn of the event loop. */
  async until(
    condition: () => boolean | Promise<boolean>,
    what: string | (() => string | Promise<string>),
  ): Promise<void> {
    const { mono } = this.clock;
    const start = mono();
    while (!(await condition())) {
      if (mono() - start > PATIENCE_MS) {
        throw new ControlPlaneError(
          'unavailable',
          `waited ${PATIENCE_MS} ms until ${typeof what === 'string' ? what : await what()}`,
        );
      }
      await nextTurn();
    }
  }

  #isSynced(zone: string): boolean {
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

  async #startGlobal(): Promise<ServedGlobal> {
    const config = this.#config('global', GLOBAL, { KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT: String(this.#kdsPort) });
    const global = await serveGlobal(config, await this.#ports(GLOBAL), 'lab');
    this.#kdsPort = global.ports.kds;
    this.#globalAddress = config.multizone.global.kds.tlsEnabled
      ? `grpcs://localhost:${this.#kdsPort}`
      : `grpc://127.0.0.1:${this.#kdsPort}`;
    return global;
  }

  async #startZone(name: string): Promise<ServedZone> {
    const config = this.#config('zone', name, {
      KUMA_MULTIZONE_ZONE_NAME: name,
      KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: this.#globalAddress,
    });
    const { globalAddress, kds } = config.multizone.zone;
    const { tokenFile } = config.koguma.multizone.zone.kds;
    const tls = { rootCaFile: kds.rootCaFile, skipVerify: kds.tlsSkipVerify };
    const dial =
      this.#options.dialThrough?.(name, globalAddress) ??
      grpcDial(globalAddress, { maxMessageSize: kds.maxMsgSize, tls, tokenFile });
    return serveZone(config, { ...(await this.#ports(name)), dial }, 'lab');
  }

  #config(role: 'global' | 'zone', name: string, own: Env): Config {
    const { env, yaml } = this.#configured.get(name) ?? {};
    return loadConfig({ role, yaml, env: { ...BASE_ENV, ...own, ...this.#options.env, ...env } }).config;
  }

  async #ports(name: string) {
    const store =
      (await this.#options.openStore?.(name)) ?? this.stores.get(name) ?? new MemoryStore(systemEntropy.uuid());
    this.stores.set(name, store);
    return { store, clock: this.clock, entropy: systemEntropy, crypto: this.#crypto, log: this.#options.log ?? SILENT };
  }
}
