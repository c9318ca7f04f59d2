import { createHash } from 'node:crypto';
import type { TokenCrypto } from '@koguma/auth';
import { type Config, loadConfig, SeededEntropy, SILENT, VirtualClock } from '@koguma/core';
import { composeGlobal, type Global } from '@koguma/global-cp';
import { type KdsEndpoint, memoryNetwork } from '@koguma/kds';
import { MemoryStore, type ResourceStore } from '@koguma/resources';
import { composeZone, type Zone } from '@koguma/zone-cp';
import { Disk } from './disk.js';
import { History } from './history.js';
import type { InvariantName } from './invariant-names.js';
import { Life } from './life.js';
import type { GlobalNode, Plant, ZoneNode } from './nodes.js';
import { sharedStore } from './shared-store.js';
import { simulatedKeys, syncCrypto } from './sync-crypto.js';
import { pass, settled } from './virtual-time.js';
import { type Cut, ZoneWeather } from './weather.js';

const ZONES = ['east', 'west', 'north'];

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
 * disks that lose what was not synced, links in memory that reorder what the wire may. All that happens goes into a trace, so that two runs can be compared.
 */
export class World {
  readonly clock = new VirtualClock();
  readonly history: History;
  readonly globals: GlobalNode[];
  readonly stranger: GlobalNode;
  readonly zones: ZoneNode[];
  readonly trace: string[] = [];
  /** Invariants that were broken while something else was under way. */
  readonly broken: (readonly [InvariantName, string])[] = [];
  readonly #seed: number;
  readonly #weather: SeededEntropy;
  readonly #plant: Plant;
  readonly #crypto = new Map<string, TokenCrypto>();
  readonly #checked = new Map<string, boolean>();
  readonly #userKeys = new Set<string>();
  #incarnation = 0;

  constructor(seed: number, plant: Plant) {
    this.#seed = seed;
    this.#plant = plant;
    this.#weather = new SeededEntropy(seed ^ 0x5eed);
    this.history = new History(this.#cryptoOf('global'));
    const replicas = seed % 3 === 0 ? ['global-1', 'global-2'] : ['global'];
    const disk = this.#disk('global');
    const store = this.#globalStore(disk, replicas.length > 1);
    const own = replicas.length > 1 ? undefined : disk;
    this.globals = replicas.map((name) => ({ name, store, disk: own, running: undefined, life: undefined }));
    const strange = new MemoryStore(this.#weather.uuid());
    this.stranger = { name: 'stranger', store: strange, disk: undefined, running: undefined, life: undefined };
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
      node.disk?.crash();
      for (const { network } of this.zones) if (endpoint) this.clock.after(0, () => network.breakAll(endpoint));
    });
    const plane = await this.settled(
      life,
      composeGlobal(configOf('global', 'global'), this.#ports(node.name, life, node.store)),
    );
    if (!plane) return life.die(); // it died on the way, or took too long
    this.#keepSecret(plane);
    const endpoint = life.endpoint(plane.endpoint);
    node.running = { plane, endpoint: this.#plant.endpoint?.(endpoint, { clock: this.clock, plane }) ?? endpoint };
  }

  async startZone(zone: ZoneNode): Promise<void> {
    if (zone.life?.alive) return;
    this.note(`${zone.name} starts`);
    const life = this.#begin(zone, () => {
      zone.running = undefined;
      zone.inSyncSince = undefined;
      zone.disk.crash();
      this.clock.after(0, () => zone.network.breakAll());
    });
    const dial = this.#plant.dial?.(zone.network.dial, this.clock) ?? zone.network.dial;
    const ports = { ...this.#ports(zone.name, life, zone.store), dial: life.dial(dial) };
    const running = await this.settled(life, composeZone(configOf('zone', zone.name), ports));
    if (!running) return life.die();
    zone.running = running;
    this.#keepSecret(running);
    running.link?.watch((state) => {
      zone.inSyncSince = state === 'in-sync' && life.alive ? this.clock.mono() : undefined;
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

  /** Nothing passes any more, or only one way; with `loud` both ends see it soon, otherwise neither does. */
  cut(zone: ZoneNode, how: Exclude<Cut, 'none'>, loud: boolean): void {
    this.note(`the network of ${zone.name} is cut (${how}${loud ? ', loudly' : ''})`);
    zone.weather.is(how);
    if (loud) zone.network.breakAll();
  }

  /** The network works again; what hung in a silent cut is reset, as keepalives would do. */
  heal(zone: ZoneNode): void {
    if (zone.weather.cut === 'none') return;
    this.note(`the network of ${zone.name} works again`);
    zone.weather.is('none');
    zone.network.breakAll();
  }

  /** The next connections of a zone lead to a global of others, or to its own again. */
  lead(zone: ZoneNode, astray: boolean): void {
    if (zone.astray === astray) return;
    this.note(`${zone.name} is led ${astray ? 'astray' : 'home'}`);
    zone.astray = astray;
    zone.inSyncSince = undefined;
    zone.network.breakAll();
  }

  /** A stopped zone loses its disk. */
  wipe(zone: ZoneNode): void {
    this.note(`the disk of ${zone.name} is lost`);
    zone.disk = this.#disk(zone.name);
    zone.store = this.#zoneStore(zone.name, zone.disk);
  }

  /** Lets virtual time pass. */
  pass(ms: number): Promise<void> {
    return pass(this.clock, ms);
  }

  /** See {@link settled}. */
  settled<T>(life: Life, work: Promise<T>): Promise<T | undefined> {
    return settled(this.clock, life, work);
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
    const known = this.#crypto.get(name);
    if (known) return known;
    const real = syncCrypto(simulatedKeys(name), this.#checked);
    const crypto = this.#plant.crypto?.(real, name, this.#weather) ?? real;
    this.#crypto.set(name, crypto);
    return crypto;
  }

  /** No byte of a users' key may ever be on a link. */
  #keepSecret({ auth }: Global | Zone): void {
    const key = auth.keys.latest('user', '');
    if (key) this.#userKeys.add(key.key.pem.slice(40, 140));
  }

  #disk(name: string): Disk {
    const syncs = () => this.#plant.syncs?.(this.#weather, name) ?? true;
    return new Disk({ epoch: this.#weather.uuid(), clock: this.clock, chance: this.#weather, syncs });
  }

  #globalStore(disk: Disk, isShared: boolean): ResourceStore {
    const real = this.history.recorded(disk);
    const store = isShared ? sharedStore(real, this.clock, this.#weather) : real;
    return this.#plant.globalStore?.(store, this.#weather) ?? store;
  }

  #zoneStore(name: string, disk: Disk): ResourceStore {
    const store = this.history.followed(disk, (invariant, what) => this.broken.push([invariant, `${name} ${what}`]));
    return this.#plant.zoneStore?.(store, this.#weather) ?? store;
  }

  #zoneNode(name: string): ZoneNode {
    const weather = new ZoneWeather(this.clock, this.#weather, (direction, bytes) =>
      this.#sees(name, direction, bytes),
    );
    const disk = this.#disk(name);
    const node: ZoneNode = {
      name,
      disk,
      store: this.#zoneStore(name, disk),
      running: undefined,
      life: undefined,
      inSyncSince: undefined,
      astray: false,
      weather,
      network: memoryNetwork(() => this.#globalFor(node), this.clock, weather),
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
    for (const key of this.#userKeys)
      if (text.includes(key)) this.broken.push(['user-key-stays', `${zone} ${direction}`]);
  }
}
