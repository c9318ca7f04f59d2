import { createHash } from 'node:crypto';
import type { TokenCrypto } from '@koguma/auth';
import { type Config, loadConfig, SeededEntropy, SILENT, VirtualClock } from '@koguma/core';
import { composeGlobal, type Global } from '@koguma/global-cp';
import { type KdsEndpoint, type MemoryNetwork, memoryNetwork } from '@koguma/kds';
import { MemoryStore, type ResourceStore } from '@koguma/resources';
import { composeZone, type Zone } from '@koguma/zone-cp';
import { History } from './history.js';
import { Life } from './life.js';
import { simulatedKeys, syncCrypto } from './sync-crypto.js';

/** A fault put in on purpose, to see whether the simulation finds it. */
export interface Plant {
  readonly globalStore?: (real: ResourceStore, chance: SeededEntropy) => ResourceStore;
  readonly zoneStore?: (real: ResourceStore, chance: SeededEntropy) => ResourceStore;
  readonly endpoint?: (real: KdsEndpoint) => KdsEndpoint;
}

export type Cut = 'none' | 'both' | 'to-global' | 'to-zone';

/** A global control plane, or a replica of one. */
export interface GlobalNode {
  readonly name: string;
  readonly store: ResourceStore;
  running: { readonly plane: Global; readonly endpoint: KdsEndpoint } | undefined;
  life: Life | undefined;
}

export interface ZoneNode {
  readonly name: string;
  readonly network: MemoryNetwork;
  store: ResourceStore;
  running: Zone | undefined;
  life: Life | undefined;
  cut: Cut;
  /** Since when its network is as it is, on `mono`. */
  cutAt: number;
  /** Since when it is in sync over a network that works, on `mono`; undefined while it is not. */
  healthySince: number | undefined;
  /** Whether it is led to a global of others. */
  astray: boolean;
}

const SLOWEST_MESSAGE_MS = 40;
const ZONES = ['east', 'west', 'north'];
/** Of the notifications between replicas so many get lost. */
const LOST = 0.3;
/** How much virtual time a call may take before its caller gives up. */
const PATIENCE_MS = 30_000;

const CONFIGS = new Map<string, Config>();
function configOf(role: 'global' | 'zone', name: string): Config {
  const env =
    role === 'global'
      ? { KUMA_MULTIZONE_GLOBAL_KDS_ZONE_INSIGHT_FLUSH_INTERVAL: '1s' }
      : { KUMA_MULTIZONE_ZONE_NAME: name, KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: 'grpc://global:5685' };
  const known = CONFIGS.get(name) ?? loadConfig({ role, env }).config;
  CONFIGS.set(name, known);
  return known;
}

/**
 * One to two replicas of global, a global of others, and two or three zones, on one seed: virtual time, seeded chance,
 * links in memory. All that happens goes into a trace, so that two runs can be compared.
 */
export class World {
  readonly clock = new VirtualClock();
  readonly history: History;
  readonly globals: GlobalNode[];
  readonly stranger: GlobalNode;
  readonly zones: ZoneNode[];
  readonly trace: string[] = [];
  /** Invariants that were broken while something else was under way. */
  readonly broken: string[] = [];
  readonly #seed: number;
  readonly #weather: SeededEntropy;
  readonly #plant: Plant;
  readonly #crypto = new Map<string, TokenCrypto>();
  readonly #userKeys = new Set<string>();
  #incarnation = 0;

  constructor(seed: number, plant: Plant) {
    this.#seed = seed;
    this.#plant = plant;
    this.#weather = new SeededEntropy(seed ^ 0x5eed);
    this.history = new History(this.#cryptoOf('global'));
    const replicas = seed % 3 === 0 ? ['global-1', 'global-2'] : ['global'];
    const store = this.#globalStore(replicas.length > 1);
    this.globals = replicas.map((name) => ({ name, store, running: undefined, life: undefined }));
    const strange = new MemoryStore(this.#weather.uuid());
    this.stranger = { name: 'stranger', store: strange, running: undefined, life: undefined };
    this.zones = ZONES.slice(0, 2 + (seed % 2)).map((name) => this.#zoneNode(name));
  }

  /** Whether replicas share a store, and hear of each other's writes late where a notification was lost. */
  get replicated(): boolean {
    return this.globals.length > 1;
  }

  async start(): Promise<void> {
    for (const node of [...this.globals, this.stranger]) await this.startGlobal(node);
    for (const zone of this.zones) await this.startZone(zone);
    await this.pass(1_000);
  }

  async startGlobal(node: GlobalNode): Promise<void> {
    if (node.life?.alive) return;
    this.note(`${node.name} starts`);
    const life = this.#begin(node, () => {
      const endpoint = node.running?.endpoint;
      node.running = undefined;
      for (const { network } of this.zones) if (endpoint) this.clock.after(0, () => network.breakAll(endpoint));
    });
    const plane = await this.settled(
      life,
      composeGlobal(configOf('global', 'global'), this.#ports(node.name, life, node.store)),
    );
    if (!plane) return life.die(); // it died on the way, or took too long
    this.#keepSecret(plane);
    const endpoint = life.endpoint(plane.endpoint);
    node.running = { plane, endpoint: this.#plant.endpoint?.(endpoint) ?? endpoint };
  }

  async startZone(zone: ZoneNode): Promise<void> {
    if (zone.life?.alive) return;
    this.note(`${zone.name} starts`);
    const life = this.#begin(zone, () => {
      zone.running = undefined;
      zone.healthySince = undefined;
      this.clock.after(0, () => zone.network.breakAll());
    });
    const ports = { ...this.#ports(zone.name, life, zone.store), dial: life.dial(zone.network.dial) };
    const running = await this.settled(life, composeZone(configOf('zone', zone.name), ports));
    if (!running) return life.die();
    zone.running = running;
    this.#keepSecret(running);
    running.link?.watch((state) => {
      zone.healthySince = state === 'in-sync' && life.alive && zone.cut === 'none' ? this.clock.mono() : undefined;
    });
  }

  /** In good order. What does not end soon is ended. */
  async stop(node: GlobalNode | ZoneNode): Promise<void> {
    const { running, life } = node;
    if (!running || !life) return;
    this.note(`${node.name} stops`);
    const plane = 'plane' in running ? running.plane : running;
    await this.settled(life, plane.stop());
    life.die();
  }

  /** Nothing passes any more, or only one way; with `loud` both ends see it at once, otherwise neither does. */
  cut(zone: ZoneNode, how: Exclude<Cut, 'none'>, loud: boolean): void {
    this.note(`the network of ${zone.name} is cut (${how}${loud ? ', loudly' : ''})`);
    this.#networkIs(zone, how);
    if (loud) zone.network.breakAll();
  }

  /** The network works again; what hung in a silent cut is reset, as keepalives would do. */
  heal(zone: ZoneNode): void {
    if (zone.cut === 'none') return;
    this.note(`the network of ${zone.name} works again`);
    this.#networkIs(zone, 'none');
    zone.network.breakAll();
  }

  /** The next connections of a zone lead to a global of others, or to its own again. */
  lead(zone: ZoneNode, astray: boolean): void {
    if (zone.astray === astray) return;
    this.note(`${zone.name} is led ${astray ? 'astray' : 'home'}`);
    zone.astray = astray;
    zone.healthySince = undefined;
    zone.network.breakAll();
  }

  /** A stopped zone loses its disk. */
  wipe(zone: ZoneNode): void {
    this.note(`the disk of ${zone.name} is lost`);
    zone.store = this.#zoneStore(zone.name);
  }

  /** Lets virtual time pass: every deadline in order, and all that follows from each before the next. */
  async pass(ms: number): Promise<void> {
    const until = this.clock.mono() + ms;
    await settle();
    while (this.clock.step(until)) await settle();
    this.clock.moveTo(until);
  }

  /**
   * Waits for work that may need virtual time to pass.
   * @returns undefined when who does it died, or when its caller lost patience: then nobody knows what became of it
   */
  async settled<T>(life: Life, work: Promise<T>): Promise<T | undefined> {
    let outcome: { readonly value: T } | { readonly error: unknown } | undefined;
    work.then(
      (value) => (outcome = { value }),
      (error: unknown) => (outcome = { error }),
    );
    const limit = this.clock.mono() + PATIENCE_MS;
    await settle();
    while (!outcome && life.alive && this.clock.step(limit)) await settle();
    if (!outcome) return undefined;
    if ('error' in outcome) throw outcome.error;
    return outcome.value;
  }

  note(event: string): void {
    this.trace.push(`${Math.round(this.clock.mono())} ${event}`);
  }

  fingerprint(): string {
    return createHash('sha256').update(this.trace.join('\n')).digest('hex');
  }

  #begin(node: GlobalNode | ZoneNode, died: () => void): Life {
    const life = new Life(() => {
      this.note(`${node.name} is dead`);
      died();
    });
    node.life = life;
    return life;
  }

  #networkIs(zone: ZoneNode, cut: Cut): void {
    zone.cut = cut;
    zone.cutAt = this.clock.mono();
    zone.healthySince = undefined;
  }

  #ports(name: string, life: Life, store: ResourceStore) {
    return {
      store: life.store(store),
      clock: life.clock(this.clock),
      entropy: new SeededEntropy(this.#seed * 1_000 + ++this.#incarnation),
      crypto: life.crypto(this.#cryptoOf(name.startsWith('global') ? 'global' : name)),
      log: SILENT,
    };
  }

  #cryptoOf(name: string): TokenCrypto {
    const known = this.#crypto.get(name) ?? syncCrypto(simulatedKeys(name));
    this.#crypto.set(name, known);
    return known;
  }

  /** No byte of a users' key may ever be on a link. */
  #keepSecret({ auth }: Global | Zone): void {
    const key = auth.keys.latest('user', '');
    if (key) this.#userKeys.add(key.key.pem.slice(40, 140));
  }

  #globalStore(shared: boolean): ResourceStore {
    const real = this.history.recorded(new MemoryStore(this.#weather.uuid()));
    const store = shared ? this.#sharedBadly(real) : real;
    return this.#plant.globalStore?.(store, this.#weather) ?? store;
  }

  /** As a database is for its replicas: each hears of its own commits, and of others' mostly, late, or twice. */
  #sharedBadly(real: ResourceStore): ResourceStore {
    return {
      ...bound(real),
      shared: true,
      onCommit: (wake) =>
        real.onCommit(() => {
          if (this.#weather.random() >= LOST) this.clock.after(this.#weather.random() * SLOWEST_MESSAGE_MS, wake);
          if (this.#weather.random() < LOST) wake();
        }),
    };
  }

  #zoneStore(name: string): ResourceStore {
    const broken = (what: string) => this.broken.push(`${name} ${what}`);
    const store = this.history.followed(new MemoryStore(this.#weather.uuid()), broken);
    return this.#plant.zoneStore?.(store, this.#weather) ?? store;
  }

  #zoneNode(name: string): ZoneNode {
    const node: ZoneNode = {
      name,
      store: this.#zoneStore(name),
      running: undefined,
      life: undefined,
      cut: 'none',
      cutAt: 0,
      healthySince: undefined,
      astray: false,
      network: memoryNetwork(() => this.#globalFor(node), this.clock, {
        delay: () => 1 + Math.floor(this.#weather.random() * SLOWEST_MESSAGE_MS),
        blocked: (direction) => node.cut === 'both' || node.cut === direction,
        tap: (direction, bytes) => this.#sees(name, direction, bytes),
      }),
    };
    return node;
  }

  #globalFor(zone: ZoneNode): KdsEndpoint | undefined {
    if (zone.astray) return this.stranger.running?.endpoint;
    const up = this.globals.flatMap(({ running }) => running?.endpoint ?? []);
    return up[Math.floor(this.#weather.random() * up.length)];
  }

  #sees(zone: string, direction: string, bytes: Uint8Array): void {
    const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 8);
    this.note(`${zone} ${direction} ${bytes.length} bytes ${digest}`);
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (const key of this.#userKeys) if (text.includes(key)) this.broken.push(`a user key crosses to or from ${zone}`);
  }
}

/** The methods of a store, so that some can be replaced. */
export function bound(store: ResourceStore): ResourceStore {
  return {
    shared: store.shared,
    get: (key) => store.get(key),
    list: (type, mesh) => store.list(type, mesh),
    since: (after) => store.since(after),
    transaction: (work) => store.transaction(work),
    onCommit: (wake) => store.onCommit(wake),
    close: () => store.close(),
  };
}

/** Everything that can happen without time passing has happened: microtasks, and what they start. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
