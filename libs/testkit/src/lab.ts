import { type RsaKey, signOffline, type TokenCrypto, type TokenKindName } from '@koguma/auth';
import {
  type Clock,
  ControlPlaneError,
  formatDuration,
  NANOS_PER_MILLISECOND,
  parseRfc3339,
  SeededEntropy,
  ShiftableClock,
  systemClock,
  VirtualClock,
} from '@koguma/core';
import type { ServedGlobal } from '@koguma/global-cp';
import type { Dial } from '@koguma/kds';
import type { ServedZone } from '@koguma/zone-cp';
import { readCertificate } from './adapters/certificate.js';
import type { DrivenLab } from './driven-lab.js';
import { type Duration, milliseconds } from './duration.js';
import { FixtureKeys, fixtureCrypto } from './fixture-crypto.js';
import { LabLink } from './lab-link.js';
import { LabNode } from './lab-node.js';
import { LabProxy, type ProxyOptions } from './lab-proxy.js';
import { Quiet } from './quiet.js';
import { GLOBAL, type Surroundings, Topology, type TopologyOptions } from './topology.js';
import { VirtualTime } from './virtual-time.js';

export interface LabOptions extends TopologyOptions {
  /** What decides all that is left to chance: delays on links, backoff, ids. 1 when left out. */
  readonly seed?: number;
  /** The time at which the lab begins, RFC 3339; that of the machine when left out. */
  readonly time?: string;
}

export interface UntilOptions {
  /** How much time of the lab may pass; a minute when left out. */
  readonly within?: Duration;
}

/** How much virtual time a condition may take when nobody says. */
const USUAL_LIMIT = '1m';
/** So many lives of control planes, links and proxies have chances that no other seed has. */
const SEEDS_APART = 1_000;

/** A control plane of a lab on virtual time. */
export class TimedNode<S extends ServedGlobal | ServedZone> extends LabNode<S> {
  readonly #clock: ShiftableClock;
  readonly #forget: () => void;

  constructor(
    name: string,
    serve: () => Promise<S>,
    { clock, forget, makeKey }: { clock: ShiftableClock; forget: () => void; makeKey: () => Promise<RsaKey> },
  ) {
    super(name, serve, { makeKey });
    this.#clock = clock;
    this.#forget = forget;
  }

  /** What its own clock shows, in milliseconds since the Unix epoch. */
  get now(): number {
    return this.#clock.wall();
  }

  /** Sets its clock wrong: ahead of the lab's, or behind when negative (`-90s`); `0` sets it right. */
  skew(duration: Duration): void {
    this.#clock.shift(milliseconds(duration) - this.#clock.offset);
  }

  /** Makes its own clock run so many times as fast as the lab's; `1` is as fast again, from what it shows. @throws ControlPlaneError `invalid` for 0 or less */
  pace(speed: number): void {
    this.#clock.pace(speed);
  }

  /** Ends it, and loses all that it stored, as when a disk is lost. `start` starts it anew. */
  async wipe(): Promise<void> {
    await this.stop();
    this.#forget();
  }
}

/**
 * Starts a global control plane and its zones in this process: real REST and proxies' doors on free ports, stores and links
 * in memory, on time that stands still until it is moved. Resolves when every zone is in sync.
 * @example
 * await using lab = await startLab({ zones: ['east', 'west'] });
 * lab.link('west').cut();
 * const token = await lab.zone('west').issue('dataplane', { mesh: 'default', name: 'web-1', validFor: '720h' });
 * await lab.clock.advance('721h');
 * expect((await lab.zone('west').verify(token)).reason).toBe('expired');
 */
export async function startLab(options: LabOptions = {}): Promise<Lab> {
  const lab = new Lab(options);
  await lab.start();
  return lab;
}

/** A whole topology inside a test, on virtual time. */
export class Lab extends Topology<TimedNode<ServedGlobal>, TimedNode<ServedZone>> implements DrivenLab {
  /** The time of all control planes and proxies. */
  readonly clock: VirtualTime;
  readonly global: TimedNode<ServedGlobal>;
  protected readonly env = {};
  readonly #time: VirtualClock;
  readonly #quiet = new Quiet();
  readonly #chance: SeededEntropy;
  readonly #seed: number;
  readonly #crypto: TokenCrypto;
  readonly #clocks = new Map<string, ShiftableClock>();
  readonly #links = new Map<string, LabLink>();
  readonly #proxies = new Set<LabProxy>();
  #lives = 0;

  constructor({ seed = 1, time, ...options }: LabOptions = {}) {
    super(options);
    const start = time === undefined ? systemClock.wall() : parseRfc3339(time);
    if (start === undefined) throw new TypeError(`${time} is no time: write it as 2026-01-01T00:00:00Z`);
    this.#time = new VirtualClock(start);
    this.#seed = seed;
    this.#chance = new SeededEntropy(seed);
    this.#crypto = this.#quiet.crypto(fixtureCrypto(new FixtureKeys()));
    this.#quiet.ask(() => this.#isProxyBusy());
    this.clock = new VirtualTime(this.#time, () => this.#quiet.settled());
    this.global = this.#node(GLOBAL, async () => (await this.serveGlobal()).served);
    for (const name of options.zones ?? ['east', 'west']) {
      this.zones.set(
        name,
        this.#node(name, () => this.serveZone(name, 'grpc://global:5685')),
      );
      const endpoint = () => (this.global.running ? this.global.served.endpoint : undefined);
      this.#links.set(name, new LabLink(endpoint, this.#time, this.#newChance()));
    }
  }

  /** The link between a zone and global. @throws TypeError for a zone that there is not */
  link(zone: string): LabLink {
    this.zone(zone);
    return this.#links.get(zone) as LabLink;
  }

  /** Proxies that were started and not stopped. */
  get proxies(): readonly LabProxy[] {
    return [...this.#proxies];
  }

  /** Starts a proxy of a zone. It goes on trying, on the time of the lab, until it is stopped. */
  startProxy(zone: string, options: ProxyOptions): LabProxy {
    const controlPlane = `https://localhost:${this.zone(zone).served.ports.dp}`;
    const authority = readCertificate();
    const [clock, entropy] = [this.#time, this.#newChance()];
    const proxy = new LabProxy(options, { zone, controlPlane, authority, clock, entropy });
    this.#proxies.add(proxy);
    return proxy;
  }

  async stopProxy(proxy: LabProxy): Promise<void> {
    this.#proxies.delete(proxy);
    await proxy.stop();
  }

  /** How a zone sees its own link. */
  linkState(zone: string): string {
    const node = this.zone(zone);
    return node.running ? (node.served.link?.state ?? 'stand-alone') : 'stopped';
  }

  /** Signs a token with a key at hand, without any control plane: as `kogumactl generate … --signing-key-path`. */
  async signOffline(kind: TokenKindName, request: object, key: { kid: string; pem: string }): Promise<string> {
    return signOffline(kind, request, key, { crypto: this.#crypto, clock: this.#time, entropy: this.#chance });
  }

  /** A new signing key as people bring it: PEM of the private half. */
  async makeKey(): Promise<string> {
    return (await this.#crypto.makeKey()).pem;
  }

  /**
   * Lets pass what it takes until something is so, and no more.
   * @returns how many milliseconds of the lab's time it took
   * @throws ControlPlaneError `unavailable` that says what was not so within the limit
   */
  async until(
    condition: () => boolean | Promise<boolean>,
    what: string | (() => string | Promise<string>),
    { within = USUAL_LIMIT }: UntilOptions = {},
  ): Promise<number> {
    const limit = milliseconds(within);
    const took = await this.clock.passUntil(condition, limit);
    if (took !== undefined) return took;
    const told = typeof what === 'string' ? what : await what();
    const time = formatDuration(BigInt(Math.round(limit)) * NANOS_PER_MILLISECOND);
    throw new ControlPlaneError('unavailable', `waited ${time} of the lab's time until ${told}`);
  }

  /** Ends everything. */
  override async stop(): Promise<void> {
    this.clock.freeze();
    await Promise.all(this.proxies.map((proxy) => this.stopProxy(proxy)));
    await super.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  protected surroundings(name: string): Surroundings {
    return { clock: this.#clockOf(name), entropy: this.#newChance(), crypto: this.#crypto };
  }

  protected dial(zone: string): Dial {
    return this.link(zone).dial;
  }

  /** For each life one of its own, which does not depend on what others drew meanwhile. */
  #newChance(): SeededEntropy {
    return new SeededEntropy(this.#seed * SEEDS_APART + ++this.#lives);
  }

  #node<S extends ServedGlobal | ServedZone>(name: string, serve: () => Promise<S>): TimedNode<S> {
    const makeKey = () => this.#crypto.makeKey();
    return new TimedNode(name, serve, { clock: this.#clockOf(name), forget: () => this.wipe(name), makeKey });
  }

  #clockOf(name: string): ShiftableClock {
    const clock = this.#clocks.get(name) ?? new ShiftableClock(this.#time as Clock);
    this.#clocks.set(name, clock);
    return clock;
  }

  /** While one connects, or was sent away and has not heard of it, no time passes. */
  #isProxyBusy(): boolean {
    if (this.proxies.some(({ state }) => state === 'connecting')) return true;
    return [...this.zones.values()].some(({ name, running }) => {
      const connected = this.proxies.filter((proxy) => proxy.zone === name && proxy.state === 'connected').length;
      return connected > 0 && connected > (running ? this.zone(name).served.dp.ads.streams : 0);
    });
  }
}
