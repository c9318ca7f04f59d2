import { nodeCrypto, type RsaKey, type TokenCrypto } from '@koguma/auth';
import { type Log, loadConfig, systemClock, systemEntropy } from '@koguma/core';
import { type ServedGlobal, serveGlobal } from '@koguma/global-cp';
import { grpcDial } from '@koguma/kds';
import { MemoryStore, type ResourceStore } from '@koguma/resources';
import { type SleepingZone, serveSleepingZone } from '@koguma/zone-cp';
import { Failure } from '../failure.js';
import type { ChildStatus } from './supervisor.js';

const GLOBAL = 'global';
const HOSTNAME = 'localhost';
const ENV = {
  KUMA_STORE_TYPE: 'memory',
  KUMA_API_SERVER_HTTP_PORT: '0',
  // Nothing leaves this process but over loopback.
  KUMA_API_SERVER_HTTPS_ENABLED: 'false',
  KUMA_DIAGNOSTICS_SERVER_PORT: '0',
  KUMA_MULTIZONE_GLOBAL_KDS_TLS_ENABLED: 'false',
  KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT: '0',
};
/** To make a key takes longer than all else that a zone does to start, and each would make its own for its users. */
const WITHOUT_USER_KEYS = {
  KUMA_API_SERVER_AUTHN_TOKENS_ENABLE_ISSUER: 'false',
  KUMA_API_SERVER_AUTHN_TOKENS_VALIDATOR_USE_SECRETS: 'false',
};

interface Member {
  /** Undefined while it is stopped. */
  running: { readonly served: ServedGlobal | SleepingZone; readonly since: number } | undefined;
  readonly store: ResourceStore;
  /** Where it serves, as long as it was ever started: it takes the same port again. */
  port: number;
}

export interface CrowdParts {
  readonly zones: readonly string[];
  readonly log: (node: string) => Log;
  /** Where its log is, as people are told. */
  readonly logFile: string;
  /** Told whenever a zone comes to be in sync, or is no longer. */
  readonly onChange?: () => void;
}

/** A global and very many zones in this process: real links over loopback, stores in memory, free ports. */
export class Crowd {
  readonly #parts: CrowdParts;
  readonly #crypto = parsingOnce(nodeCrypto);
  /** Global first, then the zones in their order. */
  readonly #members: ReadonlyMap<string, Member>;
  readonly #inSync = new Set<string>();
  #kdsPort = 0;
  #look: () => unknown = () => undefined;

  constructor(parts: CrowdParts) {
    this.#parts = parts;
    this.#members = new Map([GLOBAL, ...parts.zones].map((name) => [name, member()]));
  }

  /** How many zones have all that global had when they came. */
  get inSync(): number {
    return this.#inSync.size;
  }

  /**
   * Starts global, then the zones; resolves when all zones are in sync, or when the signal ends.
   * @throws Failure when that takes too long
   */
  async startAll(signal: AbortSignal, timeoutMs: number): Promise<void> {
    for (const name of this.#members.keys()) {
      if (signal.aborted) return;
      await this.start(name);
    }
    const late = AbortSignal.timeout(timeoutMs);
    await this.#gathered(AbortSignal.any([signal, late]));
    if (!late.aborted || this.#isGathered()) return;
    const todo = `Try fewer zones, or see ${this.#parts.logFile}.`;
    throw new Failure(
      `${this.inSync} of ${this.#parts.zones.length} zones are in sync after ${timeoutMs / 1000} s`,
      todo,
    );
  }

  /** Starts one that does not run, with the store and on the port that it had. @throws Failure */
  async start(name: string): Promise<void> {
    const one = this.#member(name);
    if (one.running) throw new Failure(`${name} runs already`, 'There is nothing to do.');
    const served = await (name === GLOBAL ? this.#serveGlobal(one) : this.#serveZone(name, one));
    one.port = served.ports.api;
    one.running = { served, since: systemClock.mono() };
  }

  /** Ends one in order. @throws Failure when it does not run */
  async stop(name: string): Promise<void> {
    const one = this.#member(name);
    if (!one.running) throw new Failure(`${name} does not run`, `Start it with: npx kogumactl lab start ${name}`);
    const { served } = one.running;
    one.running = undefined;
    this.#inSync.delete(name);
    await served.stop();
  }

  /** Ends all: the zones first, who would dial again otherwise. */
  async stopAll(): Promise<void> {
    const running = [...this.#members].flatMap(([name, one]) => (one.running ? [name] : []));
    await Promise.all(running.filter((name) => name !== GLOBAL).map((name) => this.stop(name)));
    if (running.includes(GLOBAL)) await this.stop(GLOBAL);
  }

  status(): ChildStatus[] {
    return [...this.#members].map(([name, { running, port }]) => {
      const link = running && 'link' in running.served ? running.served.link : undefined;
      return {
        name,
        role: name === GLOBAL ? 'global' : 'zone',
        state: running ? 'running' : port === 0 ? 'waiting' : 'stopped',
        sync: link?.state ?? null,
        pid: running ? process.pid : null,
        uptimeSeconds: running ? Math.floor((systemClock.mono() - running.since) / 1000) : null,
        api: `http://localhost:${port}`,
        log: this.#parts.logFile,
      };
    });
  }

  async #serveGlobal(global: Member): Promise<ServedGlobal> {
    const ports = {
      KUMA_API_SERVER_HTTP_PORT: String(global.port),
      KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT: String(this.#kdsPort),
    };
    const { config } = loadConfig({ role: 'global', env: { ...ENV, ...ports } });
    const served = await serveGlobal(config, this.#ports(GLOBAL, global), HOSTNAME);
    this.#kdsPort = served.ports.kds;
    return served;
  }

  async #serveZone(name: string, zone: Member): Promise<SleepingZone> {
    const address = `grpc://127.0.0.1:${this.#kdsPort}`;
    const own = {
      KUMA_API_SERVER_HTTP_PORT: String(zone.port),
      KUMA_MULTIZONE_ZONE_NAME: name,
      KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: address,
    };
    const { config } = loadConfig({ role: 'zone', env: { ...ENV, ...WITHOUT_USER_KEYS, ...own } });
    const tls = { rootCaFile: '', skipVerify: false };
    const dial = grpcDial(address, { maxMessageSize: config.multizone.zone.kds.maxMsgSize, tls });
    const served = await serveSleepingZone(config, { ...this.#ports(name, zone), dial }, HOSTNAME);
    served.link?.watch((state) => {
      if (state === 'in-sync') this.#inSync.add(name);
      else this.#inSync.delete(name);
      this.#parts.onChange?.();
      this.#look();
    });
    return served;
  }

  #isGathered(): boolean {
    return this.#inSync.size === this.#parts.zones.length;
  }

  #gathered(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#look = () => (this.#isGathered() || signal.aborted) && resolve();
      signal.addEventListener('abort', this.#look, { once: true });
      this.#look();
    });
  }

  #ports(name: string, { store }: Member) {
    return { store, clock: systemClock, entropy: systemEntropy, crypto: this.#crypto, log: this.#parts.log(name) };
  }

  #member(name: string): Member {
    const found = this.#members.get(name);
    if (found) return found;
    const todo = 'See them with: npx kogumactl lab status';
    throw new Failure(`the lab has no control plane ${JSON.stringify(name)}`, todo);
  }
}

function member(): Member {
  return { running: undefined, store: new MemoryStore(systemEntropy.uuid()), port: 0 };
}

/** All zones get the same keys: each is parsed once for all of them. */
function parsingOnce(crypto: TokenCrypto): TokenCrypto {
  const parsed = new Map<string, RsaKey>();
  return {
    ...crypto,
    parseKey(bytes) {
      const text = Buffer.from(bytes).toString('latin1');
      const key = parsed.get(text) ?? crypto.parseKey(bytes);
      parsed.set(text, key);
      return key;
    },
  };
}
