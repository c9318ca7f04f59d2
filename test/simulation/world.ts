import { createHash } from 'node:crypto';
import { type Secret, secretText, type TokenCrypto } from '@koguma/auth';
import { loadConfig, SeededEntropy, SILENT, VirtualClock } from '@koguma/core';
import { composeGlobal, type Global } from '@koguma/global-cp';
import { type MemoryNetwork, memoryNetwork } from '@koguma/kds';
import { MemoryStore } from '@koguma/resources';
import { FixtureKeys } from '@koguma/testkit';
import { composeZone, type Zone } from '@koguma/zone-cp';
import { syncCrypto } from './sync-crypto.js';

const GLOBAL_ENV = { KUMA_MULTIZONE_GLOBAL_KDS_ZONE_INSIGHT_FLUSH_INTERVAL: '1s' };
const SLOWEST_MESSAGE_MS = 40;

interface ZoneNode {
  readonly name: string;
  readonly store: MemoryStore;
  readonly network: MemoryNetwork;
  cut: boolean;
  running: Zone | undefined;
}

/**
 * A global and its zones on one seed: virtual time, seeded chance, links in memory. All that happens goes into a
 * trace, so that two runs can be compared.
 */
export class World {
  readonly clock = new VirtualClock();
  readonly chance: SeededEntropy;
  readonly zones: ZoneNode[];
  readonly trace: string[] = [];
  global: Global | undefined;
  readonly #seed: number;
  readonly #crypto: TokenCrypto = syncCrypto(new FixtureKeys());
  readonly #store: MemoryStore;
  #crossed = '';
  #incarnation = 0;

  constructor(seed: number, zoneNames: readonly string[] = ['east', 'west']) {
    this.#seed = seed;
    this.chance = new SeededEntropy(seed);
    this.#store = new MemoryStore(this.chance.uuid());
    this.zones = zoneNames.map((name) => this.#zoneNode(name));
  }

  async start(): Promise<void> {
    await this.startGlobal();
    for (const zone of this.zones) await this.startZone(zone);
    await this.pass(1_000);
  }

  async startGlobal(): Promise<void> {
    if (this.global) return;
    this.note('global starts');
    const { config } = loadConfig({ role: 'global', env: GLOBAL_ENV });
    this.global = await this.#settled(
      composeGlobal(config, {
        store: this.#store,
        clock: this.clock,
        entropy: this.#entropy(),
        crypto: this.#crypto,
        log: SILENT,
      }),
    );
  }

  async stopGlobal(): Promise<void> {
    const { global } = this;
    if (!global) return;
    this.note('global stops');
    this.global = undefined;
    await this.#settled(global.stop());
  }

  async startZone(zone: ZoneNode): Promise<void> {
    if (zone.running) return;
    this.note(`${zone.name} starts`);
    const env = { KUMA_MULTIZONE_ZONE_NAME: zone.name, KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: 'grpc://global:5685' };
    const ports = {
      store: zone.store,
      clock: this.clock,
      entropy: this.#entropy(),
      crypto: this.#crypto,
      log: SILENT,
      dial: zone.network.dial,
    };
    zone.running = await this.#settled(composeZone(loadConfig({ role: 'zone', env }).config, ports));
  }

  async stopZone(zone: ZoneNode): Promise<void> {
    const { running } = zone;
    if (!running) return;
    this.note(`${zone.name} stops`);
    zone.running = undefined;
    await this.#settled(running.stop());
  }

  /** Nothing passes any more; with `loud` both ends see it at once, otherwise neither does. */
  cut(zone: ZoneNode, loud: boolean): void {
    this.note(`${zone.name} is cut off${loud ? ', loudly' : ''}`);
    zone.cut = true;
    if (loud) zone.network.breakAll();
  }

  /** The network works again; what hung in a silent cut is reset, as keepalives would do. */
  heal(zone: ZoneNode): void {
    if (!zone.cut) return;
    this.note(`${zone.name} is connected again`);
    zone.cut = false;
    zone.network.breakAll();
  }

  /** Lets virtual time pass: every deadline in order, and all that follows from each before the next. */
  async pass(ms: number): Promise<void> {
    const until = this.clock.mono() + ms;
    await settle();
    while (this.clock.step(until)) await settle();
    this.clock.moveTo(until);
  }

  note(event: string): void {
    this.trace.push(`${Math.round(this.clock.mono())} ${event}`);
  }

  /** Everything that ever crossed a link, as text. */
  get crossed(): string {
    return this.#crossed;
  }

  /** The token lists and keys of a zone and of global, to compare them. */
  contents(of: Global | Zone): string[] {
    return [...of.view.list('Secret'), ...of.view.list('GlobalSecret')].map(
      (secret) =>
        `${secret.mesh}/${secret.name} ${createHash('sha256')
          .update(secretText((secret as Secret).spec))
          .digest('hex')
          .slice(0, 12)}`,
    );
  }

  fingerprint(): string {
    return createHash('sha256').update(this.trace.join('\n')).digest('hex');
  }

  #zoneNode(name: string): ZoneNode {
    const node: ZoneNode = {
      name,
      store: new MemoryStore(this.chance.uuid()),
      cut: false,
      running: undefined,
      network: memoryNetwork(() => this.global?.kds, this.clock, {
        delay: () => 1 + Math.floor(this.chance.random() * SLOWEST_MESSAGE_MS),
        blocked: () => node.cut,
        tap: (direction, bytes) => {
          const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 8);
          this.note(`${name} ${direction} ${bytes.length} bytes ${digest}`);
          this.#crossed += Buffer.from(bytes).toString('latin1');
        },
      }),
    };
    return node;
  }

  #entropy(): SeededEntropy {
    return new SeededEntropy(this.#seed * 1_000 + ++this.#incarnation);
  }

  /** Waits for work that may need virtual time to pass. */
  async #settled<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const finished = work.finally(() => (done = true));
    finished.catch(() => undefined);
    await settle();
    while (!done && this.clock.step()) await settle();
    return finished;
  }
}

/** Everything that can happen without time passing has happened: microtasks, and what they start. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
