import type { TokenCrypto } from '@koguma/auth';
import { type Config, ControlPlaneError, loadConfig, SILENT, systemEntropy } from '@koguma/core';
import type { ServedGlobal } from '@koguma/global-cp';
import { type Dial, grpcDial } from '@koguma/kds';
import { MemoryStore } from '@koguma/resources';
import { type ServedZone, serveZone } from '@koguma/zone-cp';
import { nextTurn } from './adapters/next-turn.js';
import { FixtureKeys, fixtureCrypto } from './fixture-crypto.js';
import { LabClock } from './lab-clock.js';
import { LabNode } from './lab-node.js';
import { BASE_ENV, type Env, GLOBAL, type Surroundings, Topology, type TopologyOptions } from './topology.js';

export interface WiredLabOptions extends TopologyOptions {
  /** Stands between a zone and its global, to watch or to break what passes; not where it answers undefined. */
  readonly dialThrough?: (zone: string, address: string) => Dial | undefined;
}

/** How long a condition may take before the test is told what was missing. */
const PATIENCE_MS = 5_000;

/** Starts a lab whose zones reach their global over real gRPC, and whose delays take as long as they take. */
export async function startWiredLab(options: WiredLabOptions = {}): Promise<WiredLab> {
  const lab = new WiredLab(options);
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

/** A topology whose links are real: for tests of the links themselves, and of what takes its time. */
export class WiredLab extends Topology<LabNode<ServedGlobal>, LabNode<ServedZone>> {
  readonly clock = new LabClock();
  readonly global: LabNode<ServedGlobal>;
  protected readonly env = {
    KOGUMA_MULTIZONE_ZONE_RECONNECT_BASE: '20ms',
    KOGUMA_MULTIZONE_ZONE_RECONNECT_MAX: '100ms',
  };
  readonly #dialThrough: WiredLabOptions['dialThrough'];
  readonly #crypto: TokenCrypto = fixtureCrypto(new FixtureKeys());
  #globalAddress = '';

  constructor({ dialThrough, ...options }: WiredLabOptions) {
    super(options);
    this.#dialThrough = dialThrough;
    this.global = new LabNode(GLOBAL, () => this.#startGlobal());
    for (const name of options.zones ?? ['east', 'west'])
      this.zones.set(name, new LabNode(name, () => this.serveZone(name, this.#globalAddress)));
  }

  /** A new signing key as people bring it: PEM of the private half. */
  async makeKey(): Promise<string> {
    return (await this.#crypto.makeKey()).pem;
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

  protected surroundings(): Surroundings {
    return { clock: this.clock, entropy: systemEntropy, crypto: this.#crypto };
  }

  protected dial(zone: string, { multizone, koguma }: Config): Dial {
    const { globalAddress, kds } = multizone.zone;
    const { tokenFile } = koguma.multizone.zone.kds;
    const tls = { rootCaFile: kds.rootCaFile, skipVerify: kds.tlsSkipVerify };
    return (
      this.#dialThrough?.(zone, globalAddress) ??
      grpcDial(globalAddress, { maxMessageSize: kds.maxMsgSize, tls, tokenFile })
    );
  }

  async #startGlobal(): Promise<ServedGlobal> {
    const { served, config } = await this.serveGlobal();
    const { kds } = served.ports;
    this.#globalAddress = config.multizone.global.kds.tlsEnabled
      ? `grpcs://localhost:${kds}`
      : `grpc://127.0.0.1:${kds}`;
    return served;
  }
}
